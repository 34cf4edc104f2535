"""streaming.py: blocks that nobody can find the borders of, loops likewise, and styles and states that go through the disk."""

import functools
import os

import jax
import numpy as np
import pytest
import scipy.signal
from conftest import correlated, correlation_of, crackle, highest_correlation, noise, relative_error

from audio_texture import audio, canvas, matching, metrics, recipes, references, sounds, streaming
from audio_texture.views import View

RATE = 8000
# Dull, so that a cut is a jump.
REFERENCE = scipy.signal.lfilter([0.3], [1, -0.9], crackle(16000)).astype(np.float32)
KEY = jax.random.key(0)
SMALL = recipes.named("texture-fast").replace(
    views=(View(8, (2, 6), 16.0, 4.0),),
    block_seconds=0.6,
    evaluations=8,
)


@functools.cache
def laid_out(recipe=SMALL):
    return streaming.prepare_stream(streaming.fit_style(recipe, [REFERENCE], sample_rate=RATE))


def blocks(stream, count, *, key=KEY, state=None):
    """Blocks after one another and the state behind them."""
    state, waves = state or streaming.init_state(stream), []
    for _ in range(count):
        state, made = streaming.step(stream, key, state)
        waves.append(made.wave)
    return np.concatenate(waves, axis=1), state


@functools.cache
def many():
    """Fifty blocks."""
    return blocks(laid_out(), 50)[0]


