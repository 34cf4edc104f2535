"""The registry of a loss's terms: the one place where a new statistic is entered.

`TERMS` has an entry for every term: the dataclass of its choices, the function that builds its
objective, what that objective takes and on which canvases it works. Flags, their help, validation,
the names in metrics.jsonl and `--recipe=help` follow from the entry. A new statistic is a
constructor in losses/, an entry in one of this folder's files and a test.
"""

from audio_texture.base import Term
from audio_texture.terms import networks, regularisers, waves
from audio_texture.terms.context import Context

TERMS: dict[str, Term] = {
    term.name: term for term in (*networks.TERMS, *waves.TERMS, *regularisers.TERMS)
}


def of_inputs(*inputs: str) -> list[Term]:
    """The terms whose objectives take one of these inputs, see `base.Term`."""
    return [term for term in TERMS.values() if term.inputs in inputs]


__all__ = ["TERMS", "Context", "Term", "of_inputs"]
