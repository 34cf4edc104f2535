"""Recipes of classical methods, which make the sound in one pass: see classical/ for each."""

from audio_texture.config import make

DIRECT = (
    make(
        name="phase-randomised",
        summary="Noise of the recording's spectrum with random phases: the lower bound of methods.",
        method="phase-randomised",
    ),
    make(
        name="shuffled-grains",
        summary="Quarter seconds of the recording in random order: copies by design.",
        method="shuffled-grains",
    ),
    make(
        name="natural-grains",
        summary="Hoskinson & Pai 2001: cuts between events, a chain of grains that fit end to end.",
        method="natural-grains",
    ),
    make(
        name="wavelet-tree",
        summary=(
            "Dubnov, Bar-Joseph, El-Yaniv, Lischinski & Werman 2002: a tree of wavelet "
            "coefficients, sampled by paths."
        ),
        method="wavelet-tree",
    ),
    make(
        name="ctflp",
        summary="Athineos & Ellis 2003: noise through linear prediction in time and in frequency.",
        method="ctflp",
    ),
    make(
        name="descriptor-grains",
        summary=(
            "Schwarz & Schnell 2010: grains whose loudness, pitch and timbre follow the "
            "recording's, or --path."
        ),
        method="descriptor-grains",
    ),
    make(
        name="texenv",
        summary="Gutierrez, Font, Serra & Wyse 2025, TexEnv: bands of noise under drawn envelopes.",
        method="texenv",
    ),
    make(
        name="prosody",
        summary=(
            "After Perez, Proctor & Jain 2017: pitch and energy contours of one speech on the "
            "words of another."
        ),
        task="transfer",
        method="prosody",
    ),
)
