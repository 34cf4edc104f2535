"""metrics.give_verdict: the words for sounds of known quality, and for each measure that is off."""

import re

import pytest
from helpers import program
from metric_sounds import RATE, make_impulses

from audio_texture import metrics
from launch.flag_set import FlagSet

GOOD = {
    **dict.fromkeys((*metrics.MEASURES, *metrics.JUDGES), 0.9),
    **{"copied": 0.0, "looped": 0.02, "followed": 0.03, "self_followed": 0.0},
    **{"level_db": -0.1, "spectrum_db": 0.8},
    **{"silence": 0.0, "clicks": 0.0, "clipping": 0.0, "image_db": 0.5},
}
# For each measure: a bad value, the finding it makes, and a word of the advice.
BAD = {
    "auditory": (1.6, "largest in timbre and modulation, 1.60", "--evaluations"),
    "patches": (1.6, "largest in single events, 1.60", "--time_scale"),
    "structure": (1.6, "largest in slow structure, 1.60", "--time_scale"),
    "rhythm": (1.6, "largest in rhythm, 1.60", "--stretch_seconds"),
    "subbands": (1.6, "largest in the course of its bands, 1.60", "--evaluations"),
    "copied": (0.4, "not new (40% copied)", "longer recording"),
    "looped": (0.2, "not new (20% repeated)", "longer recording"),
    "followed": (0.3, "not new (30% follows the recording's events)", "--novelty=1"),
    "self_followed": (0.3, "not new (30% follows its own earlier events)", "--novelty=1"),
    "level_db": (-3.2, "changed (level -3.2 dB)", "--seed"),
    "spectrum_db": (4.0, "changed (spectrum 4.0 dB off)", "--levels_weight"),
    "silence": (0.08, "defects (8% more silence)", "without pauses"),
    "clicks": (2.0, "defects (2.0 clicks a second)", "--seed"),
    "clipping": (0.01, "defects (1.00% of samples clipped)", "not clipped"),
    "image_db": (5.0, "defects (stereo image 5.0 dB off)", "--evaluations"),
}


def test_a_good_texture_needs_no_advice():
    """The line has every number with its unit, and nothing to try."""
    assert str(metrics.give_verdict(GOOD)) == (
        "very like the recording (distance 0.90; its own halves are 1 apart); "
        "new (0% copied, 2% repeated, 3% follows the recording's events, 0% follows its own "
        "earlier events); level and spectrum kept (level -0.1 dB, spectrum 0.8 dB off); no defects"
    )


@pytest.mark.parametrize("measure", BAD)
def test_each_measure_that_is_off_is_named_with_one_advice(measure):
    value, words, advice = BAD[measure]
    verdict = metrics.give_verdict(GOOD | {measure: value})
    (off,) = (finding for finding in verdict.findings if finding.advice)
    assert words in off.text
    assert len(verdict.advice) == 1 and advice in verdict.advice[0]
    assert str(verdict).endswith(f". Try {verdict.advice[0]}")


def test_every_measure_has_a_rule():
    """Catches a measure of `evaluate` that the verdict would pass over."""
    assert set(metrics.MEANINGS) <= set(BAD)


@pytest.mark.parametrize(
    "ratio, word", [(0.8, "very like"), (1.2, "like"), (1.7, "related to"), (3.0, "unlike")]
)
def test_words_for_likeness(ratio, word):
    row = dict.fromkeys(metrics.MEASURES, ratio)
    (finding,) = metrics.give_verdict(row).findings
    assert finding.text.startswith(f"{word} the recording (distance {ratio:.2f};")


def test_what_was_not_measured_is_left_out():
    for measure in GOOD:
        row = {name: value for name, value in GOOD.items() if name != measure}
        verdict = metrics.give_verdict(row)
        assert not verdict.advice and str(verdict) != ""
    assert "order" not in str(metrics.give_verdict({"copied": 0.0, "looped": 0.0}))


