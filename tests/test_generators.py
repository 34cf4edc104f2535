"""generators/: the network, mixtures of styles, and sound from a seed and a position."""

import itertools

import generator_reference
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_generators
from helpers import relative_error
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_texture import audio, colour, generators
from audio_texture.errors import ChoiceError
from audio_texture.generators import network

MONO = {"channels": 1, "styles": 1}
STEREO = {"channels": 2, "styles": 2}
CHUNK = small_generators.config().chunk
BANDS = [(0.0, 900.0), (900.0, float("inf"))]


def stretch(samples, *, first=0, generator=None, **options):
    """`generators.stretch` in samples."""
    generator = generator or small_generators.make_generator()
    rate = generator.sample_rate
    return generators.stretch(generator, seconds=samples / rate, start=first / rate, **options)


def take(count, generator, **options):
    """The first `count` samples of `generators.blocks_from`, and the sizes of its blocks."""
    blocks, made = [], 0
    for block in generators.blocks_from(generator, **options):
        blocks.append(block)
        made += block.shape[1]
        if made >= count:
            break
    return np.concatenate(blocks, axis=1)[:, :count], {block.shape[1] for block in blocks}


# ---------------------------------------------------------------- the network


@pytest.mark.parametrize(
    ("kind", "mixture"),
    [
        (MONO, {}),
        (STEREO, {"weights": [0.7, 0.3]}),
        (STEREO, {"bands": BANDS}),
    ],
    ids=["mono", "stereo, mixed", "stereo, bands"],
)
def test_the_network_equals_a_reference(kind, mixture):
    """Noise, beats, convolutions, what the network hears, gains, coupling, voices: in float64."""
    generator = small_generators.make_generator(**kind)
    # Of 32 bits, and one that is missing.
    drawn = np.random.default_rng(2).integers(2**32, size=(kind["styles"], 2), dtype=np.uint32)
    drawn[-1, 0] = 0
    generator = generator._replace(styles=generator.styles._replace(beats=drawn))
    mixed, _ = generators.blend(generator.styles, generator.config, **mixture)
    run = generators.compile_chunks(generator.config, kind["styles"], 12)
    state = network.init_state(generator.config, voices=len(mixed.weights))
    _, wave = run(generator.parameters, state, np.uint32(5), np.int32(0), mixed, None)
    expected = generator_reference.generate(generator, mixed, seed=5, chunks=12)
    assert wave.shape == (kind["channels"], 12 * CHUNK)
    assert relative_error(wave, expected) < 1e-4


def test_the_state_is_forgotten_after_the_warm_up():
    """To the bit, and not a chunk earlier: a longer warm-up would only be slower."""
    generator = small_generators.make_generator()
    config, rng = generator.config, np.random.default_rng(0)
    chunks = config.warm_up + 1
    run = generators.compile_chunks(config, 1, chunks)
    mixed, _ = generators.blend(generator.styles, config)
    silence = network.init_state(config)
    garbage = jax.tree.map(
        lambda leaf: (3 * rng.standard_normal(leaf.shape)).astype(np.float32), silence
    )
    place = np.uint32(0), np.int32(0), mixed, None
    clean, dirty = (
        np.asarray(run(generator.parameters, state, *place)[1]).reshape(chunks, -1)
        for state in (silence, garbage)
    )
    assert np.all(np.any(clean[: config.warm_up] != dirty[: config.warm_up], axis=1))
    np.testing.assert_array_equal(clean[config.warm_up :], dirty[config.warm_up :])


