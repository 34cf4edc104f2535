"""Styles: stereo, mixtures and long streams, made from a style alone and through its file."""

import functools

import jax
import numpy as np
import pytest
from helpers import correlated, correlation_of, noise, relative_error
from stream_blocks import KEY, RATE, REFERENCE, SMALLEST, make_blocks

from audio_texture import audio, metrics, sounds, streaming
from audio_texture.errors import ChoiceError
from audio_texture.streaming.layout import circular_canvas
from audio_texture.views import View


@functools.cache
def smallest_style():
    return streaming.fit_style(SMALLEST, [REFERENCE], sample_rate=RATE)


def save_and_load(folder, style):
    streaming.save_style(f"{folder}/style", style)
    return streaming.load_style(f"{folder}/style")


@pytest.mark.slow
def test_a_stream_is_flat_over_ten_minutes():
    """Level and spectrum of every half minute are the reference's and have no slope.

    Memory on the device does not grow.
    """
    recipe = SMALLEST.replace(
        views=(View(8, (2,), 64.0, 32.0),),
        gain_window_ms=64.0,
        block_seconds=5.0,
        evaluations=3,
        sample_rate=4000,
    )
    # A steady sound: a few loud clicks would decide the level.
    reference = sounds.make("rain", KEY, 5.0, RATE)[None]
    stream = streaming.prepare_stream(streaming.fit_style(recipe, [reference], sample_rate=RATE))
    rate, state = stream.style.sample_rate, streaming.init_state(stream)
    waves, memory = [], []
    while sum(part.shape[1] for part in waves) < 600 * rate:
        state, block = streaming.step(stream, KEY, state)
        waves.append(block.wave)
        del block
        memory.append(sum(array.nbytes for array in jax.live_arrays()))
    assert memory[-1] <= memory[2]
    halves = np.concatenate(waves, axis=1)[0, : 600 * rate].reshape(20, -1)
    levels = 20 * np.log10([audio.rms(half[None]) / audio.rms(reference) for half in halves])
    assert np.max(np.abs(levels)) < 0.5
    spectra = np.array([metrics.band_levels(half, sample_rate=rate)[1] for half in halves])
    assert np.max(np.abs(spectra - spectra.mean(axis=0))) < 1.5
    # Slopes, against what the scatter around them allows.
    minutes = np.arange(20) - 9.5
    for values in np.concatenate([levels[None], spectra.T]):
        slope = values @ minutes / (minutes @ minutes)
        residual = np.std(values - values.mean() - slope * minutes) / np.sqrt(minutes @ minutes)
        assert abs(slope) < 4 * residual


def test_a_stereo_stream_keeps_its_image(tmp_path):
    """Through the disk too, as the density is complex; borders have the same image."""
    reference = correlated(8000, -0.7)
    style = streaming.fit_style(SMALLEST, [reference], sample_rate=RATE)
    stream = streaming.prepare_stream(save_and_load(tmp_path, style))
    wave, _ = make_blocks(stream, 4)
    assert correlation_of(*wave) == pytest.approx(correlation_of(*reference), abs=0.1)
    borders = range(stream.samples, wave.shape[1], stream.samples)
    blends = [wave[:, border : border + stream.blend] for border in borders]
    across = np.concatenate(blends, axis=1)
    assert correlation_of(*across) == pytest.approx(correlation_of(*reference), abs=0.25)


def test_each_band_of_a_stream_has_its_sound(tmp_path):
    """Through the disk too, where the upper end is no number."""
    edges = [(0.0, 1000.0), (1000.0, np.inf)]
    references = [REFERENCE, noise(8000)]
    style = streaming.fit_style(SMALLEST, references, sample_rate=RATE, bands=edges)
    style = save_and_load(tmp_path, style)
    assert style.bands == edges
    wave, _ = make_blocks(streaming.prepare_stream(style), 3)
    power = np.abs(np.fft.rfft(wave[0])) ** 2
    high = np.arange(len(power)) > len(power) // 4
    # Both sounds were brought to one level, of which the dull one has next to nothing above 1 kHz.
    white = np.abs(np.fft.rfft(noise(8000)[0] / audio.rms(noise(8000)))) ** 2
    expected = 2 * np.sum(white * (np.arange(4001) > 1000)) / 8000**2
    share = np.sum(power[high]) / np.sum(power)
    assert share == pytest.approx(expected / (expected + 1), abs=0.2)


