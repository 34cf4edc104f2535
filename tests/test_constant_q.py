"""constant_q.py against its definitions in float64, by its inverses, and by what the axis promises:
a shift of pitch is one of rows.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal
from helpers import crackle, noise, relative_error

from audio_texture import constant_q, phase

SMALL = {"sample_rate": 8000, "samples": 4000, "bins_per_octave": 12, "f_min": 100.0}


def windows_by_definition(plan):
    """[F, samples // 2 + 1] float64: Hann windows on the axis of row numbers, over the root of the
    sum of their squares.
    """
    frequency = np.fft.rfftfreq(plan.samples, 1 / plan.sample_rate)
    centres, octave = plan.frequencies, plan.bins_per_octave
    first, last = plan.first_row, len(centres) - 2
    row = np.where(frequency < plan.f_min, first * frequency / plan.f_min, 0.0)
    high = frequency >= plan.f_min
    row[high] = first + octave * np.log2(frequency[high] / plan.f_min)
    top = frequency >= centres[last]
    row[top] = last + (frequency[top] - centres[last]) / (plan.sample_rate / 2 - centres[last])
    hann = [
        np.where(np.abs(row - k) < 1, 0.5 + 0.5 * np.cos(np.pi * (row - k)), 0.0)
        for k in range(len(centres))
    ]
    return np.array(hann) / np.sqrt(np.sum(np.square(hann), axis=0))


@pytest.mark.parametrize("samples, frames", [(1000, None), (1001, None), (1000, 300)])
def test_cqt_is_its_definition(samples, frames):
    """Every row a band-pass filter, sampled: catches a bin in a wrong row or column, and phases
    that turn with the row.
    """
    plan = constant_q.plan(
        sample_rate=8000, samples=samples, bins_per_octave=12, f_min=300.0, frames=frames
    )
    wave = noise(samples)[0]
    spectrum = np.fft.rfft(wave.astype(np.float64))
    time = np.arange(plan.frames) / plan.frames
    turns = np.exp(2j * np.pi * time[:, None] * np.arange(samples // 2 + 1)[None])
    expected = 2 / samples * turns @ (windows_by_definition(plan) * spectrum[None]).T
    actual = constant_q.cqt(wave, plan)
    assert actual.dtype == jnp.complex64 and actual.shape == (plan.frames, len(plan.frequencies))
    assert relative_error(actual, expected) < 1e-5


def test_the_rows():
    """Octaves of so many rows from f_min up, DC and Nyquist at the ends, and no jump of spacing
    where constant Q begins.
    """
    for sample_rate, octave in ((8000, 12), (44100, 24), (22050, 48)):
        plan = constant_q.plan(
            sample_rate=sample_rate, samples=3 * sample_rate, bins_per_octave=octave, f_min=40.0
        )
        centres, first = plan.frequencies, plan.first_row
        assert centres[0] == 0 and centres[first] == 40 and centres[-1] == sample_rate / 2
        np.testing.assert_allclose(centres[first + octave : -1], 2 * centres[first : -1 - octave])
        spacing = np.diff(centres)
        assert np.all(spacing > 0) and spacing[first] / spacing[first - 1] == pytest.approx(
            1, abs=0.05
        )
        assert 0.4 < spacing[-1] / spacing[-2] < 1.7


@pytest.mark.parametrize("sample_rate", [8000, 22050, 44100])
@pytest.mark.parametrize("octave", [12, 24, 48])
@pytest.mark.parametrize("samples", [0, 1, 127])
def test_icqt_undoes_cqt(sample_rate, octave, samples):
    """120 dB whatever the length, even, odd or prime: catches a bin that two others of its row
    overwrite, and lost ends.
    """
    samples += 2 * sample_rate
    plan = constant_q.plan(
        sample_rate=sample_rate, samples=samples, bins_per_octave=octave, f_min=50.0
    )
    wave = noise(samples)[0] + np.float32(0.05)
    actual = constant_q.icqt(constant_q.cqt(wave, plan), plan)
    assert actual.dtype == jnp.float32 and actual.shape == wave.shape
    assert relative_error(actual, wave) < 1e-6


@pytest.mark.parametrize("samples", [4000, 4001])
def test_the_frame_is_tight(samples):
    """Energy of the rows is that of the wave, save DC and Nyquist, and the inverse is a multiple of
    the transpose.
    """
    plan = constant_q.plan(**{**SMALL, "samples": samples})
    np.testing.assert_allclose(plan.falling**2 + plan.rising**2, 1, atol=1e-6)
    wave = noise(samples)[0]
    spectrum = np.fft.rfft(wave)
    spectrum[[0, -1]] = 0
    wave = np.fft.irfft(spectrum, n=samples).astype(np.float32)
    rows = np.asarray(constant_q.cqt(wave, plan))
    scale = 2 * plan.frames / samples
    assert np.sum(np.abs(rows) ** 2) == pytest.approx(scale * np.sum(wave**2), rel=1e-4)
    _, transpose = jax.vjp(lambda w: constant_q.cqt(w, plan), wave)
    other = rows[::-1] * np.exp(1j * np.arange(rows.shape[1]))[None].astype(np.complex64)
    # JAX's transpose is without conjugation.
    back = np.conj(np.fft.rfft(transpose(np.conj(other))[0]))[1:-1] / scale
    assert relative_error(back, np.conj(np.fft.rfft(constant_q.icqt(other, plan)))[1:-1]) < 1e-5


def test_icqt_of_no_waves_spectrum_is_the_nearest():
    """Griffin-Lim rests on it: what the projection takes away stands at right angles to what it
    leaves, and twice is once.
    """
    plan = constant_q.plan(**SMALL)
    rng = np.random.default_rng(0)
    shape = (plan.frames, len(plan.frequencies))
    arbitrary = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)
    wave = constant_q.icqt(arbitrary, plan)
    left = np.asarray(constant_q.cqt(wave, plan))
    assert abs(np.vdot(left, arbitrary - left).real) < 1e-5 * np.vdot(left, left).real
    np.testing.assert_allclose(constant_q.icqt(left, plan), wave, atol=1e-6 * np.max(np.abs(wave)))


@pytest.mark.parametrize("row", [5, 30, 61])
def test_a_tone_lands_at_its_row_with_its_amplitude(row):
    plan = constant_q.plan(
        **{**SMALL, "samples": 16000}
    )  # the ends, which do not meet, are far from the middle
    tone = 0.3 * np.sin(2 * np.pi * plan.frequencies[row] * np.arange(16000) / 8000).astype(
        np.float32
    )
    middle = np.abs(constant_q.cqt(tone, plan))[plan.frames // 4 : -plan.frames // 4]
    assert np.all(np.argmax(middle, axis=1) == row)
    np.testing.assert_allclose(middle[:, row], 0.3, rtol=0.02)


def test_a_click_lands_at_its_time():
    plan = constant_q.plan(**SMALL)
    actual = np.abs(constant_q.cqt(np.eye(1, 4000, 1000, dtype=np.float32)[0], plan))[
        :, plan.first_row :
    ]
    np.testing.assert_allclose(
        np.argmax(actual, axis=0) / plan.frames, 0.25, atol=1.01 / plan.frames
    )


def tones(plan, shift):
    """Four tones between rows and a slow glide, each rows higher by `shift`, faded in and out."""
    time = np.arange(plan.samples) / plan.sample_rate
    octave = plan.bins_per_octave
    hertz = plan.f_min * 2 ** ((np.array([1.5, 2.03, 2.6, 3.4]) * octave + shift) / octave)
    steady = np.sum(np.cos(2 * np.pi * hertz[:, None] * time[None] + np.arange(4)[:, None]), axis=0)
    glide = np.cos(
        2 * np.pi * plan.f_min * 2 ** (4.2 + shift / octave) * np.expm1(0.02 * time) / 0.02
    )
    return (np.hanning(plan.samples) * (steady + glide)).astype(np.float32)


@pytest.mark.parametrize("octave, shift", [(12, 1), (12, 5), (12, 12), (24, 7), (48, 1), (48, 9)])
def test_higher_pitch_is_higher_rows(octave, shift):
    """Within 1 %: catches rows of unlike gain or shape."""
    plan = constant_q.plan(sample_rate=16000, samples=64000, bins_per_octave=octave, f_min=60.0)
    low, high = (
        np.abs(constant_q.cqt(tones(plan, k), plan))[:, plan.first_row : -2] for k in (0, shift)
    )
    assert relative_error(high[:, shift:], low[:, :-shift]) < 0.01
    assert relative_error(high, low) > 0.5


@pytest.mark.parametrize("octave, shift", [(12, 1), (12, 12), (24, 5), (48, 31)])
def test_higher_speed_is_higher_rows(octave, shift):
    """Within 1 % for sounds of any kind, played faster: here decaying glides, analytic at every
    speed.
    """

    def played(speed):
        samples = round(32000 / speed)
        time = np.arange(samples) * speed / 16000
        wave = sum(
            np.exp(-30 * np.maximum(time - at, 0))
            * (time > at)
            * np.sin(2 * np.pi * (hertz * (time - at) + 900 * (time - at) ** 2)) ** 3
            for at, hertz in ((0.2, 300), (0.55, 500), (0.6, 900), (1.3, 400))
        )
        plan = constant_q.plan(
            sample_rate=16000, samples=samples, bins_per_octave=octave, f_min=120.0, frames=4000
        )
        return np.abs(constant_q.cqt(wave.astype(np.float32), plan))[:, plan.first_row : -2]

    slow, fast = played(1.0), played(2 ** (shift / octave))
    assert relative_error(fast[:, shift + 1 :], slow[:, 1:-shift]) < 0.01


def test_gradient_by_finite_differences():
    """And finite at silence, where a magnitude has none."""
    plan = constant_q.plan(**SMALL)
    target = constant_q.cqt(crackle(4000)[0], plan)

    def loss(wave):
        return jnp.sum(jnp.log1p(100 * jnp.abs(constant_q.cqt(wave, plan) - 0.5 * target)))

    wave, direction = noise(4000, 2)
    step = np.float32(1e-3)
    slope = (float(loss(wave + step * direction)) - float(loss(wave - step * direction))) / (
        2 * float(step)
    )
    assert float(jax.grad(loss)(wave) @ direction) == pytest.approx(slope, rel=5e-3)
    silent = jax.grad(lambda wave: jnp.sum(jnp.abs(constant_q.cqt(wave, plan))))(
        np.zeros(4000, np.float32)
    )
    assert np.all(np.isfinite(silent))


def test_jit_vmap_and_eager_agree():
    """The plan as an argument of a compiled program, or closed over."""
    plan = constant_q.plan(**SMALL)
    waves = noise(4000, 3)
    with jax.disable_jit():
        expected = [constant_q.cqt(wave, plan) for wave in waves]
        back = [constant_q.icqt(one, plan) for one in expected]
    for actual in (
        jax.vmap(lambda wave: constant_q.cqt(wave, plan))(waves),
        jax.jit(jax.vmap(constant_q.cqt, (0, None)))(waves, plan),
    ):
        assert relative_error(actual, np.stack(expected)) < 1e-6
    assert (
        relative_error(jax.jit(jax.vmap(constant_q.icqt, (0, None)))(actual, plan), np.stack(back))
        < 1e-6
    )


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"bins_per_octave": 0}, "bins_per_octave must be at least 1, got 0"),
        (
            {"f_min": 0.0},
            "f_min must be above 0 and at most a quarter of the sample rate, 2000 Hz, got 0",
        ),
        ({"f_min": 2001.0}, "at most a quarter of the sample rate, 2000 Hz, got 2001"),
        (
            {"f_min": 30.0},
            "4000 samples at 8000 Hz do not resolve 12 bins per octave at f_min = 30 Hz: f_min must"
            " be at least 34 Hz",
        ),
        (
            {"frames": 100},
            "frames must be at least [0-9]+, the number of bins in the widest row, got 100",
        ),
    ],
)
def test_plans_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        constant_q.plan(**{**SMALL, **changes})


@pytest.mark.parametrize("samples", [4000, 16000, 31999])
def test_the_widest_row_tells_how_many_frames_are_needed(samples):
    axis = {"sample_rate": 8000, "bins_per_octave": 12, "f_min": 200.0}
    least = constant_q.widest_row(**axis) * samples / 8000
    constant_q.plan(samples=samples, frames=int(least) + 3, **axis)
    with pytest.raises(ValueError, match="frames must be at least"):
        constant_q.plan(samples=samples, frames=int(least) - 3, **axis)


def test_other_shapes_than_the_plans_are_refused():
    plan = constant_q.plan(**SMALL)
    with pytest.raises(ValueError, match=r"for a wave \[4000\], got shape \(3999,\)"):
        constant_q.cqt(noise(3999)[0], plan)
    with pytest.raises(ValueError, match=r"for a spectrum \[\d+, \d+\], got shape \(9, 9\)"):
        constant_q.icqt(np.zeros((9, 9), np.complex64), plan)


def log_map_by_definition(n_fft, lowest):
    """paper.md A.8, entry by entry."""
    high = n_fft // 2 + 1
    ratio = (high - 1) / high
    rows = round(np.log(lowest / high) / np.log(ratio))
    map_ = np.empty((rows, high))
    for i in range(rows):
        for r in range(high):
            turn = np.pi * (r - lowest * np.exp(-i * np.log(ratio))) + 1e-300
            map_[i, r] = np.sin(turn) / turn if turn else 1.0
    return map_, (map_ * (np.arange(high) / high)[None]).T


@pytest.mark.parametrize("rows", [None, 65, 100])
def test_log_map_is_the_authors(rows):
    """Catches another resampling of the rows, or one that its inverse does not follow."""
    map_, back = log_map_by_definition(128, 10)
    actual = constant_q.log_map(128, rows=rows)
    spectra = np.abs(noise(65, 7)).astype(np.float64)
    expected = map_ @ spectra.T
    if rows:
        expected = scipy.signal.resample(expected, rows, axis=0)
    np.testing.assert_allclose(spectra @ actual.forward, expected.T, atol=1e-6)
    expected = back @ (scipy.signal.resample(expected, len(map_), axis=0) if rows else expected)
    np.testing.assert_allclose(spectra @ actual.forward @ actual.inverse, expected.T, atol=1e-6)


def test_log_map_has_the_authors_size():
    """2018 rows, and the diagonal of the round trip that was measured of their code."""
    actual = constant_q.log_map(1024)
    assert actual.forward.shape == (513, 2018)
    np.testing.assert_allclose(
        np.diag(actual.forward @ actual.inverse)[[9, 10, 11, 20]],
        [0.036, 0.485, 0.94, 0.994],
        atol=6e-4,
    )


@pytest.mark.parametrize("n_fft, lowest", [(256, 1), (256, 10), (255, 4), (1024, 10)])
def test_exact_log_map_comes_back(n_fft, lowest):
    actual = constant_q.log_map(n_fft, lowest=lowest, exact=True)
    spectra = np.abs(noise(n_fft // 2 + 1, 9))
    np.testing.assert_allclose(
        spectra @ actual.forward @ actual.inverse, spectra, atol=1e-5 * spectra.max()
    )


@pytest.mark.parametrize("options", [{}, {"exact": True}, {"rows": 513}])
def test_log_map_says_where_its_rows_stand(options):
    """A peak at a bin comes out at the rows whose position is that bin."""
    actual = constant_q.log_map(1024, **options)
    assert actual.position.shape == (actual.forward.shape[1],)
    for hertz_bin in (20, 60, 200):
        peak = np.exp(-0.5 * (np.arange(513, dtype=np.float32) - hertz_bin) ** 2 / 4)
        assert actual.position[np.argmax(peak @ actual.forward)] == pytest.approx(
            hertz_bin, abs=0.01 * hertz_bin + 0.5
        )


@pytest.mark.parametrize(
    "options, message",
    [
        ({"lowest": 0}, "lowest must be from 1 to n_fft // 2 - 1 = 63, got 0"),
        ({"lowest": 64}, "lowest must be from 1 to n_fft // 2 - 1 = 63, got 64"),
        ({"rows": 0}, "rows must be from 1 to 121, and None if exact, got 0"),
        ({"rows": 200}, "rows must be from 1 to 121, and None if exact, got 200"),
        ({"rows": 65, "exact": True}, "rows must be from 1 to 121, and None if exact, got 65"),
    ],
)
def test_log_maps_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        constant_q.log_map(128, **options)


def convergence(wave, magnitude, plan):
    return relative_error(jnp.abs(constant_q.cqt(wave, plan)), magnitude)


def test_griffin_lim_recovers_a_sound_from_its_rows():
    """Never worse with more iterations, better with momentum; true phases are a fixed point."""
    plan = constant_q.plan(**SMALL)
    wave = crackle(4000)[0]
    spectrum = constant_q.cqt(wave, plan)
    magnitude = jnp.abs(spectrum)

    def recover(start, iterations, momentum):
        return phase.constant_q_griffin_lim(
            magnitude, start, plan, iterations=iterations, momentum=momentum
        )

    np.testing.assert_allclose(recover(jnp.angle(spectrum), 5, 0.99), wave, atol=1e-4)
    start = phase.random_phase(jax.random.key(0), magnitude)
    plain = [
        convergence(recover(start, iterations, 0.0), magnitude, plan)
        for iterations in (0, 2, 10, 40)
    ]
    assert all(after < before for before, after in itertools.pairwise(plain))
    assert convergence(recover(start, 40, 0.99), magnitude, plan) < 0.9 * plain[-1]


@pytest.mark.parametrize("hertz", [252.0, 702.0, 1804.0])
def test_constant_q_phase_restores_a_steady_tone(hertz):
    """Without an iteration: catches an advance of the row's own frequency for the tone's, and a
    slope out of phase.
    """
    plan = constant_q.plan(**SMALL)
    tone = np.sin(2 * np.pi * hertz * np.arange(4000) / 8000).astype(np.float32)
    magnitude = jnp.abs(constant_q.cqt(tone, plan))
    actual = phase.constant_q_griffin_lim(
        magnitude, phase.constant_q_phase(magnitude, plan), plan, iterations=0
    )
    assert convergence(actual, magnitude, plan) < 0.05
    peak = np.argmax(np.abs(np.fft.rfft(actual * np.hanning(4000), 1 << 16))) / (1 << 16) * 8000
    assert peak == pytest.approx(hertz, abs=0.6)
    silent = np.zeros_like(magnitude)
    assert np.all(np.isfinite(phase.constant_q_phase(silent, plan)))
