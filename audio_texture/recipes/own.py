"""This project's own recipes: the defaults, and the quick ones."""

from audio_texture.config import make
from audio_texture.recipes.sizes import PAPER_HOP, PAPER_WINDOW
from audio_texture.views import View

OWN = (
    make(
        name="texture",
        summary=(
            "The default: infinitely wide networks over standardised bins and mel bands; "
            "optimises the waveform."
        ),
        views=(
            View(0, (1, 2), 32.0, 16.0),
            View(24, (1, 4, 8), 32.0, 16.0),
            View(8, (4, 16, 32), 64.0, 32.0),
        ),
        start="walk",
        auditory_weight=0.01,
        patches_weight=0.1,
        patches_views=(View(24, (1, 8, 32), 32.0, 8.0), View(48, (1, 8), 128.0, 32.0)),
        rhythm_weight=0.03,
        novelty_weight=1.0,
        evaluations=100,
    ),
    make(
        name="texture-fast",
        summary="The default's networks and the bands' levels alone, in fewer steps.",
        views=(View(0, (1, 2), 32.0, 16.0), View(24, (1, 4, 8), 32.0, 16.0)),
        start="walk",
        levels_weight=0.01,
        novelty_weight=1.0,
        evaluations=60,
    ),
    make(
        name="infinite-width",
        summary=(
            "The quick one: the paper's spectrogram method with the closed form in place of "
            "its filters."
        ),
        canvas="spectrogram",
        sample_rate=22050,
        views=(View(0, (1, 2, 4), PAPER_WINDOW, PAPER_HOP),),
        compression="fixed",
        bound_weight=1e-3,
        evaluations=100,
        phase_momentum=0.99,
    ),
    make(
        name="transfer",
        task="transfer",
        summary=(
            "The default of transfers: wide networks, the ear's statistics, onsets; from "
            "content and noise, each in its own units."
        ),
        views=(View(0, (1, 3), 32.0, 8.0), View(24, (2, 8, 16), 32.0, 8.0)),
        auditory_weight=0.01,
        rhythm_weight=0.03,
        # A silent part of the content has no onsets, so short stretches could not match the
        # style's onsets there; long ones can.
        stretch_seconds=6.0,
        # At 1.0, onsets of the content stay that no statistic sees, and a larger style_weight
        # does not bring the rhythm nearer to the style's.
        start_content=0.7,
        start_recoloured=True,
        evaluations=70,
    ),
)
