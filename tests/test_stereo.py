"""Several channels: equal, inverted, silent and nearly equal ones, the image of results, and how
stereo is judged.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import crackle, noise, relative_error
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_texture import (
    audio,
    base,
    canvas,
    combinators,
    features,
    losses,
    metrics,
    recipes,
    spectrogram,
    streaming,
    synthesis,
    views,
)
from audio_texture.views import View

RATE = 8000
MONO = crackle(10_000)[0]
OTHER = crackle(10_000, seed=9)[0]
SMALL = recipes.named("texture-fast").replace(
    views=(View(8, (1, 3), 16.0, 4.0),),
    evaluations=30,
    block_seconds=1.0,
)


def sides(level_db: float) -> np.ndarray:
    """A sound in the middle and another in the difference of its channels, that much fainter: [2,
    N].
    """
    side = 10 ** (level_db / 20) * OTHER
    return np.stack([MONO + side, MONO - side]).astype(np.float32)


def made(
    reference: np.ndarray, recipe: recipes.Recipe = SMALL, seconds: float = 0.6
) -> synthesis.Texture:
    problem = synthesis.prepare(recipe, [reference], sample_rate=RATE, seconds=seconds)
    return synthesis.run(problem, jax.random.key(0))


def width_db(wave: np.ndarray) -> float:
    """Level of the difference of two channels beside that of their sum."""
    return 20 * np.log10(audio.rms(wave[:1] - wave[1:]) / audio.rms(wave[:1] + wave[1:]))


@pytest.fixture(scope="module")
def mono() -> synthesis.Texture:
    return made(MONO[None])


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 1.0, -1.0, 0.5, 2.0, 1e-7]), min_size=1, max_size=6),
    st.integers(0, 3),
)
def test_folded_channels_come_back(factors, alone):
    """Catches a sign or factor lost; whatever is equal, inverted, silent or a sound of its own."""
    own = noise(400, alone, seed=alone) if alone else np.zeros((0, 400), np.float32)
    wave = np.concatenate([np.float32(factors)[:, None] * noise(400), own + np.float32(0.1)])
    [folded], back = audio.fold_channels([wave])
    centred, folded = (x - x.mean(axis=1, keepdims=True) for x in (wave, folded))
    assert len(folded) <= 1 + alone or not np.any(factors)
    np.testing.assert_allclose(back @ folded, centred, atol=2e-6)


def test_channels_that_differ_anywhere_stay():
    """Equal in one recording and not in another, which a mixture has to do with both."""
    equal, apart = np.stack([MONO, MONO]), np.stack([MONO, OTHER])
    assert audio.fold_channels([equal])[1].shape == (2, 1)
    assert audio.fold_channels([equal, apart])[1].shape == (2, 2)
    assert audio.fold_channels([equal, np.stack([OTHER, -OTHER])])[1].shape == (2, 2)


@pytest.mark.parametrize("factors", [(1, 1), (1, -1), (1, 0), (0, 0.5, 1e-7, -1)])
def test_equal_channels_are_the_mono_result(mono, factors):
    """Mono recorded as stereo once stalled at the start, a million times as far from its target."""
    factors = np.float32(factors)[:, None]
    texture = made(factors * MONO)
    assert float(texture.outcome.state.value) == float(mono.outcome.state.value)
    wanted = np.where(np.abs(factors) > 1e-5, factors, 0) * mono.wave
    np.testing.assert_allclose(
        texture.wave / audio.rms(texture.wave), wanted / audio.rms(wanted), atol=1e-3
    )


@pytest.mark.parametrize("level_db", [-70.0, -45.0, -25.0, -10.0])
def test_a_faint_difference_stalls_nothing(mono, level_db):
    """As near as in mono at every level of the difference, and the image as wide as it was."""
    texture = made(sides(level_db))
    # Two sounds of their own in place of one converge more slowly; stalled, it was 10^6 times as
    # far.
    assert float(texture.outcome.state.value) < 20 * float(mono.outcome.state.value)
    middle = np.mean(texture.wave, axis=0, keepdims=True)
    actual, best = (
        metrics.evaluate(np.tile(wave, 2), MONO, sample_rate=RATE) for wave in (middle, mono.wave)
    )
    # At -10 dB the difference is a sound as loud as the ground of the other, for as few
    # evaluations.
    margin = 0.25 if level_db < -20 else 0.4
    assert all(actual[measure] < best[measure] + margin for measure in ("auditory", "patches"))
    assert width_db(texture.wave) == pytest.approx(width_db(sides(level_db)), abs=3)


@pytest.mark.parametrize("level_db", [-40.0, -12.0])
def test_a_spectrogram_keeps_the_image(level_db):
    """Phases recovered channel by channel once made two sounds of what both channels share: a
    difference of 0 dB.
    """
    recipe = recipes.named("infinite-width").replace(
        sample_rate=0,
        views=(View(0, (1, 3), 16.0, 4.0),),
        evaluations=15,
        phase_iterations=10,
        block_seconds=1.0,
    )
    texture = made(sides(level_db), recipe)
    assert width_db(texture.wave) == pytest.approx(width_db(sides(level_db)), abs=2)


def test_decorrelated_channels_come_back():
    """Channels without what follows from those before, and what puts it back; independent ones stay
    as they are.
    """
    wave = np.concatenate([sides(-15.0), (0.5 * MONO + OTHER[::-1])[None]]).astype(np.float32)
    [parts], back = audio.fold_channels([wave], decorrelated=True)
    assert relative_error(back @ parts, wave) < 1e-5
    assert np.max(np.abs(np.corrcoef(parts) - np.eye(3))) < 1e-3
    apart = noise(10_000, 2)
    [same], _ = audio.fold_channels([apart], decorrelated=True)
    assert relative_error(same, apart) < 0.05


def test_gains_of_a_faint_part_cannot_touch_the_rest():
    """Gains of channels would: a difference at -60 dB would be drowned where they differ by 1 %."""
    equaliser = canvas.Equaliser(128, 32, 6)
    sketch = canvas.waveform_canvas(
        [sides(-60.0)], [1], sample_rate=RATE, samples=4000, smoothing_hz=20.0, equaliser=equaliser
    )
    parameters = sketch.init(jax.random.key(0))
    gain = parameters["gain"] + jnp.array([1.0, 0.0])[:, None, None] * jax.random.normal(
        jax.random.key(1), parameters["gain"].shape
    )
    before, after = (
        np.asarray(sketch.render({**parameters, "gain": each}, sketch.constants))
        for each in (parameters["gain"], gain)
    )
    difference = [audio.rms(wave[:1] - wave[1:]) for wave in (before, after)]
    assert audio.rms(after) > 1.5 * audio.rms(before)
    assert difference[1] == pytest.approx(difference[0], rel=0.5)
    assert width_db(before) == pytest.approx(-60, abs=3)


def test_parts_are_joined_as_they_were_split():
    """Three channels, one that follows from the others; and gains of zero change nothing."""
    wave = np.concatenate([sides(-20.0), (MONO - 0.3 * OTHER)[None]])[:, :4000]
    density = canvas.spectral_density(wave, sample_rate=RATE, samples=4000, smoothing_hz=20.0)
    equaliser = canvas.Equaliser(128, 32, 6)
    coupled = canvas.coupling(density, sample_rate=RATE, equaliser=equaliser)
    assert coupled.shape == (65, 3, 3) and np.all(np.triu(coupled, 1) == 0)
    gain = np.zeros((3, spectrogram.frame_count(4000, n_fft=128, hop_length=32), 6), np.float32)
    same = canvas.apply_gains(
        jnp.asarray(wave), gain, coupled=jnp.asarray(coupled), sample_rate=RATE, equaliser=equaliser
    )
    assert relative_error(same, wave) < 1e-4
    levels = canvas.part_levels(density)
    assert levels[0] == 1 and levels[1] < 0.3 and levels[2] < 1e-3


# --- streams have an axis of their own


def test_regions_of_frequency_are_the_same_in_every_stream():
    """Split over streams side by side, two bands were {left, right} and {sum, difference}."""
    x = np.ones((20, 4, 6), np.float32)
    mean = base.Objective(
        lambda y: jnp.mean(y, axis=0),
        lambda target, y: (jnp.mean((jnp.mean(y, axis=0) - target) ** 2), {}),
    )
    target = combinators.guided(mean, levels=1, bands=2).fit((x, x))
    low, high = (np.asarray(mask) for mask in target["masks"])
    assert low.shape == (20, 1, 6) or low.shape == (20, 4, 6)
    low, high = (np.broadcast_to(mask, x.shape) for mask in (low, high))
    assert np.all(low[:, :, :3] == 1) and np.all(low[:, :, 3:] == 0) and np.all(low + high == 1)


def test_variation_stops_at_a_streams_edge():
    """Flat streams of other levels vary nowhere."""
    flat = np.broadcast_to(np.float32([0.0, 1.0, 5.0])[None, :, None], (7, 3, 4))
    assert float(losses.total_variation().distance((), jnp.asarray(flat))[0]) == 0


@pytest.mark.parametrize("kind", ["2d", "1d-time"])
def test_kernels_that_slide_along_frequency_stay_in_a_stream(kind):
    """The Gram of two streams is the mean of each one's, whatever stands beside it."""
    width = (8, 3) if kind == "1d-time" else 3
    recipe = recipes.named("texture-fast").replace(
        network=kind,
        filters=4,
        views=(View(8, (width,), 16.0, 4.0),),
        start="standard",
        levels_weight=0.0,
        standardised=False,
        compression="fixed",
    )
    one = features.of_networks(
        recipe, recipe.analysis.views[0], 0, losses.gram(), "style", recipe.dynamic_hparams()
    )
    x = jax.random.uniform(jax.random.key(1), (30, 2, 8))
    y = jax.random.uniform(jax.random.key(2), (30, 2, 8))

    def grams(x):
        return jax.tree.leaves(one.fit(x)["taps"])

    both, first, second = grams(x), grams(x[:, :1]), grams(x[:, 1:])
    for whole, a, b in zip(both, first, second, strict=True):
        if np.ndim(whole) == 2 and np.shape(whole) == np.shape(a):
            assert relative_error(whole, (a + b) / 2) < 1e-5
    target = one.fit(x)
    turned = one.distance(target, x[:, ::-1])[0]
    assert float(turned) == pytest.approx(0, abs=1e-5) and float(one.distance(target, y)[0]) > 1e-3


