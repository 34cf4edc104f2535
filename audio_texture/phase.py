"""From magnitudes to a waveform: single-pass inversion, Griffin-Lim and its fast form.

T frames, F bins (of the constant-Q transform: rows). Functions take one channel; use vmap for more.
Frames are centred (`spectrogram.stft` with center=True). `alternate` works with any transform;
functions named constant_q_... work with the transform of constant_q.py.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import constant_q, spectrogram

# A wave to its complex spectrum, or back.
Transform = Callable[[jax.Array], jax.Array]


def random_phase(key: jax.Array, magnitude: jax.Array) -> jax.Array:
    """Returns phases uniform over the circle, [T, F] in radians: the usual start of Griffin-Lim.

    Example:
      >>> random_phase(jax.random.key(0), jnp.ones((3, 5))).shape
      (3, 5)
    """
    return jax.random.uniform(key, magnitude.shape, maxval=2 * np.pi)


def spsi(magnitude: jax.Array, *, hop_length: int) -> jax.Array:
    """Returns phases by single-pass spectrogram inversion (Beauregard, Harish & Wyse, DAFx 2015).

    Every local peak of a frame is a sinusoid. Parabolic interpolation of the magnitudes gives its
    frequency between bins, and its phase advances by that frequency over a hop. The bins on the
    peak's slopes are locked to it, in phase or in opposite phase, by the sign that a windowed
    sinusoid has on that side. Bins that belong to no peak keep the phase they had.

    The authors walk from each peak down to the troughs. Here every bin looks uphill for its peak,
    which gives the same answer without a loop over bins. A trough between two peaks takes the phase
    of the higher-frequency peak, whose walk in the paper reaches it last.

    Args:
      magnitude: [T, F] >= 0, linear.
      hop_length: samples between frames; n_fft is 2 * (F - 1).
    Returns:
      Phases [T, F] in radians.
    Example:
      >>> spsi(jnp.ones((3, 5)), hop_length=2).shape
      (3, 5)
    """
    bins = magnitude.shape[1]
    # The peak of each bin depends on its own frame alone, so all frames are computed at once ...
    is_peak, offset = _interpolated_peaks(magnitude)
    advance = 2 * np.pi * hop_length * (jnp.arange(bins)[None] + offset) / (2 * (bins - 1))
    source, turn = _peak_to_lock_to(magnitude, is_peak, offset)

    # ... and only the running phase goes from frame to frame.
    def step(phase, frame):
        is_peak, advance, source, turn = frame
        phase = jnp.where(is_peak, jnp.mod(phase + advance, 2 * np.pi), phase)
        phase = phase[source] + turn
        return phase, phase

    _, phases = jax.lax.scan(step, jnp.zeros(bins), (is_peak, advance, source, turn))
    return phases


def _interpolated_peaks(magnitude: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns which bins are local peaks, and how far each peak lies from its bin, in bins."""
    rises = magnitude[:, 1:] > magnitude[:, :-1]
    falls = magnitude[:, 1:] < magnitude[:, :-1]
    never = jnp.zeros((len(magnitude), 1), bool)
    is_peak = jnp.concatenate([never, rises[:, :-1] & falls[:, 1:], never], axis=1)
    left, right = jnp.roll(magnitude, 1, axis=1), jnp.roll(magnitude, -1, axis=1)
    curvature = left - 2 * magnitude + right
    offset = jnp.where(is_peak, 0.5 * (left - right) / jnp.where(is_peak, curvature, 1.0), 0.0)
    return is_peak, offset


