"""Named recipes: the default's choices, the paper's, and those of each cited system.

synthesis.py runs them all. Choices have the names of the programs' flags. `own` has this project's
recipes, `textures` and `transfers` those of published systems, `direct` those that optimise
nothing.
"""

import dataclasses

from audio_texture.config import CHOICES, NAMED, Choice, Recipe, make
from audio_texture.errors import ChoiceError, suggest
from audio_texture.recipes.direct import DIRECT
from audio_texture.recipes.own import OWN
from audio_texture.recipes.sizes import CPU_SIZES
from audio_texture.recipes.textures import TEXTURES
from audio_texture.recipes.transfers import TRANSFERS
from audio_texture.terms.waves import FINE
from audio_texture.views import View

RECIPES = {recipe.name: recipe for recipe in (*OWN, *TEXTURES, *TRANSFERS, *DIRECT)}

NAMED.update(RECIPES)


def names(task: str) -> list[str]:
    """Names of the recipes for a task, "texture" or "transfer"."""
    return [recipe.name for recipe in RECIPES.values() if recipe.task == task]


def optimising(task: str) -> list[str]:
    """Names of the recipes for a task that optimise a canvas, without those in one pass."""
    return [name for name in names(task) if not RECIPES[name].is_direct]


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
    recipe.check_optimises("the style of a transfer")
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
    "CPU_SIZES",
    "RECIPES",
    "Choice",
    "Recipe",
    "for_transfer",
    "from_weights",
    "make",
    "named",
    "names",
    "optimising",
]
