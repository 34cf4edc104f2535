"""The measurements of launch.benchmark, a function for each case."""

import concurrent.futures
import contextlib
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from audio_texture import (
    combinators,
    infinite_width,
    losses,
    phase,
    recipes,
    sounds,
    spectrogram,
    synthesis,
)
from audio_texture.layer import Layer

# Of the case generators: rate in Hz, seconds of the recording and of what is made of it.
RATE, SECONDS = 22050, 4.0
FRAMES, BINS, LAYERS = 431, 513, (Layer(kernel_size=11, filters=4096),)


def _measure_times(function: Callable, *arguments) -> tuple[float, float]:
    """Seconds to compile and milliseconds of a call.

    A call takes the median of at least five calls over at least two seconds; compilation is what
    the first call takes longer than that.
    """
    times = []
    while len(times) < 6 or sum(times[1:]) < 2.0:
        start = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        times.append(time.perf_counter() - start)
    run_s = float(np.median(times[1:]))
    return times[0] - run_s, 1000 * run_s


def style_distance(name: str) -> dict[str, Any]:
    """One row of the case style-distance."""
    x, y = (
        jnp.abs(jax.random.normal(key, (FRAMES, BINS)))
        for key in jax.random.split(jax.random.key(0))
    )
    if name == "floor":
        matmuls = jax.jit(
            lambda x, y: (
                infinite_width.frame_products(x, x) @ y,
                infinite_width.frame_products(x, y) @ x,
                infinite_width.frame_products(y, y) @ x,
            )
        )
        compile_s, run_ms = _measure_times(matmuls, x, y)
    else:
        if name == "closed-form":
            style = losses.infinite_gram([LAYERS])
        else:
            from audio_texture import networks

            net = networks.FrequencyAsChannels(LAYERS)

            def features(weights, x):
                layers: Any = net.apply(weights, x)
                return {"relu_1": layers["relu_1"]}

            style = combinators.of_network(
                net.init,
                features,
                jax.random.key(1),
                losses.gram(form={"explicit": "direct", "frames": "frames"}[name]),
            )
        target = jax.jit(style.fit)(y)
        compile_s, run_ms = _measure_times(
            jax.jit(jax.value_and_grad(lambda x, target: style.distance(target, x)[0])), x, target
        )
    return {"shape": f"{BINS} bins x {FRAMES} frames", "compile_s": compile_s, "run_ms": run_ms}


def phase_recovery(name: str) -> dict[str, Any]:
    """One row of the case phase."""
    wave = sounds.make("rain", jax.random.key(0), 5.0, 22050)
    magnitude = jnp.abs(spectrogram.stft(wave, n_fft=1024, hop_length=256))
    random = phase.random_phase(jax.random.key(0), magnitude)

    def recover(magnitude):
        start = phase.spsi(magnitude, hop_length=256) if name.startswith("spsi") else random
        momentum = {"momentum": 0.99} if "fast" in name else {}
        iterations = 50 if "griffin-lim" in name else 0
        return phase.griffin_lim(
            magnitude, start, hop_length=256, iterations=iterations, **momentum
        )

    compile_s, run_ms = _measure_times(jax.jit(recover), magnitude)
    recovered = jax.jit(recover)(magnitude)
    convergence = phase.spectral_convergence(recovered, magnitude, hop_length=256)
    return {
        "shape": f"{magnitude.shape[1]} bins x {len(magnitude)} frames",
        "compile_s": compile_s,
        "run_ms": run_ms,
        "convergence": float(convergence),
    }


def texture(name: str, source: str) -> dict[str, Any]:
    """One row of the case texture: a whole run, as a user waits for it.

    Args:
      name: recipe-seconds-cache; a row with a warm cache runs twice.
      source: the sound that a texture is made of.
    """
    recipe, seconds, cache = name.rsplit("-", 2)
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "launch.texture",
            f"--recipe={recipe}",
            f"--seconds={seconds.removesuffix('s')}",
            f"--input={source}",
            f"--output_dir={folder}/run",
            "--overwrite",
        ]
        environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": os.path.join(folder, "cache")}
        times = []
        for _ in range(2 if cache == "warm" else 1):
            start = time.perf_counter()
            subprocess.run(command, env=environment, check=True, capture_output=True)
            times.append(time.perf_counter() - start)
    # In a warm row, compile_s is what the first run takes longer; a cold row has it in run_ms.
    children_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
    return {
        "shape": f"{seconds} of sound",
        "compile_s": times[0] - times[-1] if cache == "warm" else None,
        "run_ms": 1000 * times[-1],
        "peak_mb": children_mb,
    }


def generator(name: str) -> dict[str, Any]:
    """One row of the case generators."""
    wave = np.asarray(sounds.make("rain", jax.random.key(0), SECONDS, RATE))[None]
    if name == "texture":
        return _measure_texture(wave)
    if name == "training-evaluation":
        return _measure_training(wave)
    # One core, before JAX starts its threads.
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if name == "grains":
        compile_s, run_ms = _measure_times(_shuffle_grains, wave)
        timed: dict[str, Any] = {"compile_s": compile_s, "run_ms": run_ms}
    else:
        timed = _measure_blocks(wave, {"blocks-4s": 4.0, "blocks-20ms": 0.02}[name])
    made = f"{SECONDS:g} s of sound at {RATE} Hz, one core"
    return {"shape": made, **timed, "times_real_time": 1000 * SECONDS / timed["run_ms"]}


