"""representation.py: what networks see, against NumPy; what of it depends on phase."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import correlated, crackle, noise, relative_error
from small_recipes import make_recipe

from audio_texture import (
    combinators,
    infinite_width,
    matching,
    representation,
    scales,
    style_transfer,
    synthesis,
)
from audio_texture.config import Recipe
from audio_texture.errors import ChoiceError
from audio_texture.representation import PARTS
from audio_texture.views import View

RATE = 8000
VIEW = View(0, (2,), 16.0, 4.0)  # frames of 128 samples, 32 apart
WAVE = noise(1024, 2, seed=3)
WITH_PHASE = [name for name in PARTS if name != "magnitude"]
of_every = pytest.mark.parametrize("name", PARTS)
TRANSFER = {
    "task": "transfer",
    "gain_bands": 0,
    "compression": "none",
    "standardised": False,
    "filters": 4,
}


def see(name, wave=WAVE, circular=False):
    """What networks see of a wave, each frame flattened."""
    seen = representation.of_wave(
        jnp.asarray(wave), name=name, view=VIEW, rate=RATE, circular=circular
    )
    return np.asarray(combinators.flatten_frames(seen))


def expected_parts(name, wave):
    """The same by NumPy, in float64: [T, F, streams * P]."""
    wave = wave.astype(np.float64)
    streams = list(wave)
    if name == "magnitude-phase" and len(wave) == 2:
        streams += [(wave[0] + wave[1]) / np.sqrt(2), (wave[0] - wave[1]) / np.sqrt(2)]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(128) / 128)
    parts = []
    for stream in streams:
        starts = range(0, len(stream) - 127, 32)
        frames = np.stack([stream[start : start + 128] for start in starts]) * window
        spectrum = np.fft.fft(frames)
        below, spectrum = np.roll(spectrum, 1, axis=1)[:, :65], spectrum[:, :65]
        change = spectrum / below
        size = np.abs(spectrum) * np.abs(below) * np.sqrt(2)
        size = size / np.hypot(np.abs(spectrum), np.abs(below))
        values = {
            "real": spectrum.real,
            "imaginary": spectrum.imag,
            "magnitude": np.abs(spectrum),
            "cosine": size * np.cos(np.angle(change)),
            "sine": size * np.sin(np.angle(change)),
            "sample": frames,
        }
        parts += [values[part] for part in PARTS[name]]
    return np.stack(parts, axis=-1)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", WITH_PHASE)
def test_parts_equal_numpy(name, channels):
    """Catches parts in another order, another window, and a phase the wrong way round."""
    expected = expected_parts(name, WAVE[:channels])
    seen = representation.of_wave(jnp.asarray(WAVE[:channels]), name=name, view=VIEW, rate=RATE)
    assert seen.shape == expected.shape
    assert relative_error(seen, expected) < 1e-5


@of_every
def test_a_delay_by_a_hop_moves_frames_by_one(name):
    """Catches phases that run with the absolute time: networks could not slide over frames."""
    frames, delayed = see(name), see(name, np.pad(WAVE, ((0, 0), (32, 0))))
    np.testing.assert_allclose(delayed[1:], frames, atol=2e-4)


@of_every
def test_only_magnitudes_do_not_see_phases(name):
    """A quarter of a turn of all phases keeps every magnitude of a sustained sound."""
    times = np.arange(1024) / RATE
    turned = [np.sin(2 * np.pi * 1000 * times + phase)[None] for phase in (0.0, np.pi / 2)]
    first, second = (see(name, wave.astype(np.float32)) for wave in turned)
    # A steady tone's phase is the same in all bins, up to a sign: the change between bins is kept.
    seen = relative_error(first, second) > 0.1
    assert seen == (name not in ("magnitude", "magnitude-phase"))


@of_every
def test_only_magnitudes_do_not_see_where_in_a_frame_a_click_is(name):
    """A click 8 samples later: at the window's flat top, magnitudes hardly differ."""
    early, late = np.zeros((2, 1, 128), np.float32)
    early[0, 60], late[0, 68] = 1.0, 1.0
    seen = relative_error(see(name, early), see(name, late)) > 0.1
    assert seen == (name != "magnitude")


def test_changes_of_phase_tell_the_time_within_a_frame():
    """A click at sample n turns by n / 128 from bin to bin, against the clock."""
    click = np.zeros((1, 128), np.float32)
    click[0, 40] = 1.0
    spectrum = np.fft.rfft(click).astype(np.complex64)
    change = representation.phase_change(jnp.asarray(spectrum))
    np.testing.assert_allclose(
        np.angle(change), -2 * np.pi * 40 / 128 + np.zeros((1, 65)), atol=1e-4
    )
    np.testing.assert_allclose(np.abs(change), 1.0, atol=1e-4)


