"""The flags of launch.stream."""

from launch import flags
from launch.flag_set import FlagSet


def define_flags(flag_set: FlagSet) -> None:
    """Defines the program's flags."""
    flags.define_recipe_flags(flag_set, "texture-fast")
    flags.define_input_flags(flag_set)
    flags.define_mixture_flags(flag_set)
    flag_set.define_float("seconds", 30.0, "Length, in seconds; 0 goes on until interrupted.")
    flags.define_seed_flag(flag_set, "Seed of the noise; another seed makes another stream.")
    flag_set.define_boolean(
        "loop", False, "Make one loop of --seconds, whose end flows into its beginning."
    )
    text = "Style file of an earlier --save_target, instead of --input."
    flag_set.define_path("target", None, text)
    flag_set.define_path(
        "generator",
        None,
        "Generator that launch.generate trained, instead of --input; much faster than real time. "
        "--weights and --morph_to are then for its styles.",
    )
    flag_set.define_path(
        "save_target",
        None,
        "File to keep the fitted style in (.safetensors), for later streams without the recording.",
    )
    flag_set.define_string(
        "output",
        "stream.wav",
        "Name of the wav file in --output_dir, or - for raw 16-bit PCM on standard output and no "
        "files.",
    )
    flags.define_output_flags(flag_set, "stream")
    flag_set.define_boolean(
        "resume",
        False,
        "Go on with the stream in --output_dir, also to another length.",
    )
