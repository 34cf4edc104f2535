"""classical/prosody.py and psola.py: contours of one speech on another, judged by other code."""

import numpy as np
import pytest
import scipy.linalg
import scipy.ndimage
from helpers import crackle, launched, noise, relative_error
from speech_like import make_speech, measure_pitch

from audio_texture import audio, metrics, recipes
from audio_texture.classical import pitch, psola
from audio_texture.classical.prosody import prosody
from audio_texture.errors import ChoiceError

RATE = 16_000
SECONDS, STYLE_SECONDS = 2.0, 3.0
# Times in the content where it and the style, stretched to it, have a voice.
VOICED = np.concatenate([np.arange(0.1, 0.7, 0.02), np.arange(0.95, 1.35, 0.02)])


def content_pitch(time):
    return 110 * 2 ** (0.3 * np.sin(2 * np.pi * time / 1.3))


def content_energy(time):
    return 6 * np.sin(2 * np.pi * 3 * time)


def style_pitch(time):
    return 190 * 2 ** (0.4 * np.sin(2 * np.pi * time / 0.9) + 0.1 * time)


def style_energy(time):
    return 7 * np.sin(2 * np.pi * 2.2 * time + 1)


def make_pair(rate=RATE):
    """A low voice that says "a", and a higher, longer one that says "i"."""
    content = make_speech(content_pitch, content_energy, rate=rate, gaps=((0.7, 0.85),))
    gaps = ((0.38, 0.45),)
    style = make_speech(
        style_pitch, style_energy, rate=rate, vowel="i", seconds=STYLE_SECONDS, gaps=gaps
    )
    return content, style


CONTENT, STYLE = make_pair()


def transfer(content=CONTENT, style=STYLE, rate=RATE, pitch=1.0, energy=1.0):
    return prosody(
        None, content, style, sample_rate=rate, prosody_pitch=pitch, prosody_energy=energy
    )


def energy_db(wave):
    """Level of 30 ms around each sample of a wave [N]."""
    return 10 * np.log10(scipy.ndimage.uniform_filter1d(wave.astype(np.float64) ** 2, 480) + 1e-9)


def spectral_envelope(wave, order=14):
    """Linear prediction's spectrum of a wave [N] from 200 to 4000 Hz, in dB; its own formula."""
    wave = np.diff(wave.astype(np.float64))
    products = np.fft.irfft(np.abs(np.fft.rfft(wave, 2 * len(wave))) ** 2)[: order + 1]
    coefficients = scipy.linalg.solve_toeplitz(products[:-1], products[1:])
    response = np.fft.rfft(np.concatenate([[1], -coefficients]), 1024)
    inside = slice(round(200 / RATE * 1024), round(4000 / RATE * 1024))
    level = -20 * np.log10(np.abs(response))[inside]
    return level - np.mean(level)


@pytest.mark.parametrize("share", [1.0, 0.5, 0.1])
def test_pitch_follows_the_style_on_a_log_scale(share):
    """Stretched from the style's length to the content's; half-way lies half-way in semitones."""
    made = transfer(pitch=share)
    low, high = content_pitch(VOICED), style_pitch(VOICED * STYLE_SECONDS / SECONDS)
    measured = measure_pitch(made[0], seconds=VOICED)
    errors = 12 * np.log2(measured / (low ** (1 - share) * high**share))
    assert np.median(np.abs(errors)) < 0.3
    # Contours apart by this much: a wrong share would not pass.
    assert np.median(np.abs(12 * np.log2(high / low))) > 5


def test_the_judge_of_transfers_hears_the_pitch_too():
    """metrics.track_pitch, which measures by another method."""
    octaves, voicing = metrics.track_pitch(transfer()[0], sample_rate=RATE)
    seconds = 0.032 + 0.016 * np.arange(len(octaves))
    inside = (voicing > 0.7) & (seconds < 0.7)
    wanted = np.log2(style_pitch(seconds * STYLE_SECONDS / SECONDS))
    assert np.sum(inside) > 20 and np.median(np.abs(octaves - wanted)[inside]) < 1 / 12


@pytest.mark.parametrize("pitch", [0.0, 1.0])
def test_energy_follows_the_style_also_without_its_pitch(pitch):
    time = np.arange(CONTENT.shape[1]) / RATE
    inside = (time > 0.05) & (time < SECONDS - 0.05)
    level = energy_db(transfer(pitch=pitch)[0])[inside]
    wanted = style_energy(time * STYLE_SECONDS / SECONDS)[inside]
    assert np.corrcoef(level, wanted)[0, 1] > 0.98
    assert np.corrcoef(level, content_energy(time[inside]))[0, 1] < 0.5


def test_pitch_alone_leaves_the_energy():
    level, wanted = (energy_db(wave[0])[800:-800] for wave in (transfer(energy=0.0), CONTENT))
    assert np.corrcoef(level, wanted)[0, 1] > 0.99
    half = energy_db(transfer(energy=0.5)[0])[800:-800]
    middle = (wanted + energy_db(transfer()[0])[800:-800]) / 2
    assert np.std(half - middle) < 0.5


