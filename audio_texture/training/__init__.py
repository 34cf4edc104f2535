"""Training a network as a classifier of sounds, and judging it by cross-validation.

folder -> clips (with class and fold) -> log spectrograms, cached on disk -> a classifier for every
fold held out -> predictions.

B clips in a batch, T frames, F bins or mel bands.
"""

from audio_texture.training.cache import cache_example, load_example, read_or_make_example
from audio_texture.training.classifier import (
    Trainer,
    TrainState,
    augment,
    make_trainer,
    network_variables,
)
from audio_texture.training.config import READOUTS, FrontEnd, TrainingSettings
from audio_texture.training.cross_validation import (
    check_folds,
    cross_validate,
    make_batches,
    predict_nearest_mean,
    secondary_labels,
    summarise,
)
from audio_texture.training.examples import (
    Example,
    make_example,
    procedural_clips,
    read_clip,
)
from audio_texture.training.prefetch import prefetch

__all__ = [
    # Choices
    "FrontEnd",
    "TrainingSettings",
    "READOUTS",
    # Clips and their spectrograms
    "Example",
    "procedural_clips",
    "read_clip",
    "make_example",
    "cache_example",
    "read_or_make_example",
    "load_example",
    "prefetch",
    # The classifier
    "Trainer",
    "TrainState",
    "make_trainer",
    "augment",
    "network_variables",
    # Cross-validation
    "check_folds",
    "cross_validate",
    "summarise",
    "secondary_labels",
    "predict_nearest_mean",
    "make_batches",
]
