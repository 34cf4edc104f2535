"""The generator in NumPy and float64, written for reading, and one pass over a whole sound.

C channels, T frames, W width, B bands, V voices.
"""

import numpy as np

from audio_texture.generators import beats, network, noise


def scramble(x):
    """MurmurHash3's finaliser of whole numbers below 2^32, modulo 2^32."""
    x = np.asarray(x, np.uint64)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor) % np.uint64(2**32)
    return x ^ (x >> np.uint64(16))


def add(x, y):
    """The sum of whole numbers modulo 2^32."""
    return (np.asarray(x, np.uint64) + np.uint64(y % 2**32)) % np.uint64(2**32)


def draw(seed, stream, frame, count):
    """`noise.normal` of one frame."""
    start = scramble(add(scramble(add(seed, 0x9E3779B9)), stream))
    bits = scramble(add(np.arange(count), int(scramble(add(start, frame)))))
    uniform = ((bits >> np.uint64(8)) + 0.5) / 2**24
    radius = np.sqrt(-2 * np.log(uniform[: count // 2]))
    angle = 2 * np.pi * uniform[count // 2 :]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])


def coloured(seed, chunk, chunks, colour):
    """`noise.coloured`: windowed frames of four chunks, added up two chunks apart."""
    channels, bins = colour.shape
    n_fft = 2 * (bins - 1)
    window = np.sin(np.pi * (np.arange(n_fft) + 0.5) / n_fft)
    first, last = (chunk - 4) // 2, (chunk + chunks) // 2 + 1
    wave = np.zeros((channels, (last - first + 4) * n_fft // 2))
    for frame in range(first, last):
        drawn = draw(seed, noise.AUDIBLE, frame, 2 * channels * bins)
        real, imag = drawn.reshape(2, channels, bins) * np.sqrt(n_fft / 2)
        begin = (frame - first) * n_fft // 2
        wave[:, begin : begin + n_fft] += np.fft.irfft((real + 1j * imag) * colour) * window
    begin = (chunk - 2 * first) * n_fft // 4
    return wave[:, begin : begin + chunks * n_fft // 4]


def analyse(wave, n_fft):
    """Spectra [C, T, F]: frame t ends with sample (t + 1) n_fft / 4."""
    hop = n_fft // 4
    padded = np.pad(wave, ((0, 0), (n_fft - hop, 0)))
    frames = [padded[:, t * hop : t * hop + n_fft] for t in range(wave.shape[1] // hop)]
    return np.fft.rfft(np.stack(frames, axis=1) * root_hann(n_fft))


def resynthesise(spectra, n_fft):
    """The wave of spectra [C, T, F], n_fft - hop samples late."""
    hop, count = n_fft // 4, spectra.shape[1]
    wave = np.zeros((len(spectra), count * hop + n_fft))
    for t in range(count):
        wave[:, t * hop : t * hop + n_fft] += (
            np.fft.irfft(spectra[:, t], n=n_fft) * root_hann(n_fft) / 2
        )
    return wave[:, : count * hop]


def root_hann(n_fft):
    return np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft))


def oscillate(periods, frames):
    """`beats.oscillate`, [S, T, ...]: cosine and sine of each multiple of each beat in turn."""
    turns = np.asarray(periods, np.float64)[:, None, :, None] * frames[None, :, None, None] / 2**32
    angles = 2 * np.pi * (turns * np.array(beats.HARMONICS) % 1)
    parts = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    parts = parts * (np.asarray(periods) > 0)[:, None, :, None, None]
    return parts.reshape(len(parts), len(frames), -1)


def generate(generator, mixed, *, seed, chunks):
    """The wave of `chunks` chunks from silence."""
    config, parameters = generator.config, generator.parameters
    voices = [_voice(parameters, weights) for weights in np.asarray(mixed.weights, np.float64)]
    wave = coloured(seed, 0, chunks, np.asarray(mixed.colour, np.float64))
    features = [None] * len(voices)
    for level in reversed(range(config.levels)):
        frames = range(chunks * config.frames(level))
        seen = [np.stack([draw(seed, level, t, config.noises) for t in frames])]
        for stage in config.stages:
            if stage.level == level and stage.hears:
                weights = stage.band_weights(config.sample_rate)
                powers = np.abs(analyse(wave, stage.n_fft)) ** 2 @ weights
                powers /= np.exp(2 * np.asarray(mixed.heard, np.float64))[:, None]
                levels = 0.5 * np.log(powers + network.HEARD_FLOOR)
                seen.append(np.concatenate(list(levels), axis=-1))
        ticks = oscillate(mixed.beats, np.array(frames) * 2**level)
        for number, (voice, weights) in enumerate(zip(voices, mixed.weights, strict=True)):
            below = features[number]
            own = [*seen, np.tensordot(np.float64(weights), ticks, 1)]
            own += [] if below is None else [np.repeat(below, 2, axis=0)]
            x = np.concatenate(own, axis=-1)
            features[number] = _convolve(
                voice[f"second_{level}"], _convolve(voice[f"first_{level}"], x)
            )
        for stage in config.stages:
            if stage.level == level:
                wave = _shape(config, stage, voices, features, wave, mixed)
    return wave


def _voice(parameters, weights):
    """Parameters of one voice, with the scales and shifts of its mixture of styles."""
    return {
        name: {
            "kernel": np.asarray(module["kernel"]["kernel"], np.float64),
            **{row: weights @ module[row] for row in network.OF_STYLES if row in module},
        }
        for name, module in parameters.items()
    }


def _convolve(module, x):
    """A causal convolution over three frames [T, ...], with a leaky ReLU."""
    padded = np.pad(x, ((2, 0), (0, 0)))
    taps = np.concatenate([padded[i : i + len(x)] for i in range(3)], axis=-1)
    y = taps @ module["kernel"] * module["scale"] + module["shift"]
    return np.where(y > 0, y, network.SLOPE * y)


def _shape(config, stage, voices, features, wave, mixed):
    """The wave after the gains of a stage."""
    shape = (-1, config.channels, stage.bands)
    gains = 0
    for number, voice in enumerate(voices):
        head = voice[f"head_{stage.name}"]
        raw = np.clip(
            features[number] @ head["kernel"] + head["shift"],
            network.LEAST_GAIN,
            network.LARGEST_GAIN,
        )
        gains = gains + raw.reshape(shape) * mixed.shares[stage.name][number]
    factors = np.exp(gains @ stage.band_weights(config.sample_rate).T)
    spectra = analyse(wave, stage.n_fft) * factors.transpose(1, 0, 2)
    if stage.hears and config.channels > 1:
        spectra = np.einsum("fdc,ctf->dtf", np.asarray(mixed.coupling), spectra)
    return resynthesise(spectra, stage.n_fft)
