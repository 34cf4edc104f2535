"""The paper's recipe for textures, and those of the systems around it that optimise a canvas."""

from audio_texture.config import make
from audio_texture.recipes.sizes import PAPER_HOP, PAPER_WINDOW
from audio_texture.views import View

# 2-D networks on real and imaginary parts, as in Caracalla & Roebel 2020.
_REAL_IMAGINARY = {
    "sample_rate": 16000,
    "representation": "real-imaginary",
    "compression": "peak",
    "standardised": False,
    "gain_bands": 0,
    "network": "2d",
    "filters": 128,
    "evaluations": 400,
}

TEXTURES = (
    make(
        name="paper-1d",
        summary=(
            "Huzaifah & Wyse 2019: 4096 random filters of width 11 on a log spectrogram, SPSI "
            "and Griffin-Lim."
        ),
        canvas="spectrogram",
        sample_rate=22050,
        level=0.0,
        views=(View(0, (11,), PAPER_WINDOW, PAPER_HOP),),
        compression="fixed",
        standardised=False,
        start="uniform",
        filters=4096,
        initialisation="uniform",
        padding="same",
        pooling="max",
        normalised_by="nothing",
        style_weight=1e9,
        bound_weight=1e-3,
        evaluations=500,
    ),
    make(
        name="ustyuzhaninov",
        summary=(
            "Ustyuzhaninov, Brendel, Gatys & Bethge 2016: shallow random 2-D nets of eight "
            "sizes; Grams of each by itself."
        ),
        canvas="spectrogram",
        sample_rate=22050,
        level=0.0,
        views=(View(0, (3, 5, 7, 11, 15, 23, 37, 55), PAPER_WINDOW, PAPER_HOP),),
        compression="fixed",
        standardised=False,
        start="uniform",
        network="2d",
        filters=128,
        bound_weight=1e-3,
        evaluations=4000,
    ),
    make(
        name="antognini",
        summary=(
            "Antognini, Hoffman & Weiss 2019: six random nets, Gram, autocorrelation and "
            "diversity; a log spectrogram."
        ),
        canvas="spectrogram",
        sample_rate=16000,
        views=(View(0, (2, 4, 8, 16, 32, 64), 32.0, 8.0),),
        compression="fixed",
        standardised=False,
        # The paper starts from raw values, which is far from converged within this budget.
        start="standard",
        filters=512,
        autocorrelation_weight=1e3,
        diversity_weight=1e-3,
        evaluations=500,
        phase_iterations=200,
    ),
    make(
        name="mcdermott-simoncelli",
        summary=(
            "McDermott & Simoncelli 2011: the ear's envelope statistics alone, on a waveform; "
            "L-BFGS on all bands at once."
        ),
        views=(),
        auditory_weight=1.0,
        gain_bands=0,
    ),
    make(
        name="caracalla-roebel",
        summary=(
            "Caracalla & Roebel 2020: 2-D random nets on real and imaginary parts, a Gram for "
            "every bin; a waveform."
        ),
        **_REAL_IMAGINARY,
        views=(View(0, (3, 5, 7, 11, 15, 19, 23, 27), 32.0, 16.0),),
        statistic="bin-grams",
    ),
    make(
        name="gaussian-ot",
        summary=(
            "Gaussian optimal transport between maps of 2-D random nets on real and imaginary "
            "parts; a waveform."
        ),
        **_REAL_IMAGINARY,
        views=(View(0, ((2, 101), (3, 53), (5, 11), 3, 7, 11, 19, 27), 32.0, 16.0),),
        initialisation="narrow",
        statistic="transport",
        history=25,
    ),
    make(
        name="texstat",
        summary=(
            "Gutierrez, Font, Serra & Wyse 2025, TexStat alone; theirs trains networks, here a "
            "waveform is optimised."
        ),
        views=(),
        texstat_weight=1.0,
        gain_bands=0,
        evaluations=150,
    ),
    make(
        name="scattering",
        summary=(
            "Bruna & Mallat 2013: scattering moments of two orders alone, on a waveform, from "
            "noise; their logarithms."
        ),
        views=(),
        scattering_weight=1.0,
        gain_bands=0,
        evaluations=100,
    ),
)
