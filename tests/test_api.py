"""The Python API, as a notebook uses it: the ten lines of README, wrong input, gradients."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import audio_texture as at

RATE = 8000
QUICK = {"recipe": "texture-fast", "views": "bins@32/16:1,2", "evaluations": 3}
WAVE = (0.1 * np.random.default_rng(0).standard_normal((1, 6000))).astype(np.float32)


@pytest.fixture(scope="module")
def texture():
    return at.texture(WAVE, RATE, seconds=0.25, seed=3, **QUICK)


def test_import_is_quick_and_sets_nothing():
    """A session keeps its own settings, and pays for what it uses alone."""
    code = (
        "import sys, signal, logging; before = signal.getsignal(signal.SIGINT);"
        "import audio_texture as at; at.__version__, dir(at);"
        "heavy = {'jax', 'scipy', 'matplotlib', 'flax', 'numpy'} & set(sys.modules);"
        "assert not heavy, heavy; at.recipe('texture');"
        "assert 'matplotlib' not in sys.modules and 'flax' not in sys.modules;"
        "import jax; assert not jax.config.jax_compilation_cache_dir;"
        "assert signal.getsignal(signal.SIGINT) is before; assert not logging.getLogger().handlers"
    )
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ""}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, env=environment)


def test_table_of_contents_is_complete():
    assert sorted(at.__all__) == at.__all__ == sorted(at._SUBMODULES)
    assert all(hasattr(at, name) and getattr(at, name).__doc__ for name in at.__all__)
    assert set(at.__all__) <= set(dir(at))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        at.nothing  # noqa: B018


def test_texture_has_what_the_readme_says(texture, tmp_path):
    assert texture.wave.shape == (1, 2000) and texture.wave.dtype == np.float32
    assert texture.sample_rate == RATE and len(texture.losses) == len(texture.progress) >= 1
    assert set(texture.terms) >= {"levels"} and np.isfinite(texture.losses).all()
    texture.save(str(tmp_path / "out.wav"))
    again, rate = at.load(str(tmp_path / "out.wav"))
    assert rate == RATE and np.abs(again - texture.wave).max() < 1e-4


def test_notebooks_show_a_player_and_a_picture(texture):
    shown = texture._repr_html_()
    assert "<audio" in shown and "<svg" in shown and "texture-fast" in shown


def test_reprs_are_one_short_line(texture):
    model = at.prepare(at.recipe("texture-fast"), WAVE, RATE, seconds=0.25, **_choices())
    for value in (texture, model, model.problem, at.recipe("texture")):
        assert len(repr(value)) < 160 and "\n" not in repr(value)
    assert repr(at.recipe("texture").replace(evaluations=7)) == "Recipe('texture', evaluations=7)"


def _choices():
    return {name: value for name, value in QUICK.items() if name != "recipe"}


def test_seed_decides_about_the_samples(texture):
    same = at.texture(WAVE, RATE, seconds=0.25, seed=jax.random.key(3), **QUICK)
    other = at.texture(WAVE, RATE, seconds=0.25, seed=4, **QUICK)
    np.testing.assert_array_equal(same.wave, texture.wave)
    assert np.abs(other.wave - texture.wave).max() > 0.01


@pytest.mark.parametrize("form", ["flat", "jax", "int16", "int32", "float64", "list"])
def test_forms_of_a_sound_give_the_same_texture(form, texture):
    """int16 was once taken for float and came back 10 dB off."""
    pcm = np.round(WAVE * 32768).astype(np.int16)
    forms = {
        "flat": WAVE[0],
        "jax": jnp.asarray(WAVE),
        "int16": pcm,
        "int32": pcm.astype(np.int32) << 16,
        "float64": WAVE.astype(np.float64),
        "list": WAVE[0].tolist(),
    }
    made = at.texture(forms[form], RATE, seconds=0.25, seed=3, **QUICK)
    level = np.sqrt(np.mean(made.wave**2) / np.mean(texture.wave**2))
    assert made.wave.shape == (1, 2000) and abs(20 * np.log10(level)) < 0.1
    if form not in ("int16", "int32"):
        np.testing.assert_allclose(made.wave, texture.wave, atol=1e-6)


def test_batch_is_one_program_for_many_seeds(texture):
    model = at.prepare("texture-fast", WAVE, RATE, seconds=0.25, **_choices())
    many = model.run_batch(seeds=range(3, 5))
    assert many.waves.shape == (2, 1, 2000) and many.losses.shape == (2,)
    np.testing.assert_allclose(many.waves[0], texture.wave, atol=1e-5)


def test_mixtures_take_a_list_and_weights():
    low, high = WAVE, np.diff(WAVE, prepend=0)
    mixed = [
        at.texture([low, high], RATE, seconds=0.25, weights=weights, **QUICK).wave
        for weights in ([1, 0], [0, 1])
    ]
    brightness = [np.mean(np.diff(wave) ** 2) / np.mean(wave**2) for wave in mixed]
    assert brightness[1] > 1.3 * brightness[0]


def test_transfer_keeps_the_content_length():
    made = at.transfer(
        WAVE[:, :3000], WAVE, RATE, style_weight=2.0, evaluations=2, views="bins@32/16:1,2"
    )
    assert made.wave.shape == (1, 3000) and {"style", "content"} <= set(made.terms)


def test_stream_yields_blocks_without_a_step():
    """Blocks join without a jump that is larger than those inside."""
    blocks = at.stream(WAVE, RATE, block_seconds=1.0, **QUICK)
    first, second = next(blocks), next(blocks)
    inside = np.abs(np.diff(first[0])).max()
    assert first.ndim == 2 and abs(second[0, 0] - first[0, -1]) <= 1.5 * inside


def test_loop_ends_where_it_begins():
    wave = at.loop(WAVE, RATE, seconds=1.0, **QUICK)
    assert wave.shape == (1, RATE)
    assert abs(wave[0, 0] - wave[0, -1]) <= 1.5 * np.abs(np.diff(wave[0])).max()


def test_progress_is_told_after_each_chunk():
    rows = []
    at.texture(WAVE, RATE, seconds=0.25, on_progress=rows.append, **QUICK)
    assert rows and rows[-1].evaluations == 3 and np.isfinite(rows[-1].loss)


def test_evaluate_knows_a_copy():
    wave = np.tile(WAVE, 2)
    assert at.evaluate(wave, wave, RATE)["copied"] > 0.9


WRONG = {
    "NaN": (lambda: at.texture(np.full(4000, np.nan), RATE), "finite samples"),
    "samples first": (lambda: at.texture(WAVE.T, RATE), r"pass its transpose"),
    "stereo, samples first": (lambda: at.texture(np.ones((4000, 2)), RATE), "transpose"),
    "a scalar": (lambda: at.texture(3.0, RATE), r"\[samples\] or \[channels, samples\]"),
    "text": (lambda: at.texture("rain.wav", RATE), "floats or integer PCM"),
    "complex": (lambda: at.texture(WAVE + 1j, RATE), "floats or integer PCM"),
    "no sounds": (lambda: at.texture([], RATE), "at least one sound"),
    "no samples": (lambda: at.texture(np.zeros((1, 0)), RATE), "with samples"),
    "silence": (lambda: at.texture(0 * WAVE, RATE), "silent"),
    "a constant": (lambda: at.texture(0 * WAVE + 0.5, RATE), "constant"),
    "too short": (lambda: at.texture(WAVE[:, :50], RATE), "lasts"),
    "rate 0": (lambda: at.texture(WAVE, 0), "sample_rate must be"),
    "rate as text": (lambda: at.texture(WAVE, "8000"), "sample_rate must be"),
    "no length": (lambda: at.texture(WAVE, RATE, seconds=0), "out of range"),
    "length as text": (lambda: at.texture(WAVE, RATE, seconds="3"), "seconds must be a number"),
    "seed below 0": (lambda: at.texture(WAVE, RATE, seed=-1), "seed must be an integer"),
    "seed as text": (lambda: at.texture(WAVE, RATE, seed="a"), "seed must be an integer"),
    "no seeds": (lambda: at.api.as_keys([]), "one at least"),
    "unknown choice": (
        lambda: at.texture(WAVE, RATE, evalutions=3),
        "'evalutions'; did you mean evaluations",
    ),
    "choice as text": (lambda: at.texture(WAVE, RATE, evaluations="x"), "must be a number"),
    "unknown view": (lambda: at.texture(WAVE, RATE, views="mel"), "must look like"),
    "a view that is none": (lambda: at.texture(WAVE, RATE, views=[3]), "must not hold 3"),
    "unknown recipe": (lambda: at.texture(WAVE, RATE, recipe="nope"), "is not a recipe"),
    "transfer's recipe": (lambda: at.texture(WAVE, RATE, recipe="transfer"), "for transfers"),
    "a weight too few": (lambda: at.texture([WAVE, WAVE], RATE, weights=[1]), "one for each"),
    "weights as text": (lambda: at.texture([WAVE], RATE, weights="ab"), "must be numbers"),
    "bands as numbers": (lambda: at.texture([WAVE], RATE, bands=[100, 200]), "must be pairs of"),
    "format": (lambda: at.save("x.mp3", WAVE, RATE), r"path must end in \.wav"),
    "no file": (lambda: at.load("/nowhere/rain.wav"), "does not exist"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_told_in_one_sentence(case):
    run, message = WRONG[case]
    with pytest.raises(ValueError, match=message) as caught:
        run()
    text = str(caught.value)
    assert text[-1] in ".?" and "\n" not in text and len(text) < 500


def test_bands_may_be_arrays():
    """[R, 2] is as good as pairs of numbers."""
    pairs = [(0.0, 1000.0), (1000.0, np.inf)]
    models = [
        at.prepare(sounds=[WAVE, WAVE], sample_rate=RATE, seconds=0.5, bands=bands, **QUICK)
        for bands in (np.array(pairs), pairs)
    ]
    assert models[0].problem.compiled is models[1].problem.compiled


def test_choices_that_do_not_go_together_name_theirs():
    with pytest.raises(at.ChoiceError) as caught:
        at.recipe("texture").replace(canvas="spectrogram")
    assert caught.value.field in ("start", "compression", "auditory_weight")
    with pytest.raises(at.ChoiceError) as caught:
        at.recipe("texture").replace(evaluations=0)
    assert caught.value.field == "evaluations"


def test_gradients_flow_through_an_objective():
    """A small step against the gradient lowers the distance."""
    from audio_texture import combinators, losses, spectrogram

    def magnitudes(wave):
        return jnp.abs(spectrogram.stft(wave, n_fft=64, hop_length=32))

    objective = combinators.precompose(magnitudes, losses.autocorrelation(lags=4))
    target = objective.fit(WAVE[0])
    start = 0.05 * np.random.default_rng(1).standard_normal(4000).astype(np.float32)
    value, gradient = jax.jit(jax.value_and_grad(lambda x: objective.distance(target, x)[0]))(start)
    step = 1e-3 * float(value) / float(jnp.sum(gradient**2))
    assert objective.distance(target, start - step * gradient)[0] < value


def test_a_term_of_ones_own_is_a_choice():
    """A statistic is a constructor and an entry: its weight is then a choice of every recipe."""
    import dataclasses

    from audio_texture.config import CHOICES
    from audio_texture.terms import TERMS

    @dataclasses.dataclass(frozen=True)
    class Crest(at.TermChoices):
        term = "crest"
        weight: float = at.weight(term, "Waveform canvas: weight of the crest factor's distance.")

    def build(context):
        def measure(x):
            return jnp.log(jnp.max(x**2) + 1e-8) - jnp.log(jnp.mean(x**2) + 1e-8)

        def distance(target, x):
            value = (measure(x) - target) ** 2
            return value, {"crest": value}

        objective = at.Objective(measure, distance)
        return context.mix(objective)

    try:
        at.register(at.Term(Crest, build, "wave", "crest factors", ("waveform",)))
        made = at.texture(WAVE, RATE, seconds=0.25, crest_weight=0.5, **QUICK)
        assert made.terms["crest"][-1] >= 0
        with pytest.raises(ValueError, match="already"):
            at.register(at.Term(Crest, build, "wave", "crest factors", ("waveform",)))
    finally:
        TERMS.pop("crest", None)
        CHOICES.pop("crest_weight", None)
