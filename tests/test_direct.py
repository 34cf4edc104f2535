"""direct.py: recipes that make their sound in one pass, through the functions of all recipes."""

import jax
import numpy as np
import pytest
import scipy.signal
from helpers import correlation_of, crackle, noise

import audio_texture as at
from audio_texture import audio, metrics, recipes, style_transfer, synthesis
from audio_texture.errors import ChoiceError

RATE = 16000
RECORDING = crackle(2 * RATE, seed=2, level=0.02)
of_textures = pytest.mark.parametrize(
    "name", [name for name in recipes.names("texture") if recipes.named(name).is_direct]
)
of_all = pytest.mark.parametrize(
    "name", [name for name, recipe in recipes.RECIPES.items() if recipe.is_direct]
)


def make(name, wave=RECORDING, *, rate=RATE, seconds=1.0, seed=0, **choices):
    """The result of a recipe; a transfer gets the wave as its content and style."""
    recipe, key = recipes.named(name).replace(**choices), jax.random.key(seed)
    if recipe.task == "transfer":
        style = np.roll(wave, wave.shape[1] // 3, axis=1)
        problem = style_transfer.prepare(recipe, wave, style, sample_rate=rate)
    else:
        problem = synthesis.prepare(recipe, [wave], sample_rate=rate, seconds=seconds)
    return synthesis.run(problem, key)


@of_all
def test_a_sound_in_one_pass_is_like_any_other(name):
    """Exact length, the recording's level, finite, no loss; compiled programs are not needed."""
    texture = make(name)
    samples = RECORDING.shape[1] if recipes.named(name).task == "transfer" else RATE
    assert texture.wave.shape == (1, samples) and texture.wave.dtype == np.float32
    assert np.all(np.isfinite(texture.wave)) and np.max(np.abs(texture.wave)) <= 1
    levels = [audio.audible_rms(wave, sample_rate=RATE) for wave in (RECORDING, texture.wave)]
    difference = 20 * np.log10(levels[1] / levels[0])
    # A transfer is as loud as its content; a texture has the level of what was drawn.
    assert abs(difference) < (0.01 if recipes.named(name).task == "transfer" else 2)
    assert texture.lowered_db == 0
    assert texture.outcome.reason == "direct" and texture.outcome.progress == []


@of_textures
def test_the_key_is_all_the_chance_there_is(name):
    """Same key, same samples; another key, another order or other noise."""
    first, again, other = make(name), make(name), make(name, seed=1)
    np.testing.assert_array_equal(first.wave, again.wave)
    assert abs(correlation_of(first.wave[0], other.wave[0])) < 0.5


@of_all
def test_the_level_of_the_recording_is_no_choice(name):
    """A recording at a hundredth of the level gives the same sound at a hundredth."""
    loud, quiet = make(name), make(name, RECORDING / 100)
    scale = np.std(loud.wave) / np.std(quiet.wave)
    assert scale == pytest.approx(100, rel=0.01)
    assert correlation_of(loud.wave[0], quiet.wave[0]) > 0.999


def test_grains_have_the_very_level_of_the_recording():
    """Half of the pieces of 50 ms, at least, are in the recording sample by sample; in the others
    two grains meet.
    """
    made = make("shuffled-grains", grain_ms=500, seconds=2.0, fade_ms=0).wave[0]
    recording = RECORDING[0] - np.mean(RECORDING)
    energies = np.convolve(recording**2, np.ones(800), "valid")
    errors = []
    for piece in made.reshape(-1, 800):
        nearest = np.argmax(np.correlate(recording, piece, "valid") / np.sqrt(energies))
        errors.append(np.max(np.abs(recording[nearest : nearest + 800] - piece)))
    assert np.median(errors) < 1e-6, errors


@of_textures
def test_what_is_not_modelled_raises_nothing(name):
    """A hiss above the modelled rate's limit, 40 dB over the rest: its level is not given to the
    rest.
    """
    sos = scipy.signal.butter(8, 6000, "high", fs=RATE, output="sos")
    hiss = scipy.signal.sosfilt(sos, noise(2 * RATE, seed=7, level=0.1)).astype(np.float32)

    def below(wave):
        return audio.rms(audio.resample(wave, RATE, 4000))

    recording = 1e-3 * RECORDING / np.std(RECORDING) + hiss
    ratio = below(make(name, recording, sample_rate=8000).wave) / below(recording)
    assert abs(20 * np.log10(ratio)) < 3


@pytest.mark.parametrize("name", ["shuffled-grains", "natural-grains", "descriptor-grains"])
def test_the_noise_between_rare_events_keeps_its_level(name):
    """Also in a result so short that it may hold no event."""
    recording = noise(4 * RATE, seed=8, level=0.001)
    for start in (0.5, 1.5, 2.5, 3.5):
        place = round(start * RATE)
        recording[:, place : place + 400] += noise(400, seed=place, level=0.3)

    def between(wave):
        return np.median(np.std(wave[0].reshape(-1, 160), axis=1))

    for seed in range(4):
        made = make(name, recording, seconds=0.3, seed=seed).wave
        assert between(made) == pytest.approx(between(recording), rel=0.3)


def test_a_path_of_loudness_is_heard():
    """20 dB below the recording's level, and at it."""
    swelling = noise(4 * RATE, seed=9, level=0.2) * np.geomspace(0.01, 1, 4 * RATE)
    levels = [
        audio.rms(make("descriptor-grains", swelling, path=f"loudness:{db}").wave)
        for db in (-20, 0)
    ]
    expected = audio.rms(swelling)
    np.testing.assert_allclose(20 * np.log10(np.array(levels) / expected), [-20, 0], atol=1.5)


@of_textures
@pytest.mark.parametrize("rate", [8000, 44100, 96000])
def test_any_rate(name, rate):
    """Also one above what is modelled."""
    wave = crackle(rate, seed=3, level=0.2)
    texture = make(name, wave, rate=rate, seconds=0.5)
    assert texture.wave.shape == (1, rate // 2) and np.std(texture.wave) > 0


@of_textures
@pytest.mark.parametrize("seconds", [0.05, 7.3])
def test_any_length(name, seconds):
    """From the shortest that is allowed to several times the recording's; no silence at the end."""
    wave = make(name, seconds=seconds).wave
    assert wave.shape == (1, round(seconds * RATE))
    if seconds > 1:
        assert all(audio.rms(part) > 0.2 * audio.rms(wave) for part in np.array_split(wave, 5, 1))


@of_all
@pytest.mark.parametrize("seconds", [0.1, 0.3])
def test_short_recordings(name, seconds):
    """A tenth of a second is enough, or refused in a sentence that names the choice."""
    wave = crackle(round(seconds * RATE), seed=4, level=0.2)
    try:
        texture = make(name, wave)
    except ChoiceError as error:
        assert str(error).endswith(".") and error.field
    else:
        assert np.all(np.isfinite(texture.wave))


@of_textures
def test_stereo_is_kept(name):
    """One channel is loud, the other follows it at a fifth with noise of its own."""
    left = crackle(2 * RATE, seed=5, level=0.2)
    wave = np.concatenate([left, 0.2 * left + noise(2 * RATE, seed=6, level=0.01)])
    made = make(name, wave, seconds=3.0).wave
    levels = [np.std(sound[1]) / np.std(sound[0]) for sound in (wave, made)]
    assert levels[1] == pytest.approx(levels[0], rel=0.25)
    assert correlation_of(*made) > 0.6 * correlation_of(*wave) > 0.5


@of_textures
def test_equal_channels_stay_equal(name):
    made = make(name, np.concatenate([RECORDING, RECORDING])).wave
    np.testing.assert_array_equal(made[0], made[1])


@pytest.mark.parametrize("name", ["phase-randomised", "ctflp", "texenv"])
def test_what_is_made_of_noise_copies_nothing(name):
    """No quarter second of the recording comes back; of shuffled grains most do, by design."""
    copied = metrics.measure_copying(make(name).wave[0], RECORDING[0], sample_rate=RATE)["copied"]
    grains = make("shuffled-grains", grain_ms=500).wave
    assert metrics.measure_copying(grains[0], RECORDING[0], sample_rate=RATE)["copied"] > 0.4
    assert copied == 0


def test_a_library_user_gets_a_sound_without_losses():
    """at.texture, prepare and run_batch take the recipes by their names and choices."""
    sound = at.texture(RECORDING, RATE, seconds=0.5, recipe="shuffled-grains", grain_ms=100)
    assert sound.losses.size == 0 and sound.terms == {} and sound.reason == "direct"
    assert "loss" not in repr(sound) and "<audio" in sound._repr_html_()
    model = at.prepare("phase-randomised", RECORDING, RATE, seconds=0.5)
    sounds = model.run_batch(range(3))
    assert sounds.waves.shape == (3, 1, RATE // 2) and np.all(np.isnan(sounds.losses))
    np.testing.assert_array_equal(sounds.waves[1], model.run(1).wave)


def test_what_needs_a_loss_refuses_them():
    """Mixtures, streams, generators, and the style of a transfer: in a sentence with the recipe."""
    two = [RECORDING, noise(RATE)]
    for use in (
        lambda: at.texture(two, RATE, recipe="ctflp"),
        lambda: at.stream(RECORDING, RATE, recipe="ctflp"),
        lambda: at.loop(RECORDING, RATE, recipe="ctflp"),
        lambda: at.transfer(RECORDING, RECORDING, RATE, recipe="ctflp"),
        lambda: at.train_generator(RECORDING, RATE, recipe="ctflp", train_seconds=1),
    ):
        with pytest.raises(ChoiceError, match="needs a recipe that optimises.*'ctflp'") as error:
            use()
        assert error.value.field == "recipe"


def test_a_method_belongs_to_a_task():
    with pytest.raises(ChoiceError, match="method=prosody is for a transfer, and this is a tex"):
        recipes.named("texture").replace(method="prosody")
    with pytest.raises(ChoiceError, match="method=ctflp is for a texture, and this is a transf"):
        recipes.named("transfer").replace(method="ctflp")