def windows(wave, centres, reach=128):
    """What windows sound like: log energies in bands before and after the centre, their change, and the largest jumps around it."""
    found = []
    for centre in centres:
        before, after = wave[centre - reach : centre], wave[centre : centre + reach]
        bands = [
            np.log10(
                np.add.reduceat(
                    np.abs(np.fft.rfft(half * np.hanning(reach)))[1:] ** 2, [0, 4, 8, 16, 32]
                )
                + 1e-12
            )
            for half in (before, after)
        ]
        near = wave[centre - 16 : centre + 48]
        jumps = [
            np.log10(np.max(np.abs(np.diff(near, difference))) + 1e-6) for difference in (1, 2, 3)
        ]
        jumps += [
            np.log10(
                np.abs(np.diff(wave[centre - 4 : centre + 4], difference))[3 - difference // 2]
                + 1e-6
            )
            for difference in (1, 2)
        ]
        found.append(np.concatenate([*bands, np.abs(bands[1] - bands[0]), jumps]))
    return np.array(found)


def p_value(at_borders, inside, *, shuffles=400):
    """Permutation test: how often a random choice of windows differs from the rest by as much, in the mean or spread of any feature."""
    everything, count = np.concatenate([at_borders, inside]), len(at_borders)
    standard = (everything - everything.mean(axis=0)) / everything.std(axis=0)
    both = np.concatenate([standard, standard**2], axis=1)

    def gap(order):
        return np.max(
            np.abs(both[order[:count]].mean(axis=0) - both[order[count:]].mean(axis=0))
            / both.std(axis=0)
        )

    rng = np.random.default_rng(0)
    observed = gap(np.arange(len(both)))
    return (1 + sum(gap(rng.permutation(len(both))) >= observed for _ in range(shuffles))) / (
        1 + shuffles
    )


def places_inside(length, borders, *, away=400, count=600):
    centres = np.random.default_rng(1).integers(away, length - away, count)
    return [centre for centre in centres if np.min(np.abs(centre - borders)) > away]


def test_no_border_is_found():
    """Windows across borders, where the blend begins and where it ends, are as those inside; the test would find a plain cut."""
    stream, wave = laid_out(), many()[0]
    borders = np.arange(stream.samples, len(wave) - 400, stream.samples)
    inside = windows(wave, places_inside(len(wave), borders))
    for place in (0, stream.blend // 2, stream.blend):
        assert p_value(windows(wave, borders + place), inside) > 0.02
    # The same blocks in another order: every border is a cut.
    cut = wave.reshape(50, -1)[np.random.default_rng(0).permutation(50)].reshape(-1)
    assert p_value(windows(cut, borders), inside) < 0.01


def test_every_block_is_new():
    """No block is a copy of another one, nor of the reference, and another key makes another stream."""
    stream, wave = laid_out(), many()[0]
    for number in (0, 1, 7, 40):
        block = wave[number * stream.samples :][: stream.samples]
        others = np.concatenate(
            [wave[: number * stream.samples], wave[(number + 1) * stream.samples :]]
        )
        assert highest_correlation(block, others) < 0.35
        assert highest_correlation(block, REFERENCE[0]) < 0.35
    assert (
        abs(correlation_of(blocks(stream, 1, key=jax.random.key(1))[0][0], wave[: stream.samples]))
        < 0.3
    )


def test_a_clock_keeps_its_beat():
    """Ticks stay a period apart from block to block, not in each alone: a walk goes on where the block before was left."""
    period = RATE // 5
    ticking = 0.01 * noise(2 * RATE)
    for tick in range(100, 2 * RATE - 100, period):
        ticking[:, tick : tick + 100] += noise(100, seed=tick)
    stream = streaming.prepare_stream(streaming.fit_style(SMALL, [ticking], sample_rate=RATE))
    level = np.sqrt(
        np.mean(
            blocks(stream, 25)[0][0, : 25 * stream.samples // 40 * 40].reshape(-1, 40) ** 2, axis=1
        )
    )
    level = np.log(level + 0.1 * level.max())
    # further apart than a block is long
    lag = (
        next(count for count in range(1, 100) if count * period > 1.5 * stream.samples)
        * period
        // 40
    )
    around = [
        np.corrcoef(level[:-shift], level[shift:])[0, 1] for shift in range(lag - 20, lag + 21)
    ]
    assert max(around[17:24]) > 0.35 and max(around[17:24]) > 3 * max(around[:8] + around[-8:]), (
        np.round(around, 2)
    )


@pytest.mark.slow
def test_flat_over_ten_minutes():
    """Level and spectrum of every half minute, against the reference's and for a slope; what is on the device does not grow."""
    recipe = SMALL.replace(
        views=(View(8, (2,), 64.0, 32.0),),
        gain_window_ms=64.0,
        block_seconds=5.0,
        evaluations=5,
        sample_rate=4000,
    )
    # Steady: a few loud clicks would decide about a level.
    reference = sounds.make("rain", KEY, 5.0, RATE)[None]
    stream = streaming.prepare_stream(streaming.fit_style(recipe, [reference], sample_rate=RATE))
    wave, state, held = [], streaming.init_state(stream), []
    rate = stream.style.sample_rate
    while sum(part.shape[1] for part in wave) < 600 * rate:
        state, made = streaming.step(stream, KEY, state)
        wave.append(made.wave)
        del made
        held.append(sum(array.nbytes for array in jax.live_arrays()))
    assert held[-1] <= held[2]
    halves = np.concatenate(wave, axis=1)[0, : 600 * rate].reshape(20, -1)
    levels = 20 * np.log10([audio.rms(half[None]) / audio.rms(reference) for half in halves])
    assert np.max(np.abs(levels)) < 0.5
    spectra = np.array([metrics.band_levels(half, sample_rate=rate)[1] for half in halves])
    assert np.max(np.abs(spectra - spectra.mean(axis=0))) < 1.5
    # Slopes in dB an hour, against what their own scatter allows.
    minutes = np.arange(20) - 9.5
    for values in np.concatenate([levels[None], spectra.T]):
        slope = values @ minutes / (minutes @ minutes)
        residual = np.std(values - values.mean() - slope * minutes) / np.sqrt(minutes @ minutes)
        assert abs(slope) < 4 * residual


def test_blocks_share_one_compilation():
    """Nothing is traced either: that took no compilation where the cache on disk had the program, but 1.2 MB a block."""
    stream = laid_out()
    _, state = blocks(stream, 2)
    compiled = []
    note = lambda name, *_, **__: (
        compiled.append(name) if name.startswith("/jax/core/compile/") else None
    )
    jax.monitoring.register_event_duration_secs_listener(note)
    blocks(stream, 2, state=state)
    jax.monitoring.unregister_event_duration_listener(note)
    assert not compiled


def resident():
    """Memory of this process, in MB."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="tells memory by /proc")
def test_memory_does_not_grow():
    """Of the process, where `jax.live_arrays` sees the device alone: 300 blocks once grew by 62 MB."""
    stream = laid_out()
    few = stream._replace(style=stream.style._replace(recipe=SMALL.replace(evaluations=1)))
    _, state = blocks(few, 60)
    before = resident()
    blocks(few, 300, state=state)
    assert resident() - before < 15


def test_through_the_disk(tmp_path):
    """A saved style and a saved state go on at the very samples, with no recording at hand."""
    stream = laid_out()
    _, state = blocks(stream, 2)
    streaming.save_style(f"{tmp_path}/style", stream.style)
    streaming.save_state(f"{tmp_path}/state", state)
    again = streaming.prepare_stream(streaming.load_style(f"{tmp_path}/style"))
    found = streaming.load_state(f"{tmp_path}/state", streaming.init_state(again))
    assert again.style.recipe == stream.style.recipe and found.block == 2
    np.testing.assert_array_equal(
        blocks(again, 2, state=found)[0], many()[:, 2 * stream.samples : 4 * stream.samples]
    )
    assert {path.name for path in tmp_path.iterdir()} == {"style", "state"}


def test_stereo_keeps_its_image(tmp_path):
    """Also through the disk: the density is complex. And the borders have the image of the rest."""
    reference = correlated(8000, -0.7)
    streaming.save_style(
        f"{tmp_path}/style", streaming.fit_style(SMALL, [reference], sample_rate=RATE)
    )
    stream = streaming.prepare_stream(streaming.load_style(f"{tmp_path}/style"))
    wave, _ = blocks(stream, 4)
    assert correlation_of(*wave) == pytest.approx(correlation_of(*reference), abs=0.1)
    across = np.concatenate(
        [
            wave[:, border : border + stream.blend]
            for border in range(stream.samples, wave.shape[1], stream.samples)
        ],
        axis=1,
    )
    assert correlation_of(*across) == pytest.approx(correlation_of(*reference), abs=0.25)


def test_peaks_are_rounded_off():
    """Of a recording at full scale no stretch clips, and what is no peak stays as it is."""
    wave = np.linspace(-1, 1, 101, dtype=np.float32)[None]
    found = streaming._rounded_off(5 * wave) / 5
    assert np.max(np.abs(found)) < 0.2 and np.all(np.diff(found) >= 0)
    small = np.abs(wave) < 0.17
    np.testing.assert_allclose(found[small], wave[small], rtol=1e-5)


# --- loops


@functools.cache
def loops(seconds, count):
    loop = streaming.prepare_loop(laid_out().style, seconds=seconds)
    return [streaming.make_loop(loop, jax.random.key(seed)).wave for seed in range(count)]


def test_a_loop_repeated_has_no_border():
    """Of a length that is no multiple of anything, twice after one another; the test would find an open end."""
    seconds, reach = 0.40013, 400
    around = [np.concatenate([wave[0], wave[0]]) for wave in loops(seconds, 30)]
    length = len(around[0]) // 2
    assert length == round(seconds * RATE)
    borders = np.concatenate([windows(wave, [length]) for wave in around])
    inside = np.concatenate(
        [
            windows(wave, np.random.default_rng(seed).integers(reach, length - reach, 8))
            for seed, wave in enumerate(around)
        ]
    )
    assert p_value(borders, inside) > 0.02
    cuts = [np.concatenate([a[:length], b[:length]]) for a, b in zip(around, around[1:])]
    assert p_value(np.concatenate([windows(wave, [length]) for wave in cuts]), inside) < 0.01


def test_loops_have_the_level():
    wave = np.concatenate(loops(0.40013, 30), axis=1)
    assert audio.rms(wave) == pytest.approx(audio.rms(REFERENCE), rel=0.3)


def test_the_loop_canvas_is_a_circle():
    """Turned parameters make the turned wave: nothing in it knows where the beginning is."""
    equaliser = canvas.Equaliser(64, 16, 4)
    sketch = canvas.loop_canvas(
        np.ones((321, 1, 1), np.float32),
        np.ones((33, 1, 1), np.complex64),
        sample_rate=RATE,
        samples=640,
        equaliser=equaliser,
    )
    parameters = sketch.init(KEY)
    parameters["gain"] = jax.random.normal(KEY, parameters["gain"].shape)
    turned = {
        "noise": np.roll(parameters["noise"], 48, axis=1),
        "gain": np.roll(parameters["gain"], 3, axis=1),
    }
    assert (
        relative_error(
            sketch.render(turned, sketch.constants),
            np.roll(sketch.render(parameters, sketch.constants), 48, axis=1),
        )
        < 1e-5
    )


def test_circular_distances_know_no_beginning():
    """A turned wave is as far from the style: catches frames or patches at the closure that count twice or not at all."""
    recipe = SMALL.replace(auditory_weight=1.0, block_seconds=1.0)
    style = streaming.fit_style(recipe, [REFERENCE], sample_rate=RATE)
    distance = jax.jit(
        lambda wave: matching.style_objective(
            style.recipe, RATE, style.weights, circular=True
        ).distance(style.target, wave)
    )
    wave = crackle(4800, seed=3)
    _, terms = distance(wave)
    for turn in (320, 2240):
        for name, value in distance(np.roll(wave, turn, axis=1))[1].items():
            assert float(value) == pytest.approx(float(terms[name]), rel=1e-3)


@pytest.mark.parametrize("samples", [640, 641, 4096, 100])
def test_colours_of_other_lengths_keep_their_power(samples):
    """A tone between two frequencies of a short loop must not get lost: catches a density that is sampled, not averaged."""
    tone = (
        0.1 * np.sin(2 * np.pi * 0.1037 * np.arange(16000))[None].astype(np.float32)
        + 0.01 * REFERENCE
    )
    density = canvas.spectral_density(tone, sample_rate=RATE, samples=4800, smoothing_hz=2.0)
    colour = streaming._colour(density, samples)
    power = np.concatenate([colour[:, 0, 0] ** 2, colour[(samples - 1) // 2 : 0 : -1, 0, 0] ** 2])
    assert len(power) == samples and np.mean(power) == pytest.approx(np.mean(tone**2), rel=0.03)


# --- mixtures


@functools.cache
def morphing():
    """From dull clicks to bright noise at a quarter of the level, and the stream of it."""
    bright = 0.25 * audio.rms(REFERENCE) / 0.1 * np.diff(noise(16001), axis=1)
    recipe = SMALL.replace(evaluations=15)
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
    """Brighter and quieter from beginning to end, by blocks that share one program; the same from the disk."""
    stream = morphing()
    count = -(-stream.total // stream.samples)
    wave, _ = blocks(stream, count)
    quarters = np.split(wave[0, : stream.total // 4 * 4], 4)
    bright = [np.mean(np.diff(part) ** 2) / np.mean(part**2) for part in quarters]
    assert np.all(np.diff(bright) > 0) and np.all(
        np.diff([audio.rms(part) for part in quarters]) < 0
    )
    places = [stream.place(number) for number in range(count + 3)]
    assert places[0] == 0 and places[-1] == 1 and np.all(np.diff(places) >= 0)
    np.testing.assert_allclose(stream.style.weights_at(0.25), [0.75, 0.25])
    streaming.save_style(f"{tmp_path}/style", stream.style)
    again = streaming.prepare_stream(streaming.load_style(f"{tmp_path}/style"), seconds=3.0)
    np.testing.assert_array_equal(blocks(again, 2)[0], wave[:, : 2 * stream.samples])


def test_bands_of_a_stream(tmp_path):
    """Each band is its sound's, also through the disk, where the upper end is no number."""
    edges = [(0.0, 1000.0), (1000.0, np.inf)]
    streaming.save_style(
        f"{tmp_path}/style",
        streaming.fit_style(SMALL, [REFERENCE, noise(8000)], sample_rate=RATE, bands=edges),
    )
    style = streaming.load_style(f"{tmp_path}/style")
    assert style.bands == edges
    wave, _ = blocks(streaming.prepare_stream(style), 3)
    power = np.abs(np.fft.rfft(wave[0])) ** 2
    high = np.arange(len(power)) > len(power) // 4
    # Both sounds were brought to one level, of which the dull one has next to nothing above.
    expected = (
        np.sum(
            np.abs(np.fft.rfft(noise(8000)[0] / audio.rms(noise(8000)))) ** 2
            * (np.arange(4001) > 1000)
        )
        / 8000**2
    )
    assert np.sum(power[high]) / np.sum(power) == pytest.approx(
        2 * expected / (2 * expected + 1), abs=0.2
    )


def test_morphs_need_an_end():
    style = morphing().style
    with pytest.raises(ValueError, match="a morph needs a stream that ends"):
        streaming.prepare_stream(style)
    with pytest.raises(ValueError, match="a loop has no end to morph to"):
        streaming.prepare_loop(style, seconds=1.0)


# --- bad input


def test_recipes_that_cannot_stream_are_refused():
    for recipe, said in (
        (recipes.named("infinite-width"), "waveform canvas"),
        (SMALL.replace(normalised_by="start"), "normalised_by"),
    ):
        with pytest.raises(ValueError, match=said):
            streaming.fit_style(recipe, [REFERENCE], sample_rate=RATE)


def test_short_blocks_and_loops_are_refused():
    style = laid_out().style
    with pytest.raises(ValueError, match="block_seconds=0.1 is too short"):
        streaming.prepare_stream(style._replace(recipe=SMALL.replace(block_seconds=0.1)))
    with pytest.raises(ValueError, match="out of range"):
        streaming.prepare_loop(style, seconds=0.0)
    long = style._replace(recipe=SMALL.replace(views=(View(8, (40,), 16.0, 4.0),)))
    with pytest.raises(ValueError, match="shorter than the longest kernel or two windows, 0.172 s"):
        streaming.prepare_loop(long, seconds=0.1)


def test_files_of_another_kind_are_refused(tmp_path):
    """Missing, no safetensors, a state for a style, a style whose recipe was changed, a state of another layout."""
    style, state = laid_out().style, streaming.init_state(laid_out())
    streaming.save_state(f"{tmp_path}/state", state)
    (tmp_path / "text").write_text("no tensors")
    changed = style._replace(recipe=SMALL.replace(views=(View(12, (2, 6), 16.0, 4.0),)))
    streaming.save_style(f"{tmp_path}/changed", changed)
    for name, said in (
        ("none", "can be read"),
        ("text", "can be read"),
        ("state", "holds no style"),
        ("changed", "another configuration"),
    ):
        with pytest.raises(ValueError, match=said):
            streaming.load_style(f"{tmp_path}/{name}")
    with pytest.raises(ValueError, match="no state of this stream"):
        streaming.load_state(f"{tmp_path}/state", state._replace(frozen=state.frozen[:, 1:]))
    with pytest.raises(ValueError, match="cannot be written"):
        streaming.save_style(f"{tmp_path}/nowhere/style", style)


def test_a_stream_is_at_the_modelled_rate():
    """What a recipe models at another rate, or a recording above 48 kHz, streams at that rate: nothing is resampled block by block."""
    style = streaming.fit_style(SMALL.replace(sample_rate=6000), [REFERENCE], sample_rate=RATE)
    assert style.sample_rate == 6000 == references.model_sample_rate(style.recipe, RATE)
