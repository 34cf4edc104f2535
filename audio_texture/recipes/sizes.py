"""Sizes that several recipes share."""

# Window and hop of the paper, in ms: 1024 and 256 samples at 22050 Hz.
PAPER_WINDOW, PAPER_HOP = 1000 * 1024 / 22050, 1000 * 256 / 22050