def _peak_to_lock_to(
    magnitude: jax.Array, is_peak: jax.Array, offset: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Returns the bin whose phase each bin takes, and what it adds: 0 or pi for opposite phase."""
    bins = magnitude.shape[1]
    index = jnp.arange(bins)
    rises = magnitude[:, 1:] > magnitude[:, :-1]
    falls = magnitude[:, 1:] < magnitude[:, :-1]
    never = jnp.zeros((len(magnitude), 1), bool)
    # Going uphill to higher (lower) bins leads to the next (last) peak, unless a step on the way
    # does not climb.
    next_peak = jax.lax.cummin(jnp.where(is_peak, index[None], bins), axis=1, reverse=True)
    last_peak = jax.lax.cummax(jnp.where(is_peak, index[None], -1), axis=1)
    stops_right = jnp.concatenate([~rises, ~never], axis=1)
    stops_left = jnp.concatenate([~never, ~falls], axis=1)
    first_not_rising = jax.lax.cummin(
        jnp.where(stops_right, index[None], bins), axis=1, reverse=True
    )
    last_not_falling = jax.lax.cummax(jnp.where(stops_left, index[None], -1), axis=1)

    def lock(peak, reaches):
        """Returns the peak, whether a bin is locked to it, and whether in opposite phase.

        peak: [T, F] bin of the peak on one side. reaches: [T, F] whether all steps to it climb.
        """
        peak = jnp.clip(peak, 0, bins - 1)
        lean = jnp.take_along_axis(offset, peak, axis=1)
        away = index[None] - peak
        # On the side that a peak leans to, the nearest bin is in opposite phase and the others are
        # in phase.
        opposite = jnp.where(lean > 0, (away == 1) | (away < 0), (away == -1) | (away > 0))
        # Bins 0 and 1 keep their own phase, except the nearest neighbour of a peak that leans left.
        allowed = (away > 0) | (index[None] > 1) | ((away == -1) & (lean < 0))
        return peak, reaches & (lean != 0) & allowed & ~is_peak, opposite

    up_left, left_holds, left_opposite = lock(
        last_peak, (last_peak >= 0) & (last_not_falling == last_peak)
    )
    up_right, right_holds, right_opposite = lock(
        next_peak, (next_peak < bins) & (first_not_rising == next_peak)
    )
    source = jnp.where(right_holds, up_right, jnp.where(left_holds, up_left, index[None]))
    turn = np.pi * jnp.where(right_holds, right_opposite, left_holds & left_opposite)
    return source, turn


def alternate(
    magnitude: jax.Array,
    phase: jax.Array,
    *,
    forward: Transform,
    inverse: Transform,
    iterations: int,
    momentum: float,
) -> jax.Array:
    """Returns the wave of Griffin & Lim's algorithm (1984) with any transform; with momentum, of
    its fast form (Perraudin, Balazs & Sondergaard 2013).

    With P1 the projection on spectra that belong to a wave and P2 the projection on spectra with
    the given magnitude: c_n = P1(P2(t_{n-1})), t_n = c_n + momentum * (c_n - c_{n-1}).

    Args:
      magnitude: [T, F] >= 0, linear.
      phase: [T, F] to start from, in radians.
      forward: wave -> complex [T, F].
      inverse: complex [T, F] -> the wave whose transform is nearest in least squares; `forward`
        after it is P1.
      iterations: number of projections; 0 is the plain inverse transform.
      momentum: 0 is Griffin-Lim; the fast form uses 0.99.
    Returns:
      A wave, as `inverse` returns it.
    Example:
      >>> magnitude = jnp.ones((1, 3))
      >>> alternate(
      ...     magnitude, 0 * magnitude, forward=lambda wave: jnp.fft.rfft(wave)[None],
      ...     inverse=lambda spectrum: jnp.fft.irfft(spectrum[0]), iterations=2, momentum=0.0,
      ... ).tolist()
      [1.0, 0.0, 0.0, 0.0]
    """

    def with_magnitude(spectrum):
        size = jnp.abs(spectrum)
        # Where the estimate is zero it has no phase: phase 0 keeps the values finite.
        return magnitude * jnp.where(size > 0, spectrum / jnp.where(size > 0, size, 1.0), 1.0)

    def iterate(_, state):
        estimate, last = state
        consistent = forward(inverse(with_magnitude(estimate)))
        return consistent + momentum * (consistent - last), consistent

    start = magnitude * jnp.exp(1j * phase)
    estimate, _ = jax.lax.fori_loop(0, iterations, iterate, (start, jnp.zeros_like(start)))
    return inverse(with_magnitude(estimate))


@functools.partial(jax.jit, static_argnames=("hop_length", "iterations", "length"))
def griffin_lim(
    magnitude: jax.Array,
    phase: jax.Array,
    *,
    hop_length: int,
    iterations: int,
    momentum: float = 0.0,
    length: int | None = None,
) -> jax.Array:
    """Returns the wave of `alternate` with the STFT as the transform.

    Args:
      magnitude: [T, F] >= 0, linear.
      phase: [T, F] to start from, in radians: `random_phase` or `spsi`.
      hop_length: samples between frames; n_fft is 2 * (F - 1).
      iterations: as in `alternate`.
      momentum: as in `alternate`.
      length: samples of the wave; by default (T - 1) * hop_length, the shortest with T frames.
    Returns:
      The wave [length].
    Raises:
      ValueError: an STFT of `length` samples has more or fewer than T frames.
    Example:
      >>> magnitude = jnp.ones((5, 9))
      >>> griffin_lim(magnitude, 0 * magnitude, hop_length=8, iterations=2).shape
      (32,)
    """
    n_fft = 2 * (magnitude.shape[1] - 1)
    length = (len(magnitude) - 1) * hop_length if length is None else length
    if spectrogram.frame_count(length, n_fft=n_fft, hop_length=hop_length) != len(magnitude):
        raise ValueError(f"{length} samples do not make {len(magnitude)} frames.")
    inverse = functools.partial(
        spectrogram.istft, n_fft=n_fft, hop_length=hop_length, length=length
    )
    forward = functools.partial(spectrogram.stft, n_fft=n_fft, hop_length=hop_length)

    return alternate(
        magnitude, phase, forward=forward, inverse=inverse, iterations=iterations, momentum=momentum
    )


@jax.jit
def constant_q_phase(magnitude: jax.Array, plan: constant_q.Plan) -> jax.Array:
    """Returns phases of `spsi` for the rows of a constant-Q transform: a start for
    `constant_q_griffin_lim`.

    A sinusoid between two rows has magnitudes there in the ratio tan(pi u / 2)**2, where u is its
    distance from the lower row in rows; this gives its frequency. The filters have zero phase, so
    all rows on a peak's slopes have its phase, never the opposite.

    Args:
      magnitude: [T, F] >= 0, linear, of `constant_q.cqt`.
      plan: of `constant_q.plan`.
    Returns:
      Phases [T, F] in radians.
    Example:
      >>> layout = constant_q.plan(sample_rate=800, samples=800, bins_per_octave=12, f_min=100.0)
      >>> magnitude = jnp.ones((layout.frames, len(layout.frequencies)))
      >>> constant_q_phase(magnitude, layout).shape == magnitude.shape
      True
    """
    rows = magnitude.shape[1]
    index = jnp.arange(rows)
    never = jnp.zeros((len(magnitude), 1), bool)
    rises = jnp.concatenate([magnitude[:, 1:] > magnitude[:, :-1], never], axis=1)
    falls = jnp.concatenate([never, magnitude[:, 1:] < magnitude[:, :-1]], axis=1)
    # The row reached by going uphill, to higher rows where that climbs, else to lower rows; a peak
    # reaches itself.
    right = jax.lax.cummin(jnp.where(rises, rows, index[None]), axis=1, reverse=True)
    left = jax.lax.cummax(jnp.where(falls, -1, index[None]), axis=1)
    peak = jnp.where(rises, right, left)

    root = jnp.sqrt(jnp.pad(magnitude, ((0, 0), (1, 1))))
    to_right = jnp.arctan2(root[:, 2:], root[:, 1:-1])
    to_left = jnp.arctan2(root[:, :-2], root[:, 1:-1])
    offset = 2 / np.pi * (to_right - to_left)
    cycles = plan.frequencies * plan.samples / (plan.frames * plan.sample_rate)
    up, down = (np.pad(np.diff(cycles), pad).astype(np.float32) for pad in ((0, 1), (1, 0)))
    # Whole cycles in a frame are left out: float32 would round their fraction away.
    fraction = (cycles % 1).astype(np.float32)[None]
    advance = fraction + offset * jnp.where(offset > 0, up[None], down[None])

    def step(phase, frame):
        peak, advance = frame
        phase = jnp.where(peak == index, (phase + advance) % 1, phase)[peak]
        return phase, phase

    _, phases = jax.lax.scan(step, jnp.zeros(rows), (peak, advance))
    return 2 * np.pi * phases


@functools.partial(jax.jit, static_argnames="iterations")
def constant_q_griffin_lim(
    magnitude: jax.Array,
    phase: jax.Array,
    plan: constant_q.Plan,
    *,
    iterations: int,
    momentum: float = 0.0,
) -> jax.Array:
    """Returns the wave of `alternate` with the constant-Q transform of a plan.

    Args:
      magnitude: [T, F] >= 0, linear, of `constant_q.cqt`.
      phase: [T, F] to start from, in radians: `random_phase` or `constant_q_phase`.
      plan: of `constant_q.plan`.
      iterations: as in `alternate`.
      momentum: as in `alternate`.
    Returns:
      The wave [plan.samples].
    Example:
      >>> layout = constant_q.plan(sample_rate=800, samples=800, bins_per_octave=12, f_min=100.0)
      >>> magnitude = jnp.ones((layout.frames, len(layout.frequencies)))
      >>> constant_q_griffin_lim(magnitude, 0 * magnitude, layout, iterations=2).shape
      (800,)
    """
    forward = functools.partial(constant_q.cqt, plan=plan)
    inverse = functools.partial(constant_q.icqt, plan=plan)
    return alternate(
        magnitude, phase, forward=forward, inverse=inverse, iterations=iterations, momentum=momentum
    )


def spectral_convergence(wave: jax.Array, magnitude: jax.Array, *, hop_length: int) -> jax.Array:
    """Returns ||magnitude - |stft(wave)||| / ||magnitude|| (Sturmel & Daudet 2011).

    It is 0 if the wave has exactly these magnitudes.

    Example:
      >>> magnitude = jnp.abs(spectrogram.stft(jnp.ones(32), n_fft=16, hop_length=8))
      >>> float(spectral_convergence(jnp.ones(32), magnitude, hop_length=8))
      0.0
    """
    n_fft = 2 * (magnitude.shape[1] - 1)
    actual = jnp.abs(spectrogram.stft(wave, n_fft=n_fft, hop_length=hop_length))
    return jnp.linalg.norm(magnitude - actual) / jnp.linalg.norm(magnitude)