def _measure_texture(wave: np.ndarray) -> dict[str, Any]:
    """The optimiser makes a texture; it is compiled before."""
    recipe, begin = recipes.named("texture"), time.perf_counter()
    problem = synthesis.prepare(recipe, [wave], sample_rate=RATE, seconds=SECONDS)
    synthesis.run(problem, jax.random.key(0), evaluations=1)
    compile_s, begin = time.perf_counter() - begin, time.perf_counter()
    outcome = synthesis.run(problem, jax.random.key(0)).outcome
    run_ms = 1000 * (time.perf_counter() - begin)
    return {
        "shape": f"{SECONDS:g} s of sound at {RATE} Hz",
        "compile_s": compile_s,
        "run_ms": run_ms,
        "times_real_time": 1000 * SECONDS / run_ms,
        "evaluation_ms": 1000 * outcome.progress[-1].seconds / outcome.progress[-1].evaluations,
    }


def _measure_training(wave: np.ndarray) -> dict[str, Any]:
    """An evaluation of a generator's training, by the loss of the same recipe."""
    from audio_texture import generator_training

    evaluations, begin = 5, time.perf_counter()
    recipe = generator_training.generator_recipe(recipes.named("texture"), evaluations)
    training = generator_training.prepare(recipe, [wave], sample_rate=RATE)
    run_s = generator_training.seconds_per_evaluation(training, evaluations=evaluations)
    return {
        "shape": f"a sample of {generator_training.SAMPLE_SECONDS:g} s at {RATE} Hz",
        "compile_s": time.perf_counter() - begin - 2 * evaluations * run_s,
        "run_ms": 1000 * run_s,
    }


def _measure_blocks(wave: np.ndarray, seconds: float) -> dict[str, Any]:
    """A generator makes sound in blocks of `seconds`; weights decide nothing of how fast it is."""
    # Here: the memory of other cases must not hold Flax.
    from audio_texture import generators
    from audio_texture.generators import network

    config = generators.GeneratorConfig(RATE)
    net = network.Generator(config)
    made = generators.Generator(
        config=config,
        parameters=jax.jit(lambda key: generators.init_parameters(net, key))(jax.random.key(0)),
        styles=generators.fit_styles(["rain"], [wave], config, smoothing_hz=2.0),
        factors=np.eye(1, dtype=np.float32),
        peak=0.5,
        training={},
    )
    blocks, begin = generators.blocks_from(made, samples=round(seconds * RATE)), time.perf_counter()
    for _ in range(3):
        next(blocks)
    compile_s, times = time.perf_counter() - begin, []
    while sum(times) < 2.0:
        begin = time.perf_counter()
        next(blocks)
        times.append(time.perf_counter() - begin)
    return {
        "compile_s": compile_s,
        "run_ms": 1000 * float(np.mean(times)) * SECONDS / seconds,
        "longest_block_ms": 1000 * max(times),
    }


def _shuffle_grains(wave: np.ndarray) -> np.ndarray:
    """Quarter-second grains of a recording in random order, faded into each other: the baseline
    that costs nothing and copies.
    """
    grain, samples = RATE // 4, round(SECONDS * RATE)
    window = np.hanning(grain + 1)[:-1]
    mixed = np.zeros((len(wave), samples + grain), np.float32)
    rng = np.random.default_rng(0)
    for begin in range(0, samples, grain // 2):
        place = rng.integers(wave.shape[1] - grain)
        mixed[:, begin : begin + grain] += window * wave[:, place : place + grain]
    return mixed[:, :samples]


CASES = {
    "style-distance": (style_distance, ("explicit", "frames", "closed-form", "floor")),
    "texture": (
        texture,
        (
            "texture-5s-warm",
            "texture-10s-cold",
            "texture-60s-cold",
            "infinite-width-5s-warm",
            "infinite-width-10s-cold",
            "infinite-width-60s-cold",
            "paper-1d-5s-cold",
        ),
    ),
    "generators": (
        generator,
        ("texture", "training-evaluation", "blocks-4s", "blocks-20ms", "grains"),
    ),
    "phase": (
        phase_recovery,
        (
            "griffin-lim-50",
            "fast-griffin-lim-50",
            "spsi",
            "spsi+griffin-lim-50",
            "spsi+fast-griffin-lim-50",
        ),
    ),
}


def measure_row(case: str, name: str, *arguments: Any) -> dict[str, Any]:
    """A row of benchmark.json, measured in the calling process.

    Args:
      case: of CASES.
      name: of the row.
      *arguments: of the case's function.
    """
    row = {"case": case, "name": name, **CASES[case][0](name, *arguments)}
    return {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000} | row


@contextlib.contextmanager
def fresh_processes() -> Iterator[concurrent.futures.Executor]:
    """Runs every call in a new process; Ctrl-C ends the process instead of waiting for it."""
    with concurrent.futures.ProcessPoolExecutor(
        max_workers=1,
        max_tasks_per_child=1,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_leave_signals_to_parent,
    ) as processes:
        try:
            yield processes
        except KeyboardInterrupt:
            for child in multiprocessing.active_children():
                child.terminate()
            raise


def _leave_signals_to_parent() -> None:
    """Makes a child process ignore Ctrl-C, and exit when the parent terminates it, so that the
    programs it has started end too.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