def test_a_steep_slope_stands_nowhere_beside_silence():
    """Catches a weight by sqrt(|a b|), whose slope has no limit beside a bin near silence."""
    pair = jnp.array([[10.0, 1e-4]], jnp.complex64)

    def size(real):
        return jnp.real(representation.phase_change(pair.at[0, 1].add(real)))[0, 1]

    assert 1.0 < jax.grad(size)(0.0) < 2.0


def test_samples_and_both_parts_are_the_same_to_wide_networks():
    """Parseval: products of frames, all that such a network sees, are equal up to a factor.

    The parts of bins that have a mirror image count twice.
    """
    samples = see("samples", WAVE[:1])
    parts = see("real-imaginary", WAVE[:1]).reshape(len(samples), 65, 2)
    weights = np.full((65, 1), np.sqrt(2.0))
    weights[[0, -1]] = 1.0
    parts = (parts * weights).reshape(len(samples), -1)
    products = [np.asarray(infinite_width.frame_gram(x)) for x in (samples, parts / np.sqrt(128))]
    np.testing.assert_allclose(
        products[0] * samples.shape[1], products[1] * parts.shape[1], atol=1e-3
    )


@of_every
def test_circles_have_a_frame_for_each_hop(name):
    """Frames over a circle's end see its beginning, and turn with it."""
    frames = see(name, circular=True)
    turned = see(name, np.roll(WAVE, 320, axis=1), circular=True)
    assert len(frames) == 32
    np.testing.assert_allclose(turned, np.roll(frames, 10, axis=0), atol=2e-4)


@of_every
def test_stereo_images_are_seen(name):
    """One channel upside down: each channel by itself, and its phase changes, are the same."""
    wave = correlated(1024, 0.8)
    assert (
        relative_error(see(name, wave * np.array([[1], [-1]], np.float32)), see(name, wave)) > 0.1
    )


def test_magnitudes_are_found_among_the_parts():
    """For each channel, in each representation that has them."""
    expected = see("magnitude", WAVE[:1])
    for name, parts in PARTS.items():
        seen = representation.of_wave(jnp.asarray(WAVE[:1]), name=name, view=VIEW, rate=RATE)
        if "magnitude" in parts:
            own = combinators.flatten_frames(representation.magnitudes(seen, name=name))
            np.testing.assert_allclose(own, expected, atol=1e-5)


# ---------------------------------------------------------------- as networks' input in a transfer


@pytest.mark.parametrize("name", WITH_PHASE)
def test_a_transfer_moves_at_silence(name):
    """Catches a NaN of 0 / 0, which would end a run that meets silence, and no slope at all."""
    recipe = make_recipe(**TRANSFER, representation=name, views=(VIEW,))
    hparams = recipe.dynamic_hparams()
    objectives = matching.transfer_objectives(recipe, RATE, hparams)
    pair = (jnp.asarray(noise(1024)), jnp.asarray(crackle(1500)))

    @jax.jit
    def slope(x):
        targets = {name: own.fit(pair) for name, own in objectives.items()}
        return jax.grad(
            lambda x: sum(own.distance(targets[name], x)[0] for name, own in objectives.items())
        )(x)

    half = np.concatenate([np.zeros((1, 512)), noise(512)], axis=1).astype(np.float32)
    for wave in (np.zeros((1, 1024), np.float32), half):
        assert np.all(np.isfinite(slope(jnp.asarray(wave))))
    assert np.max(np.abs(slope(jnp.asarray(half)))) > 1e-6


def test_layers_of_the_input():
    """`input` is all that a network sees, `magnitudes` is a part of it."""
    recipe = make_recipe(
        **TRANSFER,
        representation="real-imaginary-magnitude",
        views=(VIEW,),
        normalised_by="nothing",
        style_layers="magnitudes",
        content_layers="input",
    )
    content, style, x = noise(1024), crackle(1500), noise(1024, seed=5)
    objectives = matching.transfer_objectives(recipe, RATE, recipe.dynamic_hparams())

    @jax.jit
    def measure(content, style, x):
        return {
            name: own.distance(own.fit((content, style)), x)[0] for name, own in objectives.items()
        }

    measured = measure(content, style, x)
    seen = {
        n: expected_parts("real-imaginary-magnitude", w)
        for n, w in (("x", x), ("c", content), ("s", style))
    }
    grams = [m.T @ m / len(m) for m in (seen["x"][..., 2], seen["s"][..., 2])]
    assert measured["style"] == pytest.approx(np.mean((grams[0] - grams[1]) ** 2), rel=1e-4)
    assert measured["content"] == pytest.approx(np.mean((seen["x"] - seen["c"]) ** 2), rel=1e-4)


