"""What all tests share: strictness, a cache of compiled programs, small sounds, real recordings where there are any."""

import os
import pathlib

import jax
import numpy as np
import pytest
import scipy.signal

jax.config.update("jax_numpy_rank_promotion", "raise")
# The programs of tests run for milliseconds and are compiled for seconds: LLVM's passes are left out, XLA's are not.
jax.config.update("jax_disable_most_optimizations", True)
# So do the programs that tests start.
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"

ESC10 = pathlib.Path(__file__).parents[2] / "shared" / "esc10"


@pytest.fixture(scope="session", autouse=True)
def compilation_cache(tmp_path_factory):
    """Every `synthesis.prepare` makes new closures of mostly the same programs: they are compiled once a session."""
    jax.config.update("jax_compilation_cache_dir", str(tmp_path_factory.mktemp("jax")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@pytest.fixture(scope="session")
def esc10() -> pathlib.Path:
    """The folder of real recordings (BUILD_NOTES.md), skipped where it is missing."""
    if not ESC10.is_dir():
        pytest.skip(f"real recordings are not there: {ESC10}.")
    return ESC10


def noise(samples: int, channels: int = 1, *, seed: int = 0, level: float = 0.1) -> np.ndarray:
    """White Gaussian noise, float32 [channels, samples]."""
    return (level * np.random.default_rng(seed).standard_normal((channels, samples))).astype(np.float32)


def crackle(samples: int, channels: int = 1, *, seed: int = 0, level: float = 0.03) -> np.ndarray:
    """A texture with events: random clicks, each a short decaying burst, over faint noise. float32 [channels, samples]."""
    rng = np.random.default_rng(seed)
    clicks = (rng.random((channels, samples)) < 0.004) * rng.standard_normal((channels, samples))
    decay = np.exp(-np.arange(200) / 30) * rng.standard_normal(200)
    wave = scipy.signal.fftconvolve(clicks, decay[None], axes=1)[:, :samples] + 0.02 * rng.standard_normal((channels, samples))
    return (level * wave / np.sqrt(np.mean(wave**2))).astype(np.float32)


def correlated(samples: int, correlation: float, *, seed: int = 0, make=noise) -> np.ndarray:
    """Two channels of that correlation, float32 [2, samples]."""
    left, other = make(samples, 2, seed=seed)
    return np.stack([left, correlation * left + np.sqrt(1 - correlation**2) * other]).astype(np.float32)


def correlation_of(left: np.ndarray, right: np.ndarray) -> float:
    return float(np.corrcoef(left, right)[0, 1])


def highest_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Peak over all lags of the cross-correlation of two waves [N], 1 for a shifted copy of a whole wave."""
    x, y = x - x.mean(), y - y.mean()
    found = scipy.signal.fftconvolve(x.astype(np.float64), y[::-1].astype(np.float64))
    return float(np.max(np.abs(found)) / (np.linalg.norm(x) * np.linalg.norm(y)))


def relative_error(found, expected) -> float:
    """||found - expected|| / ||expected||, in float64."""
    found, expected = np.asarray(found, np.complex128), np.asarray(expected, np.complex128)
    assert found.shape == expected.shape
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))
