"""Programs: flags -> config -> one library call -> files. Run them as `python -m launch.NAME` from
a checkout."""

import sys


def _prepare() -> None:
    """Before what is heavy is imported: Ctrl-C and an environment JAX refuses end in a line."""
    from launch import interrupts

    interrupts.end_at_once()
    try:
        import jax  # noqa: F401
    except (ValueError, RuntimeError) as error:
        print(f"error: the environment: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)


# While `python -m launch.NAME` looks for its module argv[0] is "-m". Who imports the package
# otherwise keeps their own handling of signals.
if sys.argv[:1] == ["-m"] and sys.orig_argv[-len(sys.argv)].removeprefix("-m").startswith(
    "launch."
):
    _prepare()
