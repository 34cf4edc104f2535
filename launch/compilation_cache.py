"""Compiled programs on disk, so that only the first run of a kind waits for the compiler."""

import contextlib
import glob
import os
import re
import tempfile
import warnings

import jax
import jax.monitoring

from audio_texture import audio
from launch.errors import one_line
from launch.messages import say_once

# JAX reports faults of its cache only as warnings, known by their text.
_DAMAGED = re.compile(r"Error reading persistent compilation cache entry for '([^']+)'")
_NOT_WRITTEN = re.compile("Error writing persistent compilation cache entry")
_NOT_KEPT_LINE = (
    "warning: compiled programs cannot be kept in {!r}; the next run compiles them again."
)


def enable() -> None:
    """Keeps compiled programs in JAX_COMPILATION_CACHE_DIR, or else in the user's cache folder."""
    if not folder():
        home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        jax.config.update("jax_compilation_cache_dir", os.path.join(home, "audio_texture", "jax"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    path = folder()
    # JAX itself checks remote folders, such as gs://BUCKET.
    if "://" in path:
        return
    try:
        os.makedirs(path, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError:
        jax.config.update("jax_enable_compilation_cache", os.path.isdir(path))
        say_once(_NOT_KEPT_LINE.format(path))


def show_warnings() -> None:
    """Shows each warning about a file as one line, once, and replaces damaged compiled programs."""
    original_show = warnings.showwarning

    def show(message, category, filename, lineno, file=None, line=None):
        text = one_line(message)
        damaged = _DAMAGED.match(text)
        if issubclass(category, audio.FileWarning):
            say_once(f"warning: {text}")
        elif damaged:
            remove_programs(damaged[1])
            say_once(f"warning: a damaged program in {folder()!r} is compiled anew and replaced.")
        elif _NOT_WRITTEN.match(text):
            say_once(_NOT_KEPT_LINE.format(folder()))
        else:
            original_show(message, category, filename, lineno, file, line)

    warnings.showwarning = show
    # Whatever Python's -W says: the user must see warnings about files, and damage to the cache is
    # noticed by the others.
    warnings.filterwarnings("always", category=audio.FileWarning)
    warnings.filterwarnings(
        "always", message="Error (reading|writing) persistent compilation cache"
    )


# Number of programs that this process has compiled and kept.
_compiled: list[str] = []


def _note_event(event: str, **_) -> None:
    if event == "/jax/compilation_cache/cache_misses":
        _compiled.append(event)


jax.monitoring.register_event_listener(_note_event)


def count_compiled() -> int:
    """How many programs this process has compiled that were not kept from an earlier run."""
    return len(_compiled)


def folder() -> str:
    """The folder of compiled programs, or an address; empty where none are kept."""
    # JAX adds the attributes of its configuration at run time.
    return jax.config.jax_compilation_cache_dir or ""  # pyright: ignore[reportAttributeAccessIssue]


def remove_programs(name: str) -> None:
    """Removes all cached programs of a name: JAX does not say which of them is damaged, and does
    not replace it.
    """
    pattern = os.path.join(glob.escape(folder()), f"{glob.escape(name)}-*")
    for path in glob.glob(pattern):
        with contextlib.suppress(OSError):
            os.remove(path)
