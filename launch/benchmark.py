"""Measures speed and memory, as ratios within one run.

    python -m launch.benchmark                                            # all cases, a quarter of an hour on two cores
    python -m launch.benchmark --cases=style-distance                     # half a minute
    python -m launch.benchmark --cases=texture --input=rain.wav

Writes benchmark.json, and files.json, the record of it, into --output_dir: rows {"case", "name",
"shape", "compile_s", "run_ms", "peak_mb", "ratio"}; ratio is the time of the case's first row
divided by this row's, and every row has a process of its own, so that its peak is its own.

style-distance  value and gradient of the Gram distance at 513 bins x 431 frames, width 11: of 4096 explicit filters by their
                Grams, by frames x frames, in closed form; and six frames x frames matmuls, the closed form's floor.
texture         `python -m launch.texture` from the shell to files, with an empty and a filled compilation cache, and long results.
phase           magnitudes of 5 s to a wave; `convergence` is the spectral convergence reached.
"""

import concurrent.futures
import contextlib
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags

from audio_texture import audio, combinators, infinite_width, losses, phase, sounds, spectrogram
from audio_texture.layer import Layer
from launch import cli, given, interrupts, run_io

RESULT = "benchmark.json"
FRAMES, BINS, LAYERS = 431, 513, (Layer(kernel_size=11, filters=4096),)


def _timed(function: Callable, *arguments) -> tuple[float, float]:
    """Seconds of the first call beyond a later one's, and milliseconds of a later one: the median of five, or of two seconds' worth."""
    times = []
    while len(times) < 6 or sum(times[1:]) < 2.0:
        began = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        times.append(time.perf_counter() - began)
    run = float(np.median(times[1:]))
    return times[0] - run, 1000 * run


def style_distance(name: str) -> dict[str, Any]:
    """One row of the case style-distance."""
    x, y = (
        jnp.abs(jax.random.normal(key, (FRAMES, BINS)))
        for key in jax.random.split(jax.random.key(0))
    )
    if name == "floor":
        matmuls = jax.jit(
            lambda x, y: (
                infinite_width.frame_products(x, x) @ y,
                infinite_width.frame_products(x, y) @ x,
                infinite_width.frame_products(y, y) @ x,
            )
        )
        compile_s, run_ms = _timed(matmuls, x, y)
    else:
        if name == "closed-form":
            style = losses.infinite_gram([LAYERS])
        else:
            from audio_texture import networks

            net = networks.FrequencyAsChannels(LAYERS)
            features = lambda weights, x: {"relu_1": net.apply(weights, x)["relu_1"]}
            style = combinators.of_network(
                net.init,
                features,
                jax.random.key(1),
                losses.gram(form={"explicit": "direct", "frames": "frames"}[name]),
            )
        target = jax.jit(style.fit)(y)
        compile_s, run_ms = _timed(
            jax.jit(jax.value_and_grad(lambda x, target: style.distance(target, x)[0])), x, target
        )
    return {"shape": f"{BINS} bins x {FRAMES} frames", "compile_s": compile_s, "run_ms": run_ms}


def phase_recovery(name: str) -> dict[str, Any]:
    """One row of the case phase."""
    wave = sounds.make("rain", jax.random.key(0), 5.0, 22050)
    magnitude = jnp.abs(spectrogram.stft(wave, n_fft=1024, hop_length=256))
    random = phase.random_phase(jax.random.key(0), magnitude)
    hop = {"hop_length": 256}
    ways = {
        "griffin-lim-50": lambda magnitude: phase.griffin_lim(
            magnitude, random, **hop, iterations=50
        ),
        "fast-griffin-lim-50": lambda magnitude: phase.griffin_lim(
            magnitude, random, **hop, iterations=50, momentum=0.99
        ),
        "spsi": lambda magnitude: phase.griffin_lim(
            magnitude, phase.spsi(magnitude, **hop), **hop, iterations=0
        ),
        "spsi+griffin-lim-50": lambda magnitude: phase.griffin_lim(
            magnitude, phase.spsi(magnitude, **hop), **hop, iterations=50
        ),
        "spsi+fast-griffin-lim-50": lambda magnitude: phase.griffin_lim(
            magnitude, phase.spsi(magnitude, **hop), **hop, iterations=50, momentum=0.99
        ),
    }
    way = jax.jit(ways[name])
    compile_s, run_ms = _timed(way, magnitude)
    convergence = phase.spectral_convergence(way(magnitude), magnitude, **hop)
    return {
        "shape": f"{magnitude.shape[1]} bins x {len(magnitude)} frames",
        "compile_s": compile_s,
        "run_ms": run_ms,
        "convergence": float(convergence),
    }


