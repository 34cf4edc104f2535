"""The flags of launch.generate."""

from audio_texture import generator_training
from audio_texture.generators import GeneratorConfig
from launch import flags
from launch.flag_set import FlagSet

# Default length of the sound, in seconds.
SECONDS = 30.0
# The last second of the sound at which a stretch may begin: four months. The longest training by
# the clock, in seconds: eleven days.
LAST_POSITION, LONGEST_TRAINING = 10_000_000, 1_000_000


def define_flags(flag_set: FlagSet) -> None:
    """Defines the program's flags."""
    flags.define_recipe_flags(
        flag_set,
        texts={"evaluations": "Length of the training in evaluations, instead of --train_seconds."},
    )
    flags.define_input_flags(flag_set, "a style each")
    flag_set.define_paths(
        "contents",
        None,
        "Sound, or folder of sounds, to train a generator with that turns any content into the "
        "style of --input; repeat for several. The recipe is then a transfer's.",
    )
    flag_set.define_float(
        "train_seconds",
        generator_training.TRAIN_SECONDS,
        "Time for the training alone, in seconds. It becomes a number of evaluations, by their "
        "speed on this machine, which config.json holds.",
        lower_bound=1,
        upper_bound=LONGEST_TRAINING,
    )
    flag_set.define_integer(
        "width",
        GeneratorConfig.width,
        "Channels of the network. More take longer and may sound better.",
        lower_bound=1,
        upper_bound=1024,
    )
    text = "Trained generator to make sound with. Styles of --input are added to it."
    flag_set.define_path("generator", None, text)
    flags.define_seed_flag(flag_set, "Seed of the training and of the sound.")
    _define_sound_flags(flag_set)
    flag_set.define_path(
        "config",
        None,
        "config.json of an earlier run, to train the same weights again. Flags that it already "
        "sets are refused.",
    )
    flags.define_output_flags(flag_set, "generate")
    flag_set.define_integer(
        "checkpoint_every",
        0,
        "Evaluations between checkpoints, from which --resume goes on after a crash. 0 keeps one "
        "only on Ctrl-C.",
        lower_bound=0,
    )
    flags.define_resume_flag(flag_set)


def _define_sound_flags(flag_set: FlagSet) -> None:
    """Defines the flags for an endless sound and what plays it."""
    flag_set.define_float("seconds", SECONDS, "Length of generated.wav, in seconds.")
    flag_set.define_float(
        "position",
        0.0,
        "Where in the endless sound generated.wav begins, in seconds.",
        lower_bound=0,
        upper_bound=LAST_POSITION,
    )
    text = "Shares of the styles in generated.wav, such as 2,1. Equal if left out."
    flag_set.define_list("weights", None, text)
    flag_set.define_list(
        "morph_to",
        None,
        "Shares of the styles at its end, such as 0,1; those of --weights are at its beginning.",
    )
    flag_set.define_boolean("page", False, "Write page.html, which plays the generator for ever.")
    flag_set.define_boolean(
        "export", False, "Write generator.stablehlo, which other programs can run."
    )
