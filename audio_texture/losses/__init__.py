"""The terms of a loss, one constructor each.

Each constructor returns a `base.Objective`. combinators.py puts transforms, blocks and mixtures
around them; terms/ registers them under the names of their weights.
"""

# Losses on networks' features, explicit or in closed form.
from audio_texture.losses.networks import (
    bin_grams,
    chained_gram,
    content,
    diversity,
    feature_autocorrelation,
    gaussian_transport,
    gram,
    infinite_content,
    infinite_gram,
)

# A loss on the course of events.
from audio_texture.losses.novelty import novelty

# Losses on a canvas alone, without a reference.
from audio_texture.losses.regularisers import bounds, sixth_power, total_variation

# A loss on wavelets' envelopes.
from audio_texture.losses.scattering import scattering

# Losses on a sound.
from audio_texture.losses.sounds import (
    auditory_statistics,
    autocorrelation,
    band_levels,
    envelope,
    onset_statistics,
    sliced_transport,
    texstat,
)

__all__ = [
    "auditory_statistics",
    "autocorrelation",
    "band_levels",
    "bin_grams",
    "bounds",
    "chained_gram",
    "content",
    "diversity",
    "envelope",
    "feature_autocorrelation",
    "gaussian_transport",
    "gram",
    "infinite_content",
    "infinite_gram",
    "novelty",
    "onset_statistics",
    "scattering",
    "sixth_power",
    "sliced_transport",
    "texstat",
    "total_variation",
]