def texture(name: str, source: str) -> dict[str, Any]:
    """One row of the case texture: a whole run, as a user waits for it; name is recipe-seconds-cache, and warm runs twice."""
    recipe, seconds, cache = name.rsplit("-", 2)
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": os.path.join(folder, "cache")}
        command = [
            sys.executable,
            "-m",
            "launch.texture",
            f"--recipe={recipe}",
            f"--seconds={seconds.removesuffix('s')}",
            f"--input={source}",
            f"--output_dir={folder}/run",
            "--overwrite",
        ]
        times = []
        for _ in range(2 if cache == "warm" else 1):
            began = time.perf_counter()
            subprocess.run(
                command,
                env=environment,
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            times.append(time.perf_counter() - began)
    # Of a warm row, compile_s is what the first run took longer: cold is the sum.
    children_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
    return {
        "shape": f"{seconds} of sound",
        "compile_s": times[0] - times[-1] if cache == "warm" else None,
        "run_ms": 1000 * times[-1],
        "peak_mb": children_mb,
    }


CASES = {
    "style-distance": (style_distance, ("explicit", "frames", "closed-form", "floor")),
    "texture": (
        texture,
        (
            "texture-5s-warm",
            "texture-10s-cold",
            "texture-60s-cold",
            "infinite-width-5s-warm",
            "infinite-width-10s-cold",
            "infinite-width-60s-cold",
            "paper-1d-5s-cold",
        ),
    ),
    "phase": (
        phase_recovery,
        (
            "griffin-lim-50",
            "fast-griffin-lim-50",
            "spsi",
            "spsi+griffin-lim-50",
            "spsi+fast-griffin-lim-50",
        ),
    ),
}


def row(case: str, name: str, *arguments: Any) -> dict[str, Any]:
    """A row of benchmark.json, measured in the calling process."""
    found = {"case": case, "name": name, **CASES[case][0](name, *arguments)}
    return {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000} | found


def _heed_the_parent() -> None:
    """A child ends when its parent says so; Ctrl-C is for the parent, and what a child has started
    ends with it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


@contextlib.contextmanager
def _ended_when_interrupted() -> Iterator[None]:
    """Ends the children where this process is interrupted, which would wait for them otherwise."""
    try:
        yield
    except KeyboardInterrupt:
        for child in multiprocessing.active_children():
            child.terminate()
        raise


def main() -> int:
    given.refuse_if(
        {
            "input": (
                "texture" not in _CASES.value,
                "it is for the case texture, which is not asked for",
            )
        }
    )
    record = run_io.check_output_folder(
        _OUTPUT_DIR.value, names=[RESULT], inputs=[_INPUT.value], overwrite=_OVERWRITE.value
    )
    with cli.naming("input"):
        audio.read(_INPUT.value) if not _INPUT.value.startswith(cli.EMBEDDED) else cli.read_sound(
            _INPUT.value, start=0, seconds=1
        )
    try:
        rows = _measured()
    except KeyboardInterrupt:
        cli.say("interrupted; nothing was made: benchmark.json has all rows or none")
        return interrupts.STATUS
    output = run_io.claim(_OUTPUT_DIR.value, record, program="benchmark", first={})
    output.write_json(RESULT, rows)
    return int(output.failed)


def _measured() -> list[dict[str, Any]]:
    """All rows, each printed as soon as it is there."""
    rows: list[dict[str, Any]] = []
    fresh = {
        "max_workers": 1,
        "max_tasks_per_child": 1,
        "mp_context": multiprocessing.get_context("spawn"),
        "initializer": _heed_the_parent,
    }
    with concurrent.futures.ProcessPoolExecutor(**fresh) as processes, _ended_when_interrupted():
        for case in _CASES.value:
            first = None
            for name in CASES[case][1]:
                arguments = (_INPUT.value,) if case == "texture" else ()
                found = processes.submit(row, case, name, *arguments).result()
                first = first or found["run_ms"]
                rows.append(found | {"ratio": first / found["run_ms"]})
                compiled = (
                    ""
                    if found["compile_s"] is None
                    else f"compiled in {found['compile_s']:.2f} s, "
                )
                cli.show(
                    f"{case:15} {name:26} {compiled}{found['run_ms']:.1f} ms, x{rows[-1]['ratio']:.2f}, peak {found['peak_mb']:.0f} MB"
                )
    return rows


if __name__ == "__main__":
    _CASES = flags.DEFINE_multi_enum(
        "cases", list(CASES), list(CASES), "What to measure; repeat for several."
    )
    _INPUT = cli.define_path(
        "input", f"{cli.EMBEDDED}rain", "What the case texture makes a texture of."
    )
    _OUTPUT_DIR = cli.define_path("output_dir", "output/benchmark", "Folder for benchmark.json.")
    _OVERWRITE = flags.DEFINE_bool(
        "overwrite", False, "Whether an earlier benchmark.json in --output_dir may be replaced."
    )
    cli.run(main)
