"""Small recipes for tests: one view, few evaluations, half a second of sound."""

from typing import Any

from audio_texture import config
from audio_texture.views import View

VIEW = View(0, (3,), 32.0, 8.0)


def make_recipe(**choices: Any) -> config.Recipe:
    """A recipe named "some" with one view of bins; choices by name."""
    return config.make("some", "For tests.", **{"views": (VIEW,), **choices})