def test_layers_of_the_input_are_beside_deeper_ones():
    """The mean over taps by their weights; the network is cut after the deepest."""
    recipe = make_recipe(**TRANSFER, style_layers="input*2,relu_1", content_layers="input", depth=3)
    assert len(recipe.layers(2)) == 1 and recipe.field(2) == 2
    assert recipe.replace(style_layers="input").field(2) == 1


def test_a_transfer_of_two_channels():
    """End to end: it has the content's shape, and both distances fall from the start's."""
    recipe = make_recipe(
        **TRANSFER,
        sample_rate=RATE,
        representation="real-imaginary-magnitude",
        views=(VIEW,),
        style_layers="magnitudes,relu_1",
        content_layers="input,relu_1",
        evaluations=15,
    )
    content = crackle(4000, 2, seed=1)
    problem = style_transfer.prepare(recipe, content, noise(5000, 2), sample_rate=RATE)
    first, last = (
        synthesis.run(problem, jax.random.key(0), evaluations=evaluations)
        for evaluations in (1, 15)
    )
    assert last.wave.shape == content.shape and np.all(np.isfinite(last.wave))
    first, last = (result.outcome.progress[-1].terms for result in (first, last))
    assert last["content"] < 0.8 * first["content"]
    assert sum(last.values()) < 0.8 * sum(first.values())


def test_people_read_what_networks_see():
    """In a report, networks over samples are not said to see bins."""
    seen = {
        name: scales.describe_term(
            str(VIEW), make_recipe(**TRANSFER, representation=name, views=(VIEW,)), RATE
        )
        for name in ("real-imaginary", "samples")
    }
    assert "all bins" in seen["real-imaginary"] and "raw samples, 20 ms" in seen["samples"]


@pytest.mark.parametrize(
    "choices, field, message",
    [
        ({"network": "1d-time"}, "representation", "network=1d-frequency or 2d, compression=peak"),
        (
            {"representation": "samples", "network": "2d"},
            "representation",
            "representation=samples must go with a waveform canvas, network=1d-frequency, ",
        ),
        ({"compression": "relative"}, "representation", "compression=peak or none, and views of"),
        ({"views": "mel8@16/4:2"}, "representation", "and views of bins"),
        ({"content_views": "mel8@16/4:2"}, "representation", "and views of bins"),
        ({"scale": "log"}, "representation", "and views of bins"),
        (
            {"canvas": "spectrogram", "compression": "fixed"},
            "representation",
            "must go with a waveform canvas",
        ),
        ({"weights_file": "a.npz"}, "representation", "must be magnitude with weights_file"),
        ({"guide_levels": 2}, "guide_levels", "guide_levels is for magnitudes"),
        ({"guide_bands": 2}, "guide_bands", "guide_bands is for magnitudes"),
        ({"loudness_weight": 1.0}, "loudness_weight", "representation must be magnitude, got real"),
        ({"spectrum_weight": 1.0}, "spectrum_weight", "spectrum_weight is for magnitudes"),
        ({"style_layers": "magnitudes"}, "style_layers", "representation=real-imaginary, which"),
        ({"content_layers": "magnitudes"}, "content_layers", "must not be 'magnitudes'"),
        ({"network": "2d", "style_layers": "input"}, "network", "1d-frequency for the layer 'inp"),
        ({"filters": 0, "content_layers": "input"}, "content_layers", "relu_ or pool_ .*'input'"),
    ],
    ids=str,
)
def test_choices_that_do_not_go_together(choices, field, message):
    """One sentence that names the rule, from the choice to change first."""
    with pytest.raises(ChoiceError, match=message) as error:
        make_recipe(**TRANSFER | {"representation": "real-imaginary"} | choices)
    assert error.value.field == field


@pytest.mark.parametrize(
    "choices",
    [
        {"network": "2d", "compression": "peak"},
        {"filters": 0},
        {"standardised": True},
        {"task": "texture", "loudness_weight": 1.0},
        {"representation": "magnitude"},
    ],
    ids=str,
)
def test_choices_that_go_together(choices):
    """Catches a rule that refuses too much; what is accepted survives its JSON."""
    recipe = make_recipe(**TRANSFER | {"representation": "real-imaginary"} | choices)
    assert Recipe.from_json(recipe.to_json()) == recipe
