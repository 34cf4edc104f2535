"""classical.wavelet_tree: the transform is exact; small thresholds copy, large ones mix."""

import jax
import numpy as np
import pytest
import scipy.stats
from classical_contract import assert_keeps_the_contract
from metric_sounds import RATE, make_noise

from audio_texture import metrics, sounds
from audio_texture.classical import wavelet_tree as trees
from audio_texture.classical import wavelets
from audio_texture.errors import ChoiceError


def sample(wave, *, seed=0, samples=None, threshold=0.1, predecessors=3, rate=RATE):
    """A texture of a wave [N] or [C, N], as long as the wave unless told."""
    wave = np.atleast_2d(wave)
    return trees.wavelet_tree(
        jax.random.key(seed),
        wave,
        samples=wave.shape[1] if samples is None else samples,
        sample_rate=rate,
        tree_threshold=threshold,
        tree_predecessors=predecessors,
    )


@pytest.fixture(scope="module")
def rain():
    """Drops over the noise of many that are far away, [3 s]."""
    wave = sounds.make("rain", jax.random.key(0), 3.0, RATE)
    return (0.1 * wave / np.std(wave)).astype(np.float32)


def leaf_sources(wave, threshold, predecessors=3, seed=0):
    """Which finest coefficient of the recording each of the result's copies, for 3 s."""
    rng, forest = np.random.default_rng(seed), trees.plant(np.atleast_2d(wave), RATE)
    roots = trees.draw_roots(rng, forest, 30, threshold=threshold)
    return trees.grow(rng, forest, roots, threshold=threshold, predecessors=predecessors)[0]


def mean_run_ms(sources):
    """Mean length, over time, of the pieces whose coefficients follow one another."""
    ends = np.append(np.flatnonzero(np.diff(sources) != 1), len(sources) - 1)
    runs = np.diff(ends, prepend=-1)
    return 1000 * 2 / RATE * np.sum(runs**2) / np.sum(runs)


def test_filters_are_those_of_daubechies():
    """Against the table of Daubechies 1988 for 5 vanishing moments, in reversed order there."""
    table = (
        *(0.160102397974, 0.603829269797, 0.724308528438, 0.138428145901, -0.242294887066),
        *(-0.032244869585, 0.077571493840, -0.006241490213, -0.012580751999, 0.003335725285),
    )
    np.testing.assert_allclose(wavelets.daubechies(5).low, table, atol=1e-11)


def test_the_transform_is_orthogonal_and_blind_to_polynomials():
    wave = np.random.default_rng(0).standard_normal((2, 3 * 2**8))
    rest, details = wavelets.analyse(wave, 8)
    np.testing.assert_allclose(wavelets.synthesise(rest, details), wave, atol=1e-12)
    energy = sum(np.sum(part**2) for part in (rest, *details))
    assert energy == pytest.approx(np.sum(wave**2), rel=1e-12)
    # Fourth powers of time leave no detail, except where the end meets the beginning.
    _, details = wavelets.analyse(np.linspace(-1, 1, 1024)[None] ** 4, 3)
    for detail in details:
        assert np.max(np.abs(detail[:, 10:-10])) < 1e-9


def test_children_happen_at_the_time_of_their_parent():
    """Catches filters whose delays grow with the level, so a subtree lies at another time."""
    rest, details = wavelets.analyse(np.zeros((1, 2**10)), 6)
    for level, detail in enumerate(details, start=1):
        middle = detail.shape[1] // 2
        parts = [np.zeros_like(part) for part in details]
        parts[level - 1][0, middle] = 1
        wave = wavelets.synthesise(rest, parts)[0]
        center = np.sum(np.arange(len(wave)) * wave**2) / 2**level
        assert abs(center - middle - 0.5) < 0.5


def test_threshold_0_copies_the_recording():
    """From a root of the tree to the end, and on from the beginning."""
    wave = make_noise(0)
    result = sample(wave, threshold=0)[0]
    spectrum = np.fft.rfft(wave, 2**17) * np.conj(np.fft.rfft(result[:RATE], 2**17))
    place = int(np.argmax(np.fft.irfft(spectrum)))
    length = min(RATE, len(wave) - 2**12 - place)
    assert length > 2**11
    # The lowest octaves of the beginning reach around to the end of the result.
    part = slice(2**11, length)
    np.testing.assert_allclose(result[part], wave[place:][part], atol=0.05 * np.std(wave))
    n_leaves = trees.plant(wave[None], RATE).details[0].size
    assert np.all(np.isin(np.diff(leaf_sources(wave, 0)), (1, 1 - n_leaves)))


def test_small_thresholds_copy_and_large_ones_mix(rain):
    runs = [mean_run_ms(leaf_sources(rain, threshold)) for threshold in (0.02, 0.1, 0.4)]
    assert runs[0] > 400 and runs[0] > 2 * runs[1] > 20 * runs[2]
    more = mean_run_ms(leaf_sources(rain, 0.1, predecessors=6))
    assert more > 1.5 * mean_run_ms(leaf_sources(rain, 0.1, predecessors=1))
    copied = [
        metrics.evaluate(sample(rain, threshold=threshold), rain, sample_rate=RATE)["copied"]
        for threshold in (0.02, 0.4)
    ]
    assert copied[0] > 0.6 and copied[1] < 0.1


def test_large_thresholds_lose_the_drops_and_keep_the_spectrum(rain):
    kept, mixed = sample(rain), sample(rain, threshold=4.0)
    for result in (kept, mixed):
        levels = [
            metrics.band_levels(np.ravel(sound), sample_rate=RATE)[1] for sound in (result, rain)
        ]
        assert np.sqrt(np.mean((levels[0] - levels[1]) ** 2)) < 1.5
    peaks = [float(scipy.stats.kurtosis(np.ravel(sound))) for sound in (rain, kept, mixed)]
    assert peaks[1] > 0.7 * peaks[0] and peaks[2] < 0.4 * peaks[0]
    assert metrics.click_rate(kept[0], rain, sample_rate=RATE) == 0


def test_neighbours_never_copy_the_same_coefficient():
    """Catches a loop of a few milliseconds, which buzzes."""
    for threshold in (0.05, 0.3, 2.0):
        assert np.all(np.diff(leaf_sources(make_noise(0), threshold)) != 0)


def test_blocks_leave_no_trace(monkeypatch):
    """Catches predecessors that are lost where a long result goes on in the next block."""
    wave = make_noise(1)
    whole = sample(wave, threshold=0, samples=2 * len(wave))
    monkeypatch.setattr(trees, "_BLOCK", 2**12)
    np.testing.assert_array_equal(sample(wave, threshold=0, samples=2 * len(wave)), whole)
    runs = []
    for block in (2**12, 2**17):
        monkeypatch.setattr(trees, "_BLOCK", block)
        runs.append(np.mean([mean_run_ms(leaf_sources(wave, 0.1, seed=s)) for s in range(3)]))
    assert runs[0] == pytest.approx(runs[1], rel=0.35)


def test_any_rate_length_and_level():
    assert_keeps_the_contract("wavelet-tree")


def test_channels_stay_together():
    wave = make_noise(3)
    # Channels copy the same coefficients, so their relation stays.
    left, right = sample(np.stack([wave, -0.5 * wave]))
    np.testing.assert_allclose(right, -0.5 * left, atol=1e-5)


def test_too_short_recordings_are_refused():
    with pytest.raises(ChoiceError, match="wavelet-tree needs a recording of at least 224 samples"):
        sample(make_noise(0)[:200])
