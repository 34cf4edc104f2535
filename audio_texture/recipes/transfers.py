"""The paper's recipes for transfers, and those of the systems around it that optimise a canvas."""

from audio_texture.choices import Tap
from audio_texture.config import make
from audio_texture.recipes.sizes import PAPER_HOP, PAPER_WINDOW
from audio_texture.views import View

# The paper's transfers start from the content. Its style weight of 1e7 belongs to Gram distances
# that are means over 4096^2 entries.
_PAPER_TRANSFER = {
    "task": "transfer",
    "canvas": "spectrogram",
    "sample_rate": 22050,
    "level": 0.0,
    "compression": "fixed",
    "standardised": False,
    "start": "uniform",
    "start_content": 1.0,
    "bound_weight": 1e-3,
    "evaluations": 500,
    "phase_start": "random",
    "phase_iterations": 500,
}
_AUTHORS_NETWORK = {
    "depth": 3,
    "pool": 2,
    "pooling": "max",
    "padding": "same",
    "initialisation": "uniform",
    "style_layers": (Tap("relu_1"),),
    "content_layers": (Tap("relu_3"),),
}
_VGG_LAYERS = tuple(
    f"relu{block}_{number}"
    for block, count in enumerate((2, 2, 4, 4, 4), start=1)
    for number in range(1, count + 1)
)

