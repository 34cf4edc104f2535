"""Named recipes: the default's choices, the paper's, and those of each cited system.

synthesis.py runs them all. Choices have the names of the programs' flags.
"""

import dataclasses

from audio_texture.choices import Tap
from audio_texture.config import CHOICES, NAMED, Choice, Recipe, make
from audio_texture.errors import ChoiceError, suggest
from audio_texture.terms.waves import FINE
from audio_texture.views import View

_PAPER_WINDOW, _PAPER_HOP = 1000 * 1024 / 22050, 1000 * 256 / 22050
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

RECIPES = {
    recipe.name: recipe
    for recipe in (
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
            name="infinite-width",
            summary=(
                "The quick one: the paper's spectrogram method with the closed form in place of "
                "its filters."
            ),
            canvas="spectrogram",
            sample_rate=22050,
            views=(View(0, (1, 2, 4), _PAPER_WINDOW, _PAPER_HOP),),
            compression="fixed",
            bound_weight=1e-3,
            evaluations=100,
            phase_momentum=0.99,
        ),
        make(
            name="paper-1d",
            summary=(
                "Huzaifah & Wyse 2019: 4096 random filters of width 11 on a log spectrogram, SPSI "
                "and Griffin-Lim."
            ),
            canvas="spectrogram",
            sample_rate=22050,
            level=0.0,
            views=(View(0, (11,), _PAPER_WINDOW, _PAPER_HOP),),
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
            views=(View(0, (3, 5, 7, 11, 15, 23, 37, 55), _PAPER_WINDOW, _PAPER_HOP),),
            compression="fixed",
            standardised=False,
            start="uniform",
            network="2d",
            filters=128,
            bound_weight=1e-3,
            evaluations=4000,
        ),
        make(
            name="paper-transfer-1d",
            summary=(
                "Huzaifah & Wyse 2019: 3 layers of 4096 filters over frames, style at relu_1, "
                "content at relu_3; GPU recommended."
            ),
            **_PAPER_TRANSFER,
            **_AUTHORS_NETWORK,
            views=(View(0, (11,), _PAPER_WINDOW, _PAPER_HOP),),
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
            views=(View(0, (11,), _PAPER_WINDOW, _PAPER_HOP),),
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
            views=(View(0, (3,), _PAPER_WINDOW, _PAPER_HOP),),
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
            views=(View(0, (3,), _PAPER_WINDOW, _PAPER_HOP),),
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
            views=(View(0, (11,), _PAPER_WINDOW, _PAPER_HOP),),
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
    )
}

NAMED.update(RECIPES)


def names(task: str) -> list[str]:
    """Names of the recipes for a task, "texture" or "transfer"."""
    return [recipe.name for recipe in RECIPES.values() if recipe.task == task]


def named(name: str) -> Recipe:
    """The recipe of that name. For an unknown name, ChoiceError has the nearest, or all names.

    Example:
      >>> named("texture-fast").task
      'texture'
    """
    if name not in RECIPES:
        raise ChoiceError(f"{name!r} is not a recipe{suggest(name, RECIPES)}", field="recipe")
    return RECIPES[name]


def for_transfer(recipe: Recipe) -> Recipe:
    """A texture's recipe turned into one for transfers: style_weight is 1, no start from a walk."""
    start = "standard" if recipe.canvas.start == "walk" else recipe.canvas.start
    return recipe.replace(task="transfer", style_weight=1.0, start=start)


def from_weights(recipe: Recipe, path: str) -> Recipe:
    """The recipe with the network of a weights file.

    For a network of launch.train, the views and sample rate are those of its training. ValueError:
    see `weights.load`.
    """
    from audio_texture import features, weights

    description, _ = features.load_network(recipe.replace(weights_file=path))
    layer = description.layers[0]
    network = {
        "network": description.kind,
        "initialisation": description.initialisation,
        "padding": description.padding,
        "pooling": description.pooling,
        "filters": layer.filters,
    }
    if description.kind.startswith("vgg19"):
        view = recipe.analysis.views[0] if recipe.analysis.views else FINE
        view = dataclasses.replace(view, bands=0, widths=(layer.kernel_size,))
    else:
        front = weights.read_notes(path)["front_end"]
        window, hop = (
            1000 * front[name] / front["sample_rate"] for name in ("n_fft", "hop_length")
        )
        # Its channels are frames: it takes pieces with as many frames as in training.
        width = layer.kernel_size
        if description.kind == "1d-time":
            width = (description.channels, layer.kernel_size)
        view = View(front["bands"], (width,), window, hop)
        network |= {
            "depth": len(description.layers),
            "dilation": layer.dilation,
            "pool": layer.pool,
            "sample_rate": front["sample_rate"],
        }
    return recipe.replace(
        weights_file=path,
        views=(view,),
        content_views=(),
        compression="fixed",
        standardised=False,
        **network,
    )


__all__ = [
    "CHOICES",
    "RECIPES",
    "Choice",
    "Recipe",
    "for_transfer",
    "from_weights",
    "make",
    "named",
    "names",
]
