"""Networks that make endless sound in one pass, faster than it plays.

generator_training.py trains them by a recipe's loss.
"""

from audio_texture.generators.config import GeneratorConfig, Stage
from audio_texture.generators.contents import chunks_of, describe, transform
from audio_texture.generators.course import block_samples, stretch_blocks
from audio_texture.generators.export import PLATFORMS, check_export_package, export_step
from audio_texture.generators.generator import (
    BLOCK_CHUNKS,
    Generator,
    Position,
    advance,
    begin,
    blocks_from,
    compile_chunks,
    first_seconds,
    map_styles,
    stretch,
    to_output,
)
from audio_texture.generators.generator_file import (
    FORMAT,
    init_parameters,
    is_generator_file,
    load,
    save,
)
from audio_texture.generators.network import Blend, Content
from audio_texture.generators.page import write_page
from audio_texture.generators.styles import Styles, blend, fit_styles

__all__ = [
    # A trained generator, and its file.
    "Generator",
    "GeneratorConfig",
    "Stage",
    "Styles",
    "FORMAT",
    "load",
    "save",
    "is_generator_file",
    # A page that plays one.
    "write_page",
    # Sound from a seed and a position.
    "stretch",
    "blocks_from",
    "map_styles",
    "BLOCK_CHUNKS",
    "stretch_blocks",
    "block_samples",
    # The same step by step: position = begin(...), then position, wave = advance(...).
    "Blend",
    "blend",
    "Position",
    "begin",
    "advance",
    "compile_chunks",
    "to_output",
    # Transfer in one pass.
    "Content",
    "describe",
    "transform",
    # The step for programs without this library.
    "export_step",
    "check_export_package",
    "PLATFORMS",
    # What training needs.
    "chunks_of",
    "first_seconds",
    "fit_styles",
    "init_parameters",
]
