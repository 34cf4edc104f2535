"""The paper's conclusions as experiments: what each claims, how it is shown, and what came out; experiment.py says how one is made."""

from audio_texture.insights import carried, filters, networks, permutation, phases, receptive_field, shifts, transposition
from audio_texture.insights.experiment import Experiment, Settings, Verdict

# By claim (Huzaifah & Wyse 2019): 4 and 5 are not shown yet; 8 and 9 are our own.
FIGURES = {
    name: Experiment(claim, module.measure, module.judge, module.draw)
    for name, claim, module in (
        ("shifts", 1, shifts),
        ("networks", 2, networks),
        ("permutation", 3, permutation),
        ("carried", 3, carried),
        ("receptive-field", 6, receptive_field),
        ("transposition", 7, transposition),
        ("filters", 8, filters),
        ("phases", 9, phases),
    )
}
