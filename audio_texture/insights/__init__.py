"""The paper's conclusions as experiments: what each claims, how it is shown, and what came out; experiment.py says how one is made."""

from audio_texture.insights import (
    carried,
    filters,
    inversion,
    networks,
    permutation,
    phases,
    receptive_field,
    shifts,
    starts,
    transposition,
    weights,
)
from audio_texture.insights.experiment import Experiment, Settings, Verdict

FIGURES = {
    name: Experiment(claim, module.measure, module.judge, module.draw)
    for name, claim, module in (
        ("shifts", 1, shifts),
        ("networks", 2, networks),
        ("permutation", 3, permutation),
        ("carried", 3, carried),
        ("inversion", 4, inversion),
        ("weights", 5, weights),
        ("receptive-field", 6, receptive_field),
        ("transposition", 7, transposition),
        ("filters", 8, filters),
        ("starts", 9, starts),
        ("phases", 9, phases),
    )
}
