"""mixing.py: where the middle between sounds lies, by what it promises of a mixture's distances."""

import numpy as np
import pytest
import scipy.signal
from helpers import crackle, noise

from audio_texture import audio, metrics, mixing

RATE = 8000
BANDS = ("spectrum", "heard")


def filtered(wave, kind, hertz=1000):
    return np.ascontiguousarray(
        scipy.signal.lfilter(*scipy.signal.butter(2, hertz, kind, fs=RATE), wave)
    ).astype(np.float32)


def wandering(samples, *, seed=0):
    """Noise whose level goes slowly up and down by as much as 20 dB, so that its halves differ."""
    return noise(samples, seed=seed) * 10 ** np.sin(
        np.arange(samples) * 1.3 * np.pi / samples
    ).astype(np.float32)


@pytest.fixture(scope="module")
def steady_and_wandering():
    return [filtered(noise(16000, seed=1), "low"), filtered(wandering(16000), "high")]


def test_the_steadier_counts_more(steady_and_wandering):
    """Catches shares that are turned round; what is loud, or which of the two comes first, is
    nothing to them.
    """
    steady, other = steady_and_wandering
    actual = mixing.balance([steady, other], sample_rate=RATE, heard=True)
    assert actual["spectrum"][0] > 2 * actual["spectrum"][1]
    turned = mixing.balance([8 * other, steady], sample_rate=RATE, heard=True)
    for name in BANDS:
        assert np.prod(actual[name]) == pytest.approx(1, rel=1e-4)
        np.testing.assert_allclose(turned[name][::-1], actual[name], rtol=1e-3)


def test_even_sounds_stay_even():
    """Two recordings of one noise, or of two that mirror each other: nothing to balance. Two that
    are the same: no 0 / 0.
    """
    wave = noise(16000)
    for pair in ([wave, noise(16000, seed=1)], [wave, wave]):
        actual = mixing.balance(pair, sample_rate=RATE, heard=True)
        for name in BANDS:
            np.testing.assert_allclose(actual[name], 1, atol=0.5 if pair[1] is not wave else 1e-3)


def test_patches_predict_what_is_between():
    """Distances from the references of a sound made to be between them, as metrics judges it,
    are those predicted to a quarter.
    """
    rng = np.random.default_rng(0)
    still, moving = (
        noise(32000, seed=1),
        noise(32000, seed=2) * 10 ** np.repeat(rng.uniform(-1, 0, 40), 800).astype(np.float32),
    )
    # Half way in decibels, loud moments with loud ones: its level follows the root of the other's.
    middle = noise(32000, seed=3) * np.sqrt(np.abs(moving / noise(32000, seed=2)))
    pair = [one / audio.rms(one) for one in (still, moving)]
    raised = 2 * np.log(
        0.1 / audio.rms(middle * 0.1 / np.sqrt(audio.rms(still) * audio.rms(moving)))
    )
    views = [
        metrics.compute_views(metrics.normalise(one, sample_rate=RATE, rate=RATE), sample_rate=RATE)
        for one in pair
    ]
    predicted = mixing._patch_distances(views, lambda parts: raised)(np.array([0.5, 0.5]))
    judged = [
        metrics.measure_likeness(
            *(metrics.preprocess(wave, sample_rate=RATE, rate=RATE) for wave in (middle, one)),
            sample_rate=RATE,
        )["patches"]
        for one in pair
    ]
    np.testing.assert_allclose(predicted / judged, 1, atol=0.25)


def test_the_middle_is_as_far_from_each():
    """In units of each one's own: on a line, between three corners, and, where no shares make it
    so, with next to nothing of what is near in any case.
    """
    points, units = np.array([0.0, 1.0]), np.array([1.0, 4.0])
    actual = mixing.solve_equidistant_weights(
        lambda parts: np.abs(parts @ points - points) / units, 2
    )
    assert actual[1] / actual[0] == pytest.approx(0.25, rel=1e-3)

    def from_corners(parts, units):
        return np.linalg.norm(parts[None] - np.eye(3), axis=1) / units

    for last in (1.3, 5.0):
        units = np.array([1.0, 1.0, last])
        actual = mixing.solve_equidistant_weights(
            lambda parts, units=units: from_corners(parts, units), 3
        )
        distances = from_corners(actual / np.sum(actual), units)
        assert distances[:2] == pytest.approx(distances[0], rel=1e-3)
        assert (
            distances[2] == pytest.approx(distances[0], rel=1e-3)
            if last == 1.3
            else actual[2] < 0.02 * actual[0]
        )


def test_three_are_balanced_two_by_two(steady_and_wandering):
    """Three that are two and one of them again: these two count alike, the third as against one. No
    one is left out.
    """
    steady, other = steady_and_wandering
    two = mixing.balance([steady, other], sample_rate=RATE, heard=False)["spectrum"]
    three = mixing.balance([steady, other, steady], sample_rate=RATE, heard=False)["spectrum"]
    assert three[0] == pytest.approx(three[2], rel=1e-3) and np.prod(three) == pytest.approx(
        1, rel=1e-4
    )
    np.testing.assert_allclose(three[0] / three[1], two[0] / two[1], rtol=1e-3)


def test_an_empty_spectrum_counts_more():
    """A mixture of full noise and a narrow band has that one's level and lies, band by band, next
    to the noise, unless the narrow one counts more.
    """
    narrow = filtered(noise(16000, seed=1), "low", 300) + 1e-3 * noise(16000, seed=2)
    actual = mixing.balance([noise(16000), narrow], sample_rate=RATE, heard=False)
    assert actual["spectrum"][1] > 1.5 * actual["spectrum"][0]
    np.testing.assert_array_equal(actual["heard"], actual["spectrum"])


@pytest.mark.parametrize("samples", [100, 900])
def test_sounds_too_short_to_be_halved_stay_even(samples):
    actual = mixing.balance([crackle(8000), noise(samples)], sample_rate=RATE, heard=True)
    for name in BANDS:
        np.testing.assert_array_equal(actual[name], [1, 1])


def test_stereo(steady_and_wandering):
    """Both channels alike are heard as one; a silent difference between them makes nothing
    infinite.
    """
    alone = mixing.balance(steady_and_wandering, sample_rate=RATE, heard=True)
    double = mixing.balance(
        [np.repeat(wave, 2, axis=0) for wave in steady_and_wandering], sample_rate=RATE, heard=True
    )
    for name in BANDS:
        assert np.all(np.isfinite(double[name]))
        np.testing.assert_allclose(np.log(double[name]), np.log(alone[name]), atol=0.35)


def test_balanced_weights():
    """A weight of 0 stays 0 under any balance."""
    balance = {"spectrum": np.array([4.0, 0.25])}
    np.testing.assert_allclose(mixing.balanced([2.0, 2.0], balance), [2.0, 0.125])
    np.testing.assert_allclose(mixing.balanced([0.0, 2.0], balance), [0.0, 0.25])
    np.testing.assert_allclose(mixing.balanced([1.0, 3.0], None), [0.25, 0.75])
