"""Sizes that several recipes share, and smaller ones for CPUs."""

# Window and hop of the paper, in ms: 1024 and 256 samples at 22050 Hz.
PAPER_WINDOW, PAPER_HOP = 1000 * 1024 / 22050, 1000 * 256 / 22050

# Of recipes that take more than a minute for some seconds of sound on two cores: the choices with
# which they take less. Methods keep their networks, but have fewer filters and steps.
CPU_SIZES = {
    "paper-1d": {"filters": 512},
    "ustyuzhaninov": {
        "views": f"bins@{PAPER_WINDOW}/{PAPER_HOP}:3,5,7,11,15,23",
        "filters": 8,
        "evaluations": 60,
    },
    "antognini": {"filters": 64, "evaluations": 250},
    "caracalla-roebel": {"filters": 8, "evaluations": 30},
    "gaussian-ot": {"filters": 4, "evaluations": 25},
    "paper-transfer-1d": {"filters": 256, "evaluations": 100, "phase_iterations": 100},
    "paper-transfer-2d": {"evaluations": 50, "phase_iterations": 100},
    "paper-transfer-vgg19": {"evaluations": 15, "phase_iterations": 100},
    "ulyanov-lebedev": {"filters": 512, "evaluations": 150, "phase_iterations": 100},
    "grinstein": {"filters": 512, "phase_iterations": 100},
    "verma-smith": {"filters": 8, "evaluations": 60, "phase_iterations": 100},
    "novak-nikulin": {"evaluations": 10, "phase_iterations": 100},
    "mital": {"filters": 512, "evaluations": 100},
    "mahendran-vedaldi": {"filters": 128, "evaluations": 100, "phase_iterations": 100},
}
