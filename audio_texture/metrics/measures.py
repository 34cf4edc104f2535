"""Names of the measures, what each one means, and the units that make their terms comparable.

`MEASURES` are likeness ratios, in which 1 is the distance between the two halves of the reference:

    ratio = mean_ij D(candidate piece i, half j) / D(half 1, half 2)

All pieces have one duration, so averages over few seconds are equally uncertain on both sides.
Another recording of the same texture scores about 1. A verbatim copy scores about 0.5, since one of
its two distances is 0. Below 1 a result follows details of this one recording; `copied` and
`followed` say whether it repeats the recording's samples or its course of events, `looped` and
`self_followed` whether it repeats its own.

D is a mean of terms, each divided by its median over recordings (`UNITS`). The distance between the
halves counts at least `FLOOR` of that median: two halves can be alike by chance, and the reference
may be a loop.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from audio_texture import auditory

MEASURES = ("auditory", "patches", "structure", "rhythm")
# Likeness ratios too, of statistics that no recipe optimises; a mean of `MEASURES` leaves them out.
JUDGES = ("subbands",)
FLOOR = 0.3  # least distance between halves, as a share of the median one

MEANINGS = {
    "auditory": "distance as the ear hears it: 1 = between the reference's own halves, lower is "
    "nearer, a copy has 0.5",
    "patches": "distance of log-mel patches of 8 ms to 1 s; same scale as auditory",
    "structure": "distance of patches of 0.5 and 1 s and of slow modulation; same scale",
    "rhythm": "distance of onsets: heights, gaps, rate, modulation; same scale",
    "subbands": "distance of third-octave envelopes, by statistics that no recipe optimises; same "
    "scale",
    "copied": "share of quarter seconds taken from the reference; good is 0",
    "looped": "share of quarter seconds that repeat another part of the candidate; good is 0",
    "followed": "share of half seconds that follow the reference's sequence of events; good is 0",
    "self_followed": "share of half seconds that follow another part of the candidate; good is 0",
    "spectrum_db": "error of third-octave levels, dB RMS; good is under 2",
    "level_db": "candidate's level minus reference's, dB; good is near 0",
    "silence": "share of silent windows of 50 ms beyond the reference's; good is 0",
    "clicks": "jumps per second unlike any in the reference; good is 0",
    "clipping": "share of samples stuck at full scale; good is 0",
    "image_db": "error of the stereo image: levels of channels, and of difference to sum, by band, "
    "dB; good is under 2",
}
CONTENT_MEANINGS = {
    "onsets_kept": "correlation with the content's onset strength; 1 = the content's own, "
    "0 = none of it",
    "chroma_kept": "correlation with the content's pitch classes, frame by frame; same scale as "
    "onsets_kept, but noise with its spectrum has some",
    "pitch_kept": "correlation with the content's pitch contour where it is voiced; same "
    "scale as onsets_kept",
    "loudness_kept": "correlation with the content's loudness contour; same scale as onsets_kept",
}

# Median distance of each term between the halves of a recording: halves of 2.5 s of 128 clips of
# ESC-10 in nine classes that are not mostly silence. For the auditory groups see auditory.UNITS.
UNITS = {
    "auditory": auditory.UNITS._asdict(),
    "patches": {
        "8ms x 1": 0.33,
        "8ms x 8": 0.38,
        "8ms x 32": 0.36,
        "32ms x 1": 0.43,
        "32ms x 8": 0.47,
        "32ms x 32": 0.53,
    },
    "structure": {"0.5s": 0.38, "1s": 0.44, "modulation": 0.90},
    "rhythm": {"heights": 0.15, "gaps": 0.14, "rate": 0.09, "modulation": 0.85},
    "subbands": {
        "levels": 0.64,
        "distribution": 0.50,
        "changes": 0.14,
        "slow changes": 0.24,
        "repetition": 0.115,
        "coupling": 0.11,
        "order": 0.11,
    },
}


def explain_measure(measure: str) -> str:
    """One line on what a measure says and which values are good.

    `heldout_*` measures are those of `evaluate_heldout`.

    Example:
      >>> explain_measure("copied")
      'share of quarter seconds taken from the reference; good is 0'
    """
    if measure.startswith("heldout_"):
        return (
            f"{measure.removeprefix('heldout_')} on the half kept back; "
            "1 = what the reference itself scores, lower is nearer"
        )
    return (MEANINGS | CONTENT_MEANINGS)[measure]


def better_end(measure: str) -> str:
    """Which values of a measure are better: "lower", "higher" or "near 0".

    Example:
      >>> [better_end(measure) for measure in ("auditory", "onsets_kept", "level_db")]
      ['lower', 'higher', 'near 0']
    """
    if measure in CONTENT_MEANINGS:
        return "higher"
    return "near 0" if measure == "level_db" else "lower"


def format_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """A text table with one row for each candidate, then one line that explains each measure.

    rows: results of `evaluate`, each with a "candidate" added.

    Example:
      >>> print(format_rows([{"candidate": "a.wav", "clicks": 0.5}]))
              clicks
      a.wav     0.50
      <BLANKLINE>
      clicks  jumps per second unlike any in the reference; good is 0
    """
    measures = [measure for measure in rows[0] if measure != "candidate"]
    first = max(len(str(row["candidate"])) for row in rows)
    widths = [max(len(measure), 7) for measure in measures]
    columns = list(zip(measures, widths, strict=True))
    lines = [" " * first + "".join(f"  {measure:>{width}}" for measure, width in columns)]
    for row in rows:
        values = (f"  {row[measure]:>{width}.2f}" for measure, width in columns)
        lines.append(f"{row['candidate']:{first}}" + "".join(values))
    longest = max(map(len, measures))
    explained = (f"{measure:{longest}}  {explain_measure(measure)}" for measure in measures)
    return "\n".join([*lines, "", *explained])