TRANSFERS = (
    make(
        name="paper-transfer-1d",
        summary=(
            "Huzaifah & Wyse 2019: 3 layers of 4096 filters over frames, style at relu_1, "
            "content at relu_3; GPU recommended."
        ),
        **_PAPER_TRANSFER,
        **_AUTHORS_NETWORK,
        views=(View(0, (11,), PAPER_WINDOW, PAPER_HOP),),
        filters=4096,
        normalised_by="nothing",
        balanced=False,
        style_weight=1e7,
    ),
    make(
        name="paper-transfer-2d",
        summary=(
            "Huzaifah & Wyse 2019: 18, 36 and 72 square filters over frames and bins; weights "
            "are balanced, 1e7 is for 4096 filters."
        ),
        **_PAPER_TRANSFER,
        **_AUTHORS_NETWORK,
        views=(View(0, (11,), PAPER_WINDOW, PAPER_HOP),),
        network="2d",
        filters=18,
        growth=2,
    ),
    make(
        name="paper-transfer-vgg19",
        summary=(
            "Huzaifah & Wyse 2019: VGG-19 (--weights_file) behind a random first layer; "
            "layers as in Gatys et al. 2016, balanced."
        ),
        **_PAPER_TRANSFER,
        views=(View(0, (3,), PAPER_WINDOW, PAPER_HOP),),
        network="vgg19-random",
        filters=64,
        pooling="max",
        style_layers=tuple(Tap(f"relu{block}_1") for block in range(1, 6)),
        content_layers=(Tap("relu4_2"),),
    ),
    # The style weight turns the paper's sums, 1e-2 sum (dF)^2 + sum (dG)^2 over features F and
    # Gram G, into means over features a seventh as large: 49 x 100 x 4096 filters / 420 frames.
    make(
        name="ulyanov-lebedev",
        summary=(
            "Ulyanov & Lebedev 2016: 4096 random filters of width 11, content weight 1e-2, "
            "from noise (theirs smaller)."
        ),
        **_PAPER_TRANSFER | {"start_content": 0.0, "bound_weight": 0.0, "evaluations": 300},
        views=(View(0, (11,), 1000 * 2048 / 22050, 1000 * 512 / 22050),),
        filters=4096,
        normalised_by="nothing",
        balanced=False,
        style_weight=46677.0,
    ),
    make(
        name="grinstein",
        summary=(
            "Grinstein, Duong, Ozerov & Perez 2018: starts from the content, style alone, few "
            "steps; random net, or --weights_file."
        ),
        **_PAPER_TRANSFER | {"evaluations": 100},
        views=(View(0, (11,), 1000 * 2048 / 22050, 1000 * 512 / 22050),),
        filters=4096,
        content_weight=0.0,
    ),
    make(
        name="grinstein-auditory",
        summary=(
            "Grinstein et al. 2018 with the ear's statistics (McDermott & Simoncelli 2011), on "
            "a waveform."
        ),
        task="transfer",
        views=(),
        auditory_weight=1.0,
        gain_bands=0,
        content_weight=0.0,
        start_content=1.0,
        evaluations=100,
    ),
    make(
        name="verma-smith",
        summary=(
            "Verma & Smith 2018: small 2-D filters, energy over time and over frequency; "
            "random, theirs was trained."
        ),
        **_PAPER_TRANSFER | {"sample_rate": 16000, "start_content": 0.0},
        views=(View(0, (3,), 32.0, 10.0),),
        network="2d",
        filters=32,
        growth=2,
        depth=3,
        pool=2,
        pooling="max",
        padding="same",
        style_layers=(Tap("relu_1"), Tap("relu_2"), Tap("relu_3")),
        content_layers=(Tap("relu_3"),),
        loudness_weight=1.0,
        spectrum_weight=1.0,
    ),
    make(
        name="novak-nikulin",
        summary=(
            "Novak & Nikulin 2016: all of VGG-19 (--weights_file), each layer with the next, "
            "features less 1, weights in powers of 2."
        ),
        **_PAPER_TRANSFER,
        views=(View(0, (3,), PAPER_WINDOW, PAPER_HOP),),
        network="vgg19-grey",
        filters=64,
        pooling="max",
        statistic="chained-gram",
        gram_shift=-1.0,
        style_layers=tuple(Tap(name, 2.0 ** (15 - i)) for i, name in enumerate(_VGG_LAYERS)),
        content_layers=tuple(Tap(name, 2.0**i) for i, name in enumerate(_VGG_LAYERS)),
    ),
    make(
        name="gatys-control",
        summary=(
            "Gatys et al. 2017: style by regions, loud and quiet, low and high, and the "
            "content's loudness; the default's networks."
        ),
        task="transfer",
        views=(View(0, (1, 3), 32.0, 8.0), View(24, (2, 8, 16), 32.0, 8.0)),
        guide_levels=2,
        guide_bands=2,
        envelope_of="content",
        loudness_weight=1.0,
        start_content=1.0,
        start_recoloured=True,
        evaluations=100,
    ),
    make(
        name="mahendran-vedaldi",
        summary=(
            "Mahendran & Vedaldi 2015: what a layer keeps of a content: from noise to the "
            "same activations, no style."
        ),
        **_PAPER_TRANSFER | {"start_content": 0.0, "bound_weight": 0.0, "evaluations": 400},
        views=(View(0, (11,), PAPER_WINDOW, PAPER_HOP),),
        filters=512,
        depth=3,
        pool=2,
        pooling="max",
        padding="same",
        content_layers=(Tap("relu_3"),),
        style_weight=0.0,
        balanced=False,
        variation_weight=1.0,
        power_weight=0.1,
    ),
    make(
        name="mital",
        summary=(
            "Mital 2017: networks over real and imaginary parts and magnitudes, on a waveform, "
            "content weight 0.05; GPU recommended."
        ),
        task="transfer",
        sample_rate=22050,
        views=(View(0, (8,), 1000 * 2048 / 22050, PAPER_HOP),),
        representation="real-imaginary-magnitude",
        compression="none",
        standardised=False,
        gain_bands=0,
        filters=4096,
        style_layers=(Tap("magnitudes", 0.046), Tap("relu_1")),
        content_layers=(Tap("input", 0.64), Tap("relu_1")),
        normalised_by="nothing",
        balanced=False,
        # The published sums, 0.05 of content and the Grams, as means at level 0.1 and 430 frames.
        style_weight=283.0,
        evaluations=300,
    ),
    make(
        name="mital-samples",
        summary=(
            "After Mital 2017: random filters over windows of raw samples, without a transform; "
            "on a waveform."
        ),
        task="transfer",
        sample_rate=16000,
        views=(View(0, (1,), 8.0, 2.0),),
        representation="samples",
        compression="none",
        standardised=False,
        gain_bands=0,
        filters=512,
        content_layers=(Tap("input"), Tap("relu_1")),
        evaluations=300,
    ),
)
