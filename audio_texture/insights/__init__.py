"""The paper's conclusions as experiments; experiment.py says what an experiment is.

The module of an experiment is imported only by `load_experiment`.
"""

import importlib

from audio_texture.insights.experiment import Experiment, ExperimentSettings, Verdict

__all__ = ["CLAIMS", "Experiment", "ExperimentSettings", "Verdict", "load_experiment"]

# Name of an experiment -> number of its claim; each claim has its own.
CLAIMS = {
    "shifts": 1,
    "networks": 2,
    "permutation": 3,
    "carried": 4,
    "inversion": 5,
    "weights": 6,
    "receptive-field": 7,
    "transposition": 8,
    "filters": 9,
    "starts": 10,
    "phases": 11,
    "orders": 12,
}


def load_experiment(name: str) -> Experiment:
    """Returns the experiment of a name in CLAIMS, after importing its module.

    Example:
      >>> load_experiment("permutation").describe()["rule"][:30]
      'at blocks of four times the sh'
    """
    module = importlib.import_module(f"audio_texture.insights.{name.replace('-', '_')}")
    return Experiment(CLAIMS[name], module.measure, module.judge, module.draw)
