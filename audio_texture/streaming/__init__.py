"""Endless textures, and loops without a seam.

A style is fitted once; blocks or loops are then made from it without the recordings.

| file | holds |
|---|---|
| style.py | a style: the statistics of the references |
| style_file.py | styles and states as files |
| stream.py | an endless texture, block by block |
| loop.py | a texture whose end flows into its beginning |
| layout.py, peaks.py | shared by both: a circular canvas, and peaks below full scale |
"""

from audio_texture.streaming.loop import Loop, check_loop, make_loop, prepare_loop
from audio_texture.streaming.stream import (
    Block,
    Stream,
    StreamState,
    check_blocks,
    init_state,
    prepare_stream,
    step,
)
from audio_texture.streaming.style import Style, check_recipe, fit_style
from audio_texture.streaming.style_file import (
    is_style_file,
    is_style_saved,
    load_state,
    load_style,
    save_state,
    save_style,
)

__all__ = [
    # A style, fitted once.
    "Style",
    "check_recipe",
    "fit_style",
    # Streams: state = init_state(stream), then state, block = step(stream, key, state).
    "Stream",
    "check_blocks",
    "StreamState",
    "Block",
    "prepare_stream",
    "init_state",
    "step",
    # Loops.
    "Loop",
    "check_loop",
    "prepare_loop",
    "make_loop",
    # Files.
    "save_style",
    "load_style",
    "is_style_file",
    "is_style_saved",
    "save_state",
    "load_state",
]