@pytest.mark.parametrize("middle", [85, 220])
def test_formants_stay(middle):
    """The content's vowel at a lower and at a doubled pitch; a resampled voice would fail."""
    voices = [
        make_speech(contour, lambda time: 0 * time, vowel=vowel, seconds=1.0, gaps=())
        for contour, vowel in (
            (content_pitch, "a"),
            (lambda time: middle * 2 ** (0.2 * np.sin(7 * time)), "i"),
        )
    ]
    made = transfer(*voices, energy=0.0)
    own, style, result = (spectral_envelope(wave[0]) for wave in (*voices, made))
    assert np.mean(np.abs(result - own)) < 2
    assert np.mean(np.abs(result - style)) > 8
    shifted = np.interp(np.arange(0, 16000, 2.0), np.arange(16000), voices[0][0])
    assert np.mean(np.abs(spectral_envelope(shifted) - own)) > 4


def test_nothing_of_the_style_leaves_the_content():
    np.testing.assert_array_equal(transfer(pitch=0.0, energy=0.0), CONTENT)


def test_overlap_add_at_the_old_pitch_returns_the_sound():
    """Grains at their own places add up to the sound: voice, hisses and all between."""
    track = pitch.track_pitch(CONTENT, sample_rate=RATE)
    marks = psola.mark_periods(CONTENT, track, sample_rate=RATE)
    made = psola.change_pitch(CONTENT, marks, np.ones_like, sample_rate=RATE)
    assert relative_error(made, CONTENT) < 1e-12
    # A mark a period: as many as the contour has periods, and none in the hiss.
    assert len(marks) == 2
    time = np.arange(0, SECONDS, 1 / RATE)
    periods = np.sum(content_pitch(time[(time < 1.4) | (time > 1.7)])) / RATE
    assert sum(map(len, marks)) == pytest.approx(periods, abs=4)


def test_hisses_stay_where_they_are():
    """What has no pitch is moved by no grain."""
    hiss = slice(round(1.45 * RATE), round(1.65 * RATE))
    made, own = (wave[0, hiss] for wave in (transfer(energy=0.0), CONTENT))
    assert np.corrcoef(made, own)[0, 1] > 0.999


@pytest.mark.parametrize("rate", [8000, 44100])
def test_any_rate(rate):
    content, style = make_pair(rate)
    measured = measure_pitch(transfer(content, style, rate)[0], rate=rate, seconds=VOICED)
    wanted = style_pitch(VOICED * STYLE_SECONDS / SECONDS)
    assert np.median(np.abs(12 * np.log2(measured / wanted))) < 0.3


def test_level_and_silence_around_do_not_matter():
    """The contours go from sound to sound, whatever silence a recorder left around."""
    made = transfer()
    assert relative_error(transfer(0.01 * CONTENT, 3 * STYLE), 0.01 * made) < 1e-3
    padded = transfer(np.pad(CONTENT, ((0, 0), (4000, 0))), np.pad(STYLE, ((0, 0), (0, 9000))))
    assert not np.any(padded[:, :3500])
    measured = measure_pitch(padded[0, 4000:], seconds=VOICED)
    wanted = style_pitch(VOICED * STYLE_SECONDS / SECONDS)
    assert np.median(np.abs(12 * np.log2(measured / wanted))) < 0.3


def test_channels_share_marks_and_gains():
    """A voice off the middle stays there: one channel is the other's half throughout."""
    made = transfer(np.concatenate([CONTENT, 0.5 * CONTENT]), np.concatenate([STYLE, -STYLE]))
    np.testing.assert_allclose(made[1], 0.5 * made[0], atol=1e-6)
    assert relative_error(made[:1] / np.std(made[:1]), transfer() / np.std(transfer())) < 0.02


def test_sounds_without_a_pitch_change_in_energy_only():
    """Or are refused where only pitch is asked for, in a sentence that says which has none."""
    rain = crackle(RATE, seed=1, level=0.1)
    np.testing.assert_allclose(transfer(rain), transfer(rain, pitch=0.0), atol=1e-7)
    for pair, name in (((rain, STYLE), "content"), ((CONTENT, noise(RATE)), "style")):
        with pytest.raises(ChoiceError, match=f"60 to 1000 Hz.*the {name} has none") as error:
            transfer(*pair, energy=0.0)
        assert error.value.field == "prosody_pitch"


def test_shares_have_a_range():
    for name in ("prosody_pitch", "prosody_energy"):
        with pytest.raises(ChoiceError, match=f"{name} must be from 0 to 1, got 1.5") as error:
            recipes.named("prosody").replace(**{name: 1.5})
        assert error.value.field == name


def test_a_program_says_in_one_line_which_sound_has_no_pitch(tmp_path):
    audio.write(str(tmp_path / "voice.wav"), 0.3 * CONTENT, RATE)
    audio.write(str(tmp_path / "rain.wav"), crackle(RATE, seed=1, level=0.03), RATE)
    sounds = (f"--content={tmp_path}/voice.wav", f"--style={tmp_path}/rain.wav")
    arguments = ("--recipe=prosody", "--prosody_energy=0", f"--output_dir={tmp_path}/x")
    done = launched("transfer", *sounds, *arguments)
    assert done.returncode == 2 and not (tmp_path / "x").exists()
    assert done.stderr.splitlines()[-1].startswith("error: --prosody_pitch ")
    assert "the style has none" in done.stderr
