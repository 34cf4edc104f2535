"""The registry of the loss's terms, to which every new statistic is added.

`TERMS` has an entry for every term: the dataclass of its choices, the function that builds its
objective, the input of that objective and the canvases on which it works. Flags, their help, their
validation, the names in metrics.jsonl and `--recipe=help` follow from the entry. A new statistic
needs a constructor in losses/, an entry in a file of this folder and a test.
"""

from audio_texture.base import Term
from audio_texture.terms import networks, regularisers, waves
from audio_texture.terms.context import Context

TERMS: dict[str, Term] = {
    term.name: term for term in (*networks.TERMS, *waves.TERMS, *regularisers.TERMS)
}


def of_inputs(*inputs: str) -> list[Term]:
    """The terms whose objectives take one of these inputs, see `base.Term`.

    Example:
      >>> [term.name for term in of_inputs("envelope")]
      ['loudness', 'spectrum']
    """
    return [term for term in TERMS.values() if term.inputs in inputs]


__all__ = ["TERMS", "Context", "Term", "of_inputs"]
