"""Made-up numbers of an experiment that more than one file of tests needs."""

from audio_texture.insights import orders, pairs


def made_up_ratios(heard, measured, heard_second=1.0):
    """Ratios in octaves: of higher pairs by the judge and by the second order; second by the judge.

    One of the higher pairs is alike to both in any case.
    """
    return {
        "rows": [
            {
                "seed": s,
                "pair": name,
                "order": pair.order,
                "statistic": statistic,
                "ratio": 0.01 * s
                + {"first": 1.0, "second": second, "higher": higher * (name != "parity")}[
                    pair.order
                ],
            }
            for s in range(5)
            for name, pair in pairs.PAIRS.items()
            for statistic, higher, second in (
                (orders.SECOND_ORDER, measured, 1.0),
                (orders.OBSERVER, heard, heard_second),
            )
        ]
    }