@pytest.mark.parametrize("levels", [4, 7])
@pytest.mark.parametrize("sample_rate", [8000, 16000, 44100])
def test_sizes_fit_each_other_at_every_rate(sample_rate, levels):
    """A chunk is whole frames of every stage, and about a quarter second with seven levels."""
    config = generators.GeneratorConfig(sample_rate, levels=levels)
    for stage in config.stages:
        assert config.chunk % (stage.n_fft // 4) == 0
        frames = config.chunk // (stage.n_fft // 4)
        assert frames == config.frames(stage.level) * stage.split, stage.name
    assert levels < 7 or 0.15 < config.chunk / sample_rate < 0.4
    assert 8 <= config.warm_up <= 10


@pytest.mark.parametrize(
    ("sizes", "field"),
    [
        ({"width": 0}, "width"),
        ({"levels": 3}, "levels"),
        ({"noises": 3}, "noises"),
        ({"channels": 0}, "channels"),
        ({"sample_rate": 3999}, "sample_rate"),
    ],
)
def test_sizes_out_of_range(sizes, field):
    with pytest.raises(ChoiceError, match=rf"^{field} must be .*got {sizes[field]}") as caught:
        generators.GeneratorConfig(**{"sample_rate": 8000, **sizes})
    assert caught.value.field == field


def test_gains_of_zero_leave_the_noise_of_the_style():
    """An untrained generator is noise of the style's spectrum: what training starts from."""
    generator = small_generators.make_generator()
    heads = {name: leaf for name, leaf in generator.parameters.items() if "head" in name}
    silent = jax.tree.map(np.zeros_like, heads)
    flat = generator._replace(parameters={**generator.parameters, **silent})
    wave = generators.first_seconds(flat, [1.0], seconds=0.5, seed=3)
    late = sum(stage.overlap for stage in generator.config.stages)
    drawn = generator_reference.coloured(3, -5, 25, np.float64(generator.styles.colours[0]))
    begin = 5 * CHUNK - late
    assert relative_error(wave, drawn[:, begin : begin + wave.shape[1]]) < 1e-5


# ---------------------------------------------------------------- sound from a position


@settings(max_examples=10, deadline=None)
@given(first=st.integers(0, 3000), samples=st.sampled_from([1, 100, CHUNK, 2000]))
def test_any_stretch_by_itself(first, samples):
    """Catches whatever depends on where a sound was begun."""
    whole = stretch(5000, seed=9)
    np.testing.assert_allclose(
        stretch(samples, first=first, seed=9), whole[:, first : first + samples], atol=1e-6
    )


@pytest.mark.parametrize("kind", [MONO, STEREO], ids=["mono", "stereo"])
@pytest.mark.parametrize("samples", [160, CHUNK, 777])
def test_blocks_of_any_size_hold_the_same_samples(kind, samples):
    generator = small_generators.make_generator(**kind)
    whole = stretch(5000, generator=generator, seed=2)
    made, sizes = take(5000, generator, samples=samples, seed=2)
    np.testing.assert_allclose(made, whole, atol=1e-6)
    assert sizes == {samples} and whole.shape == (kind["channels"], 5000)
    later, _ = take(1000, generator, samples=samples, first=1234, seed=2)
    np.testing.assert_allclose(later, whole[:, 1234:2234], atol=1e-6)


def test_a_position_goes_on_where_it_was():
    """Catches a state that `advance` changes in place, and a chunk that is counted twice."""
    generator = small_generators.make_generator(**STEREO)
    mixed, _ = generators.blend(generator.styles, generator.config)
    begun = generators.begin(generator, mixed, seed=4, chunk=3)
    assert begun.chunk == 3
    later, first = generators.advance(generator, mixed, begun, chunks=2)
    last, second = generators.advance(generator, mixed, later, chunks=3)
    _, whole = generators.advance(generator, mixed, begun, chunks=5)
    assert (later.chunk, last.chunk) == (5, 8)
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), whole, atol=1e-6)


def test_seeds_and_minutes_differ():
    """The sounds of two seeds, and two stretches of one, have nothing in common."""
    generator = small_generators.make_generator()
    waves = [
        stretch(8000, seed=0),
        stretch(8000, seed=1),
        stretch(8000, seed=2**32 - 1),
        stretch(8000, seed=0, first=8000),
        stretch(8000, seed=0, first=3600 * generator.sample_rate),
    ]
    for left, right in itertools.combinations(waves, 2):
        assert abs(np.corrcoef(left[0], right[0])[0, 1]) < 0.1
    np.testing.assert_array_equal(waves[0], stretch(8000, seed=0))


def test_the_level_is_the_recordings():
    """gains brings the wave to the level, and all of it is lowered where a peak would clip."""
    generator = small_generators.make_generator()
    wave = generators.first_seconds(generator, [1.0], seconds=0.5, seed=0)
    expected = audio.round_off_peaks(wave * generator.styles.gains[0])
    np.testing.assert_allclose(stretch(4000, seed=0), expected, atol=1e-6)
    loud = generator._replace(peak=4.0)
    made, lowered = stretch(4000, generator=loud, seed=0), loud.lowered_db
    assert generator.lowered_db == 0 and lowered > 12
    quiet = np.abs(expected) < audio.KNEE
    np.testing.assert_allclose(
        made[quiet], expected[quiet] * 10 ** (-lowered / 20), rtol=1e-4, atol=1e-7
    )