@functools.cache
def morphing_stream():
    """A stream from dull clicks to bright noise at a quarter of the level."""
    bright = 0.25 * audio.rms(REFERENCE) / 0.1 * np.diff(noise(16001), axis=1)
    recipe = SMALLEST.replace(evaluations=15)
    style = streaming.fit_style(
        recipe,
        [REFERENCE, bright.astype(np.float32)],
        sample_rate=RATE,
        weights=[2.0, 0.0],
        morph_to=[0.0, 1.0],
    )
    return streaming.prepare_stream(style, seconds=3.0)


@pytest.mark.long
def test_a_morph_passes_through_a_stream(tmp_path):
    """Brighter and quieter from beginning to end, by blocks that share one program."""
    stream = morphing_stream()
    count = -(-stream.total // stream.samples)
    wave, _ = make_blocks(stream, count)
    quarters = np.split(wave[0, : stream.total // 4 * 4], 4)
    brightness = [np.mean(np.diff(part) ** 2) / np.mean(part**2) for part in quarters]
    assert np.all(np.diff(brightness) > 0)
    assert np.all(np.diff([audio.rms(part) for part in quarters]) < 0)
    again = streaming.prepare_stream(save_and_load(tmp_path, stream.style), seconds=3.0)
    np.testing.assert_array_equal(make_blocks(again, 2)[0], wave[:, : 2 * stream.samples])


def test_blocks_of_a_morph_meet_at_one_level():
    """The same white noise has the same colour in either block, where the emitted parts meet."""
    stream = morphing_stream()
    meeting, white = stream.blend + stream.context, stream.canvas.init(KEY)
    waves = []
    for block, place in ((0, meeting + stream.samples), (1, meeting)):
        coloured = circular_canvas(stream.style, stream.length, stretch=stream.stretch(block))
        turned = {**white, "noise": np.roll(white["noise"], -block * stream.samples, axis=1)}
        wave = np.asarray(jax.jit(coloured.render)(turned, coloured.constants))
        waves.append(wave[:, place - 100 : place + 100])
    assert stream.stretch(1)[0] - stream.stretch(0)[0] == pytest.approx(stream.samples / RATE)
    assert relative_error(*waves) < 0.15


def test_morphs_need_an_end():
    style = morphing_stream().style
    with pytest.raises(ChoiceError, match="a morph needs a stream that ends"):
        streaming.prepare_stream(style)
    with pytest.raises(ChoiceError, match="a loop has no end to morph to"):
        streaming.prepare_loop(style, seconds=1.0)


def test_files_of_another_kind_are_refused(tmp_path):
    """Missing or no safetensors; a state, a changed recipe, a state of another layout."""
    style = smallest_style()
    state = streaming.init_state(streaming.prepare_stream(style))
    streaming.save_state(f"{tmp_path}/state", state)
    (tmp_path / "text").write_text("no tensors")
    recipe = SMALLEST.replace(views=(View(12, (2,), 16.0, 4.0),))
    streaming.save_style(f"{tmp_path}/changed", style._replace(recipe=recipe))
    for name, message in (
        ("none", "can be read"),
        ("text", "can be read"),
        ("state", "holds no style"),
        ("changed", "another configuration"),
    ):
        with pytest.raises(ValueError, match=message):
            streaming.load_style(f"{tmp_path}/{name}")
    with pytest.raises(ValueError, match="is not a state of this stream"):
        streaming.load_state(f"{tmp_path}/state", state._replace(frozen=state.frozen[:, 1:]))
    with pytest.raises(ValueError, match="cannot be written"):
        streaming.save_style(f"{tmp_path}/nowhere/style", style)
