"""Streams: blocks whose borders cannot be detected, that go on for ever and through the disk."""

import functools
import os

import jax
import numpy as np
import pytest
from helpers import correlation_of, highest_correlation, noise
from stream_blocks import (
    RATE,
    REFERENCE,
    SMALL,
    border_p_value,
    describe_windows,
    make_blocks,
)

from audio_texture import audio, recipes, references, streaming
from audio_texture.errors import ChoiceError
from audio_texture.views import View


@functools.cache
def small_stream():
    return streaming.prepare_stream(streaming.fit_style(SMALL, [REFERENCE], sample_rate=RATE))


@functools.cache
def fifty_blocks():
    return make_blocks(small_stream(), 50)[0]


def choose_inside(length, borders, *, away=400, count=600):
    """Random places that are far from every border."""
    places = np.random.default_rng(1).integers(away, length - away, count)
    return [place for place in places if np.min(np.abs(place - borders)) > away]


def test_borders_cannot_be_detected():
    """Windows at both ends and in the middle of a blend are as those inside.

    A plain cut would be detected.
    """
    stream, wave = small_stream(), fifty_blocks()[0]
    borders = np.arange(stream.samples, len(wave) - 400, stream.samples)
    inside = describe_windows(wave, choose_inside(len(wave), borders))
    for place in (0, stream.blend // 2, stream.blend):
        assert border_p_value(describe_windows(wave, borders + place), inside) > 0.02
    # The same blocks in another order: every border is a cut.
    cut = wave.reshape(50, -1)[np.random.default_rng(0).permutation(50)].reshape(-1)
    assert border_p_value(describe_windows(cut, borders), inside) < 0.01


def test_every_block_is_new():
    """No block copies another one or the reference, and another key makes another stream."""
    stream, wave = small_stream(), fifty_blocks()[0]
    for number in (0, 1, 7, 40):
        first, end = number * stream.samples, (number + 1) * stream.samples
        others = np.concatenate([wave[:first], wave[end:]])
        assert highest_correlation(wave[first:end], others) < 0.35
        assert highest_correlation(wave[first:end], REFERENCE[0]) < 0.35
    other_stream = make_blocks(stream, 1, key=jax.random.key(1))[0][0]
    assert abs(correlation_of(other_stream, wave[: stream.samples])) < 0.3


def test_a_clock_keeps_its_beat():
    """Ticks stay a period apart across blocks: a walk goes on from where the last block ended."""
    period = RATE // 5
    ticking = 0.01 * noise(2 * RATE)
    for tick in range(100, 2 * RATE - 100, period):
        ticking[:, tick : tick + 100] += noise(100, seed=tick)
    stream = streaming.prepare_stream(streaming.fit_style(SMALL, [ticking], sample_rate=RATE))
    wave = make_blocks(stream, 25)[0][0]
    level = np.sqrt(np.mean(wave[: len(wave) // 40 * 40].reshape(-1, 40) ** 2, axis=1))
    level = np.log(level + 0.1 * level.max())
    # The first multiple of the period that is longer than a block.
    periods = next(count for count in range(1, 100) if count * period > 1.5 * stream.samples)
    lag = periods * period // 40
    around = [
        np.corrcoef(level[:-shift], level[shift:])[0, 1] for shift in range(lag - 20, lag + 21)
    ]
    peak, elsewhere = max(around[17:24]), max(around[:8] + around[-8:])
    assert peak > 0.35 and peak > 3 * elsewhere, np.round(around, 2)


def test_blocks_share_one_compilation():
    """Nothing is traced again either: that took 1.2 MB a block, even with a cache on the disk."""
    stream = small_stream()
    _, state = make_blocks(stream, 2)
    compiled = []

    def note(name, *_, **__):
        if name.startswith("/jax/core/compile/"):
            compiled.append(name)

    jax.monitoring.register_event_duration_secs_listener(note)
    make_blocks(stream, 2, state=state)
    jax.monitoring.unregister_event_duration_listener(note)
    assert not compiled


def resident_mb():
    """Memory of this process, in MB."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs /proc")
def test_memory_does_not_grow():
    """The whole process: 150 blocks once grew by 31 MB that `jax.live_arrays` did not count."""
    stream = small_stream()
    recipe = SMALL.replace(evaluations=1)
    quick = stream._replace(style=stream.style._replace(recipe=recipe))
    _, state = make_blocks(quick, 60)
    before = resident_mb()
    make_blocks(quick, 150, state=state)
    assert resident_mb() - before < 10


def test_a_stream_goes_on_through_the_disk(tmp_path):
    """A saved style and a saved state make the very same samples, without the recording."""
    stream = small_stream()
    _, state = make_blocks(stream, 2)
    streaming.save_style(f"{tmp_path}/style", stream.style)
    streaming.save_state(f"{tmp_path}/state", state)
    again = streaming.prepare_stream(streaming.load_style(f"{tmp_path}/style"))
    loaded = streaming.load_state(f"{tmp_path}/state", streaming.init_state(again))
    assert again.style.recipe == stream.style.recipe and loaded.block == 2
    expected = fifty_blocks()[:, 2 * stream.samples : 4 * stream.samples]
    np.testing.assert_array_equal(make_blocks(again, 2, state=loaded)[0], expected)
    assert {path.name for path in tmp_path.iterdir()} == {"style", "state"}


def test_peaks_are_rounded_off():
    """No stretch of a recording at full scale clips, and lower samples stay unchanged."""
    wave = np.linspace(-1, 1, 101, dtype=np.float32)[None]
    rounded = audio.round_off_peaks(5 * wave) / 5
    assert np.max(np.abs(rounded)) < 0.2 and np.all(np.diff(rounded) >= 0)
    small = np.abs(wave) < 0.17
    np.testing.assert_allclose(rounded[small], wave[small], rtol=1e-5)


def test_a_stream_has_the_models_rate():
    """Nothing is resampled block by block."""
    recipe = SMALL.replace(sample_rate=6000)
    style = streaming.fit_style(recipe, [REFERENCE], sample_rate=RATE)
    assert style.sample_rate == 6000 == references.model_sample_rate(style.recipe, RATE)


@pytest.mark.parametrize(
    "recipe, field, message",
    [
        (recipes.named("infinite-width"), "canvas", "waveform canvas"),
        (SMALL.replace(normalised_by="start"), "normalised_by", "normalised_by"),
    ],
)
def test_recipes_that_cannot_stream_are_refused(recipe, field, message):
    with pytest.raises(ChoiceError, match=message) as caught:
        streaming.fit_style(recipe, [REFERENCE], sample_rate=RATE)
    assert caught.value.field == field


def test_short_blocks_and_loops_are_refused():
    style = small_stream().style
    short = style._replace(recipe=SMALL.replace(block_seconds=0.1))
    with pytest.raises(ChoiceError, match="block_seconds=0.1 is too short"):
        streaming.prepare_stream(short)
    with pytest.raises(ValueError, match="out of range"):
        streaming.prepare_loop(style, seconds=0.0)
    long = style._replace(recipe=SMALL.replace(views=(View(8, (40,), 16.0, 4.0),)))
    message = "shorter than the longest kernel or two windows, 0.172 s"
    with pytest.raises(ChoiceError, match=message):
        streaming.prepare_loop(long, seconds=0.1)