def test_folded_channels_are_written_again():
    """A recording of two equal channels is modelled as one."""
    factors = np.float32([[1.0], [0.5]])
    generator = small_generators.make_generator()._replace(factors=factors)
    made = stretch(1000, generator=generator)
    assert generator.channels == 2 and made.shape == (2, 1000)
    np.testing.assert_allclose(made[1], 0.5 * made[0], rtol=1e-5)


# ---------------------------------------------------------------- styles


def test_a_style_has_the_spectrum_of_its_recording():
    """Two channels too: each one's power, at every frequency but for the smoothing."""
    config = small_generators.config(2)
    for number, wave in enumerate(small_generators.recordings(2)):
        fitted = generators.fit_styles(["it"], [wave], config, smoothing_hz=20.0)
        density = colour.spectral_density(
            wave, sample_rate=8000, samples=4 * config.chunk, smoothing_hz=20.0
        )
        # The first channel's noise, and the part of the second that it does not predict.
        power = np.real(density[:, 1, 1] - np.abs(density[:, 1, 0]) ** 2 / density[:, 0, 0])
        expected = np.sqrt(np.stack([np.real(density[:, 0, 0]), power]))
        np.testing.assert_allclose(fitted.colours[0], expected, rtol=1e-3, atol=1e-6)
        assert fitted.couplings.shape == (1, 65, 2, 2)
        # What the first channel says about the second: its sign is that of the correlation.
        assert np.sign(np.real(fitted.couplings[0, :, 1, 0]).mean()) == (1, -1)[number]
        assert fitted.gains.tolist() == [1.0] and fitted.names == ("it",)


def test_the_network_hears_noise_at_the_level_zero():
    """`heard` is the noise's own level in each band: what it hears has a mean power of 1."""
    generator = small_generators.make_generator(**STEREO)
    config, stage = generator.config, generator.config.heard
    mixed, _ = generators.blend(generator.styles, config, [1, 0])
    wave = generator_reference.coloured(8, 0, 60, np.float64(mixed.colour))
    spectra = generator_reference.analyse(wave, stage.n_fft)
    heard = network.hear(jnp.asarray(spectra), stage, config.sample_rate, jnp.asarray(mixed.heard))
    assert heard.shape == (60 * config.frames(0), 2 * stage.bands)
    powers = np.mean(np.exp(2 * np.asarray(heard)), axis=0)
    np.testing.assert_allclose(powers, 1 + network.HEARD_FLOOR, rtol=0.5)
    assert abs(np.mean(powers) - 1) < 0.1


def test_weights_of_one_style_are_that_style():
    styles = small_generators.make_generator(**STEREO).styles
    config = small_generators.config(2)
    for number in range(2):
        mixed, gain = generators.blend(styles, config, np.eye(2)[number].tolist())
        np.testing.assert_allclose(mixed.colour, styles.colours[number], rtol=2e-3)
        np.testing.assert_allclose(mixed.heard, styles.heard[number], rtol=1e-6)
        np.testing.assert_allclose(mixed.coupling, styles.couplings[number], rtol=1e-6)
        assert gain == pytest.approx(styles.gains[number])
        assert mixed.weights.tolist() == [np.eye(2)[number].tolist()]


def test_a_mixture_lies_between_its_styles():
    """At every frequency the geometric mean of the noise's powers, as in mixtures of textures."""
    styles, config = small_generators.make_generator(**STEREO).styles, small_generators.config(2)
    mixed, gain = generators.blend(styles, config)
    density = [np.square(colours)[0][:, None, None] for colours in np.float64(styles.colours)]
    expected = np.sqrt(np.abs(colour.mix_densities(density, [1, 1])[:, 0, 0]))
    louder = np.exp(np.mean(np.log(np.float64(mixed.colour)[0] / expected)))
    np.testing.assert_allclose(mixed.colour[0] / louder, expected, rtol=0.1)
    assert 0.9 < louder < 1.1
    assert gain == pytest.approx(np.sqrt(np.mean(np.square(styles.gains))))
    np.testing.assert_allclose(mixed.heard, styles.heard.mean(axis=0), rtol=1e-5)
    tenth, _ = generators.blend(styles, config, [9, 1])
    np.testing.assert_allclose(tenth.weights, [[0.9, 0.1]])