def test_sounds_of_known_quality():
    """A draw of the same process, a copy of the recording, and noise of its spectrum."""
    reference = make_impulses(0)
    other, copy, noise = (
        str(metrics.give_verdict(metrics.evaluate(wave, reference, sample_rate=RATE)))
        for wave in (make_impulses(1), reference, metrics.shape_noise(reference, seed=0))
    )
    assert re.match("(very )?like", other) and "; new (0% copied" in other
    assert "not new (100% copied" in copy
    assert noise.startswith("unlike") and "no defects" in noise


def test_advice_names_flags_that_exist():
    """Catches a renamed flag; of measures that `evaluate` gives."""
    flag_set = FlagSet()
    program("texture").define_flags(flag_set)
    row = {measure: BAD[measure][0] for measure in metrics.MEANINGS}
    named = {
        flag
        for measure, value in row.items()
        for entry in metrics.give_verdict({measure: value}).advice
        for flag in re.findall(r"--(\w+)", entry)
    }
    assert len(named) > 5 and named <= set(flag_set.names())


GOOD_TRANSFER = {
    "onsets_kept": 0.95,
    "loudness_kept": 0.9,
    "auditory": 1.1,
    "patches": 1.2,
    "spectrum_db": 1.1,
    "copied": 0.0,
    "followed": 0.0,
    "clicks": 0.0,
    "clipping": 0.0,
}


def test_a_good_transfer_needs_no_advice():
    """Though it has the content's rhythm and not the style's."""
    row = GOOD_TRANSFER | {"rhythm": 6.3, "structure": 9.0, "chroma_kept": -0.1, "pitch_kept": None}
    verdict = metrics.give_transfer_verdict(row, content_row={"auditory": 13.6, "patches": 13.6})
    assert not verdict.advice and len(verdict.findings) == 4
    assert "most of the content's rhythm (0.95 of 1)" in str(verdict)
    assert "like the style (distance 1.15; " in str(verdict)
    assert "the content was at 13.6" in str(verdict)


@pytest.mark.parametrize(
    ("measures", "text", "advice"),
    [
        ({"onsets_kept": 0.2}, "little of the content's rhythm", "lower --style_weight"),
        ({"loudness_kept": -0.3}, "little of its loudness over time (0.00", "lower --style_weight"),
        (
            {"auditory": 5.0, "patches": 5.0},
            "unlike the style (distance 5;",
            "higher --style_weight",
        ),
        (
            {"spectrum_db": 4.0},
            "another spectrum than the style's (4.0 dB",
            "higher --style_weight",
        ),
        ({"copied": 0.4}, "defects (40% copied", "longer recording of the style"),
        ({"clicks": 3.0}, "defects (3.0 clicks a second", "another --seed"),
        ({"clipping": 0.01}, "defects (1.00% of samples clipped", "not clipped"),
    ],
)
def test_a_bad_transfer_is_told_what_to_try(measures, text, advice):
    verdict = metrics.give_transfer_verdict(GOOD_TRANSFER | measures)
    assert text in str(verdict) and len(verdict.advice) == 1 and advice in verdict.advice[0]
    flag_set = FlagSet()
    program("transfer").define_flags(flag_set)
    assert set(re.findall(r"--(\w+)", verdict.advice[0])) <= set(flag_set.names())


def test_no_advice_contradicts_another():
    """Neither a higher nor a lower weight of the style helps where both goals are missed."""
    verdict = metrics.give_transfer_verdict(GOOD_TRANSFER | {"onsets_kept": 0.2, "auditory": 9.0})
    assert len(verdict.advice) == 1 and "--style_weight" not in verdict.advice[0]


def test_every_measure_of_a_transfer_is_a_goal_or_none():
    """Catches a goal that is no measure, and one that no sound is asked."""
    goals = [name for group in metrics.TRANSFER_GOALS for name in group.measures]
    known = metrics.MEANINGS | metrics.CONTENT_MEANINGS
    assert set(goals) <= known.keys() and len(goals) == len(set(goals))
    assert {*metrics.ASKED_OF_CONTENT, *metrics.ASKED_OF_STYLE} <= known.keys()