def test_views_keep_streams_apart():
    wave = jnp.asarray(sides(-20.0))
    view = View(8, (1,), 16.0, 4.0)
    both = np.asarray(views.of_wave(wave, view=view, rate=RATE))
    assert both.shape[1:] == (4, 8)
    left = np.asarray(views.of_wave(wave[:1], view=view, rate=RATE))
    np.testing.assert_allclose(both[:, :1], left, rtol=1e-5)


# --- judging


def long(wave: np.ndarray) -> np.ndarray:
    return np.tile(wave, 2)[..., : 2 * RATE]


def test_an_inverted_pair_is_no_silence():
    """Its mean is; it is judged as what it is, and beside an upright pair the image is wrong."""
    upright = np.stack([long(MONO), long(MONO)])
    inverted = upright * np.float32([[1], [-1]])
    own = metrics.evaluate(inverted, inverted, sample_rate=RATE)
    assert own["auditory"] < 1 and own["image_db"] == 0 and own["copied"] > 0.9
    mixed = metrics.evaluate(inverted, upright, sample_rate=RATE)
    assert mixed["image_db"] > 15
    assert metrics.evaluate(upright, upright, sample_rate=RATE)["image_db"] == 0


def test_equal_channels_are_judged_as_mono():
    row = metrics.evaluate(long(OTHER), long(MONO), sample_rate=RATE)
    twice = metrics.evaluate(
        np.stack([long(OTHER)] * 2), np.stack([long(MONO)] * 2), sample_rate=RATE
    )
    for measure in metrics.MEASURES:
        assert twice[measure] == pytest.approx(row[measure], abs=1e-3)


