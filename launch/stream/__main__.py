"""`python -m launch.stream`."""

from launch import cli

if __name__ == "__main__":
    cli.run("stream.program")