def test_a_morph_moves_evenly():
    """Weights that change a little change the sound a little, all the way: no step where one
    style takes over.
    """
    generator = small_generators.make_generator(channels=1, styles=2)
    waves = [
        stretch(2000, generator=generator, weights=[1 - place, place])
        for place in np.linspace(0, 1, 9)
    ]
    steps = [np.linalg.norm(y - x) for x, y in itertools.pairwise(waves)]
    assert min(steps) > 0 and max(steps) < 0.6 * np.linalg.norm(waves[-1] - waves[0])


@pytest.mark.parametrize("done", [0, 2500, 5000])
def test_a_morph_that_goes_on_has_the_same_samples(done):
    """Catches a warm-up by other weights than those that the sound had there: a seam."""
    generator = small_generators.make_generator(channels=1, styles=2)
    morph = {"samples": 8000, "first": 700, "weights": [1, 0], "morph_to": [0, 1], "seed": 3}
    whole = np.concatenate([*generators.stretch_blocks(generator, **morph)], axis=1)
    rest = np.concatenate([*generators.stretch_blocks(generator, **morph, done=done)], axis=1)
    np.testing.assert_allclose(rest, whole[:, done:], atol=1e-6)
    # Each end is its style alone; the network remembers the morph for a moment.
    for weights, part in (([1, 0], slice(0, 500)), ([0, 1], slice(-500, None))):
        first = range(700, 8700)[part].start
        alone = stretch(500, generator=generator, first=first, seed=3, weights=weights)
        assert relative_error(whole[:, part], alone) < 0.05


def test_each_band_is_shaped_by_its_style():
    """Below the edge the colour is the first style's, above it the second's."""
    generator = small_generators.make_generator(channels=1, styles=2)
    styles, config = generator.styles, generator.config
    mixed, _ = generators.blend(styles, config, bands=BANDS)
    assert mixed.weights.tolist() == [[1, 0], [0, 1]]
    frequencies = np.linspace(0, 4000, styles.colours.shape[-1])
    expected = np.where(frequencies < 900, styles.colours[0], styles.colours[1])
    np.testing.assert_allclose(mixed.colour, expected, rtol=2e-3)
    for stage in config.stages:
        share = mixed.shares[stage.name]
        np.testing.assert_array_equal(share.sum(axis=0), np.ones(stage.bands))
        assert share[0, 0] == 1 and share[1, -1] == 1
    # Swapping the bands swaps the voices.
    other, _ = generators.blend(styles, config, bands=BANDS[::-1])
    np.testing.assert_array_equal(other.shares["fast"], mixed.shares["fast"][::-1])


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"weights": [1.0]}, "weights"),
        ({"weights": [1.0, -0.5]}, "weights"),
        ({"weights": [0.0, 0.0]}, "weights"),
        ({"weights": [1.0, float("nan")]}, "weights"),
        ({"bands": BANDS[:1]}, "bands"),
        ({"bands": [(0.0, 800.0), (900.0, float("inf"))]}, "bands"),
        ({"bands": BANDS, "weights": [1.0, 2.0]}, "weights"),
    ],
)
def test_weights_and_bands_that_do_not_fit(options, field):
    generator = small_generators.make_generator(channels=1, styles=2)
    with pytest.raises(ChoiceError, match=field) as caught:
        stretch(100, generator=generator, **options)
    assert caught.value.field == field and "\n" not in str(caught.value)


def test_alike_styles_lie_near_each_other_on_the_map():
    """Catches a map of the colours, which the network does not make, and one of the wrong rows."""
    generator = small_generators.make_generator(styles=2)

    def third_like_the_first(path, leaf):
        return np.concatenate([leaf, leaf[:1]]) if path[-1].key in network.OF_STYLES else leaf

    parameters = jax.tree_util.tree_map_with_path(third_like_the_first, generator.parameters)
    styles = generator.styles.joined(generator.styles._replace(names=("like the first", "none")))
    styles = styles._replace(names=styles.names[:3])
    places = generators.map_styles(generator._replace(parameters=parameters, styles=styles))
    np.testing.assert_allclose(places[2], places[0], atol=1e-6)
    assert np.linalg.norm(places[1] - places[0]) > 0.5
    assert np.isclose(np.max(np.linalg.norm(places, axis=1)), 1)
