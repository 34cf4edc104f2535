"""Ten thousand damaged sound files through `audio.read`: a sound or one line, in little time and
memory, and never a crash.

libsndfile is C and may take the whole process down or never come back, so a process of its own
reads them.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = 10_000

# Reads mutants first, first + 1, ... and says which one is at hand, so that a crash or a hang can
# be told and made again.
PROGRAM = r"""
import io, json, os, resource, sys, time, warnings
import numpy as np
import soundfile
from audio_texture import audio

KINDS = [
    ("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("WAV", "IMA_ADPCM"),
    ("WAVEX", "PCM_16"), ("RF64", "PCM_16"), ("W64", "PCM_16"), ("AIFF", "PCM_16"),
    ("AU", "PCM_16"), ("CAF", "PCM_16"), ("CAF", "ALAC_16"), ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"),
]

def whole():
    rng = np.random.default_rng(0)
    for number, (container, subtype) in enumerate(KINDS):
        if subtype not in soundfile.available_subtypes(container):
            continue
        file = io.BytesIO()
        wave = 0.1 * rng.standard_normal((1200, 1 + number % 2))
        rate = 48000 if subtype == "OPUS" else 8000
        soundfile.write(file, wave, rate, format=container, subtype=subtype)
        yield container, file.getvalue()

def mutated(data, rng):
    data = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(0, min(200, len(data)) + 1))
        random = rng.bytes(int(rng.integers(1, 9)))
        match rng.integers(0, 7):
            case 0 | 1:
                data[at : at + 1] = random[:1]
            case 2:
                data[at : at + len(random)] = random
            case 3:
                data[at:at] = random
            case 4:
                del data[at : at + len(random)]
            case 5:
                # A field of lengths that mean much: none, all, the largest, -1.
                value = (0, 2**32 - 1, 2**31 - 1, 2**24)[rng.integers(0, 4)]
                data[at : at + 4] = value.to_bytes(4, ("little", "big")[rng.integers(0, 2)])
            case 6:
                del data[int(rng.integers(0, len(data) + 1)) :]
    return bytes(data)

first, last = int(sys.argv[1]), int(sys.argv[2])
path, at_hand, *chosen = sys.argv[3:]
files = [data for container, data in whole() if not chosen or container in chosen]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
wrong, sounds, slowest, note = [], 0, 0.0, open(at_hand, "w")
for number in range(first, last):
    rng = np.random.default_rng(number)
    with open(path, "wb") as file:
        file.write(mutated(files[number % len(files)], rng))
    note.seek(0)
    note.write(f"{number:8}")
    note.flush()
    part = {} if number % 3 else {"start": 0.05, "seconds": 0.04}
    began = time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", audio.FileWarning)
            wave, rate = audio.read(path, **part)
        sounds += 1
        in_range = audio.LOWEST_RATE <= rate <= audio.HIGHEST_RATE
        is_wave = wave.dtype == np.float32 and wave.ndim == 2 and np.all(np.isfinite(wave))
        if not is_wave or not in_range:
            wrong.append((number, f"{wave.dtype} {wave.shape} {rate}"))
    except ValueError as error:
        if "\n" in str(error) or path not in str(error):
            wrong.append((number, f"message {error}"))
    except BaseException as error:
        wrong.append((number, f"{type(error).__name__}: {error}"))
    slowest = max(slowest, time.monotonic() - began)
peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
result = {"wrong": wrong, "sounds": sounds, "slowest": slowest, "peak_mb": peak}
result["kinds"] = len(files)
with open(at_hand + ".json", "w") as file:
    json.dump(result, file)
"""


@pytest.mark.slow
def test_damaged_headers(tmp_path):
    """Catches memory by what a header claims, exceptions other than ValueError, messages of many
    lines or of no file, and hangs.
    """
    at_hand = tmp_path / "at_hand"
    # In memory where that can be: ten thousand files on a disk take longer than to read them.
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else str(tmp_path)
    mutant = os.path.join(shared, f"audio_texture_mutant_{os.getpid()}")
    arguments = [
        sys.executable,
        "-W",
        "error",
        "-c",
        PROGRAM,
        "0",
        str(FILES),
        mutant,
        str(at_hand),
    ]
    # libsndfile and mpg123 tell of faults on both.
    done = subprocess.run(
        arguments,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=120,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    if os.path.exists(mutant):
        os.remove(mutant)
    assert done.returncode == 0, f"status {done.returncode} at mutant {at_hand.read_text()}"
    result = json.loads((tmp_path / "at_hand.json").read_text())
    assert not result["wrong"], result["wrong"][:5]
    assert result["slowest"] < 2 and result["peak_mb"] < 1000
    # Were all refused, the test would say nothing of what is read.
    assert result["kinds"] >= 10 and 0.1 * FILES < result["sounds"] < 0.95 * FILES
