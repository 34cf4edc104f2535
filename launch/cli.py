"""The entry of every program: what comes before JAX is imported, and how the process ends.

A program is a module with `define_flags(flag_set)` and `main(values, given)`, which returns the
exit status; values: of all flags by name; given: names of the flags on the command line.
"""

import contextlib
import importlib
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any, NoReturn

from launch import first_look, interrupts, messages

FULL_HELP = ("--helpfull", "-helpfull")
HELP = ("--help", "-help", "-h", "--helpshort", *FULL_HELP)
VERSION = ("--version", "-version")


def run(name: str, arguments: Sequence[str] | None = None, **options: Any) -> NoReturn:
    """Runs launch.NAME and ends the process.

    Bad input ends it with one line on standard error and exit status 2, Ctrl-C with one and 130.
    To be called before JAX is imported, as both may happen during that import.

    Args:
      name: of the program's module.
      arguments: of its command line; by default those of this process.
      **options: keyword arguments of its `define_flags`.
    """
    interrupts.end_at_once()
    arguments = sys.argv[1:] if arguments is None else arguments
    if set(VERSION) & set(arguments):
        show_version()
    messages.doing("starting")
    if sys.stderr.isatty() and (text := first_look.describe_sounds(arguments)):
        messages.doing(f"reading {text}")
    _import_jax()
    with _ending_when_interrupted():
        module = importlib.import_module(f"launch.{name}")
        status = call(module, arguments, prepare=_prepare_process, **options)
        if status == interrupts.STATUS:
            interrupts.end_now()
        sys.exit(status)


def show_version() -> NoReturn:
    """Shows the versions that results depend on, and ends the process."""
    from launch import versions

    messages.show(versions.describe())
    sys.exit(0)


@contextlib.contextmanager
def _ending_when_interrupted() -> Iterator[None]:
    """Ends the process in order where Ctrl-C breaks into the code."""
    try:
        with interrupts.of_one_kind():
            yield
    except KeyboardInterrupt:
        interrupts.end()


def call(
    module: ModuleType,
    arguments: Sequence[str],
    *,
    prepare: Callable[[dict[str, Any]], None] | None = None,
    **options: Any,
) -> int:
    """Runs a program within this process; its exit status. Bad input is one line and status 2.

    Args:
      module: the program.
      arguments: of the command line, without its name.
      prepare: called with the values of all flags before the program begins.
      **options: keyword arguments of its `define_flags`.
    """
    from launch import inputs
    from launch.command import note_arguments
    from launch.errors import Finished, UserError, one_line
    from launch.flag_set import FlagSet

    messages.begin()
    inputs.forget()
    interrupts.forget()
    note_arguments(arguments)
    flag_set = FlagSet()
    module.define_flags(flag_set, **options)
    try:
        if set(HELP) & set(arguments):
            _show_help(module, flag_set, arguments)
            return 0
        values, given = flag_set.parse(arguments)
        if prepare:
            prepare(values)
        return module.main(values, given)
    except Finished:
        return 0
    except UserError as error:
        messages.say(f"error: {one_line(error)}")
        return 2


def _show_help(module: ModuleType, flag_set: Any, arguments: Sequence[str]) -> None:
    """Shows the help of a program. UserError where --recipe is none."""
    from launch import help

    program = module.__name__.removeprefix("launch.").removesuffix(".program")
    describe = help.full_help if set(FULL_HELP) & set(arguments) else help.first_help
    messages.show(describe(program, module.__doc__ or "", flag_set, arguments))


def _import_jax() -> None:
    """Imports JAX; an environment that it refuses ends the process with a line."""
    # The user need not be told that there is no accelerator.
    logging.getLogger("jax._src.xla_bridge").setLevel(logging.WARNING)
    try:
        import jax  # noqa: F401
    except (ValueError, RuntimeError) as error:
        messages.say(f"error: the environment: {' '.join(str(error).split())}")
        sys.exit(2)


def _prepare_process(values: dict[str, Any]) -> None:
    """Sets up JAX, signals, warnings and the compilation cache for a process that runs a program.

    UserError, naming the variable, where the environment asks for devices that are not there.
    """
    from launch import compilation_cache, environment
    from launch.errors import UserError

    changed = environment.settle()
    if changed:
        messages.say(f"{', '.join(changed)}: ignored, as samples do not depend on the environment")
    try:
        environment.check()
        # Processes that share a sweep must meet before JAX looks for devices.
        if not values.get("distributed"):
            environment.check_backend()
    except ValueError as error:
        raise UserError(f"the environment: {error}") from error
    interrupts.raise_once()
    compilation_cache.show_warnings()
    compilation_cache.enable()