def test_what_is_wrong_in_one_channel_is_noticed():
    """The mean of both hides a second channel of noise under its own copy with the sign turned."""
    right, wrong = (
        noise(2 * RATE)[0],
        np.float32(0.1) * np.sin(np.arange(2 * RATE)).astype(np.float32),
    )
    reference = np.stack([long(MONO), right])
    good = np.stack([long(OTHER), noise(2 * RATE, seed=4)[0]])
    bad = np.stack([long(OTHER), wrong])
    rows = [metrics.evaluate(wave, reference, sample_rate=RATE) for wave in (good, bad)]
    assert rows[1]["auditory"] > 1.5 * rows[0]["auditory"]
    swapped = metrics.evaluate(
        reference[::-1] * np.float32([[3], [1]]), reference, sample_rate=RATE
    )
    assert rows[0]["image_db"] < 3 < swapped["image_db"]


@pytest.mark.parametrize("candidate, reference", [(1, 2), (2, 1), (2, 6)])
def test_sounds_of_other_channel_counts_are_judged(candidate, reference):
    waves = [
        np.stack([long(MONO)] + [long(OTHER)] * (count - 1)) for count in (candidate, reference)
    ]
    row = metrics.evaluate(*waves, sample_rate=RATE)
    assert all(np.isfinite(value) for value in row.values())


# --- levels of streams and loops


def loud(gain: float) -> np.ndarray:
    """A float recording far over full scale."""
    return np.stack([gain * MONO / audio.rms(MONO[None]), gain * OTHER / audio.rms(OTHER[None])])


def crest(wave: np.ndarray) -> float:
    return float(np.max(np.abs(wave)) / audio.rms(wave))


def test_loud_loops_and_streams_are_lowered_not_clipped():
    """At +8 dB of full scale a loop came out nearly a square wave, without a word."""
    recipe = SMALL.replace(evaluations=5)
    soft, hard = (
        streaming.fit_style(recipe, [loud(gain).astype(np.float32)], sample_rate=RATE)
        for gain in (0.02, 2.5)
    )
    loops = [
        streaming.make_loop(streaming.prepare_loop(style, seconds=1.0), jax.random.key(0))
        for style in (soft, hard)
    ]
    assert loops[0].lowered_db == 0 and loops[1].lowered_db > 10
    assert np.max(np.abs(loops[1].wave)) <= 1
    assert crest(loops[1].wave) == pytest.approx(crest(loops[0].wave), rel=0.01)

    def stream_of(style):
        stream, state = streaming.prepare_stream(style), None
        state = streaming.init_state(stream)
        blocks = []
        for _ in range(3):
            state, block = streaming.step(stream, jax.random.key(0), state)
            blocks.append(block)
        return blocks

    below, over = stream_of(soft), stream_of(hard)
    assert {block.lowered_db for block in below} == {0.0}
    assert len({block.lowered_db for block in over}) == 1 and over[0].lowered_db > 10
    for quiet, lowered in zip(below, over, strict=True):
        assert crest(lowered.wave) == pytest.approx(crest(quiet.wave), rel=0.05)
