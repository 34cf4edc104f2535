"""Loops: nothing in them tells where the beginning is."""

import functools

import jax
import numpy as np
import pytest
from helpers import crackle, relative_error
from stream_blocks import (
    KEY,
    RATE,
    REFERENCE,
    SMALLEST,
    border_p_value,
    describe_windows,
)

from audio_texture import audio, canvas, streaming
from audio_texture.streaming import layout
from audio_texture.streaming.style import style_objective

SECONDS = 0.40013  # no multiple of anything


@functools.cache
def make_loops(count):
    style = streaming.fit_style(SMALLEST, [REFERENCE], sample_rate=RATE)
    loop = streaming.prepare_loop(style, seconds=SECONDS)
    return [streaming.make_loop(loop, jax.random.key(seed)).wave for seed in range(count)]


def test_a_repeated_loop_has_no_border():
    """Each loop twice in a row. An open end would be detected."""
    reach = 400
    twice = [np.concatenate([wave[0], wave[0]]) for wave in make_loops(30)]
    length = len(twice[0]) // 2
    assert length == round(SECONDS * RATE)
    borders = np.concatenate([describe_windows(wave, [length]) for wave in twice])
    inside = np.concatenate(
        [
            describe_windows(wave, np.random.default_rng(seed).integers(reach, length - reach, 8))
            for seed, wave in enumerate(twice)
        ]
    )
    assert border_p_value(borders, inside) > 0.02
    cuts = [
        np.concatenate([a[:length], b[:length]]) for a, b in zip(twice, twice[1:], strict=False)
    ]
    at_cuts = np.concatenate([describe_windows(wave, [length]) for wave in cuts])
    assert border_p_value(at_cuts, inside) < 0.01


def test_loops_have_the_references_level():
    wave = np.concatenate(make_loops(30), axis=1)
    assert audio.rms(wave) == pytest.approx(audio.rms(REFERENCE), rel=0.3)


def test_the_loop_canvas_is_a_circle():
    """Turned parameters make the turned wave."""
    loop_canvas = canvas.loop_canvas(
        canvas.fading_colours([np.ones((321, 1, 1))], ()),
        np.ones((33, 1, 1), np.complex64),
        sample_rate=RATE,
        samples=640,
        equaliser=canvas.Equaliser(64, 16, 4),
    )
    parameters = loop_canvas.init(KEY)
    parameters["gain"] = jax.random.normal(KEY, parameters["gain"].shape)
    turned = {
        "noise": np.roll(parameters["noise"], 48, axis=1),
        "gain": np.roll(parameters["gain"], 3, axis=1),
    }
    render = jax.jit(loop_canvas.render)
    expected = np.roll(render(parameters, loop_canvas.constants), 48, axis=1)
    assert relative_error(render(turned, loop_canvas.constants), expected) < 1e-5


def test_circular_distances_know_no_beginning():
    """A turned wave is as far from the style.

    Catches frames or patches at the closure that count twice or not at all.
    """
    recipe = SMALLEST.replace(auditory_weight=1.0, block_seconds=1.0)
    style = streaming.fit_style(recipe, [REFERENCE], sample_rate=RATE)
    distance = jax.jit(style_objective(style, circular=True).distance)
    wave = crackle(4800, seed=3)
    _, terms = distance(style.target, wave)
    for turn in (320, 2240):
        _, turned_terms = distance(style.target, np.roll(wave, turn, axis=1))
        for name, value in turned_terms.items():
            assert float(value) == pytest.approx(float(terms[name]), rel=1e-3)


@pytest.mark.parametrize("samples", [640, 641, 4096, 100])
def test_colours_of_other_lengths_keep_their_power(samples):
    """A tone between two frequencies of a short loop: catches a density that is not averaged."""
    tone = 0.1 * np.sin(2 * np.pi * 0.1037 * np.arange(16000))[None].astype(np.float32)
    tone = tone + 0.01 * REFERENCE
    density = canvas.spectral_density(tone, sample_rate=RATE, samples=4800, smoothing_hz=2.0)
    half = layout.resample_density(density, samples)[:, 0, 0].real
    power = np.concatenate([half, half[(samples - 1) // 2 : 0 : -1]])
    assert len(power) == samples and np.mean(power) == pytest.approx(np.mean(tone**2), rel=0.03)
