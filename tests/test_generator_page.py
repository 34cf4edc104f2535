"""The page that plays a generator: in a browser it makes the samples that JAX makes."""

import base64
import io
import json
import shutil

import jax
import numpy as np
import pytest
import scipy.signal
import soundfile
from helpers import correlated, crackle, relative_error
from test_report_browser import BROWSERS, console_lines

from audio_texture import audio, errors, generators
from audio_texture.generators import generator_file, network

# Samples are single precision on both sides; a page's colours have steps of 0.012 %.
TOLERANCE = 1e-3
SECONDS, SEED = 10.0, 5
# In seconds: numbers of frames have more than 31 bits there.
FAR = 9_000_000.3


def make_generator(sounds, rate, *, peak=0.0, **sizes):
    """An untrained generator whose gains move, of styles as loud as their recordings."""
    config = generators.GeneratorConfig(rate, len(sounds[0]), **sizes)
    names = [f"a <b>{number}" for number in range(len(sounds))]
    styles = generators.fit_styles(names, sounds, config, smoothing_hz=50.0)
    # Beats of 32 bits, and one that is missing.
    drawn = np.random.default_rng(1).integers(2**32, size=styles.beats.shape, dtype=np.uint32)
    styles = styles._replace(beats=np.where(np.arange(drawn.size).reshape(drawn.shape), drawn, 0))
    gains = np.linspace(2.0, 4.0, len(sounds)).astype(np.float32)
    parameters = jitter(generator_file.parameter_shapes(config, len(sounds)))
    factors = np.eye(len(sounds[0]), dtype=np.float32)
    return generators.Generator(config, parameters, styles._replace(gains=gains), factors, peak, {})


def jitter(shapes):
    """Random parameters: kernels that keep the power, scales near 1, shifts near 0."""
    rng = np.random.default_rng(0)

    def draw(path, leaf):
        drawn = rng.standard_normal(leaf.shape).astype(np.float32)
        if path[-1].key in network.OF_STYLES:
            return 0.3 * drawn + (path[-1].key == "scale")
        # Gains of different moments differ by several decibels: there are events.
        return (1.5 if "head" in path[0].key else 1.0) * drawn / np.sqrt(leaf.shape[0])

    return jax.tree_util.tree_map_with_path(draw, shapes)


@pytest.fixture(scope="module")
def mono():
    return make_generator([crackle(16_000)], 8000, width=8)


@pytest.fixture(scope="module")
def stereo():
    """Two styles that need lowering, at a rate whose windows differ."""
    sounds = [correlated(22_050, share, seed=3, make=crackle) for share in (0.2, 0.8)]
    return make_generator(sounds, 11_025, width=8, levels=5, peak=1.5)


# Calls of the page's own program, and what they make as text in the console, piece by piece.
PROBE = """<script>
function say(name, bytes) {
  let text = '';
  for (const byte of new Uint8Array(bytes)) text += String.fromCharCode(byte);
  text = btoa(text);
  for (let i = 0; i < text.length; i += 30000) {
    console.log(`piece ${name} ${text.slice(i, i + 30000)} end`);
  }
}
async function hear(name, options) {
  const buffer = await texture.render(options);
  for (let channel = 0; channel < buffer.numberOfChannels; channel += 1) {
    say(name, buffer.getChannelData(channel).buffer);
  }
}
const wait = milliseconds => new Promise(end => setTimeout(end, milliseconds));
onload = async () => {
  try {
    SCRIPT
  } catch (error) {
    console.log(`failed: ${error.stack}`);
  }
  console.log('all done');
};
</script>"""


def ask(folder, generator, script):
    """The bytes that a script says in a generator's page, by name; nothing else may be said."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not browser:
        pytest.skip(f"there is no browser: none of {', '.join(BROWSERS)} is installed.")
    path = folder / "page.html"
    generators.write_page(str(path), generator)
    page = path.read_text().replace("</body>", PROBE.replace("SCRIPT", script) + "</body>")
    path.write_text(page)
    *lines, _ = console_lines(browser, path, "all done")
    told = {}
    for line in lines:
        assert "piece " in line, line
        name, text = line.split("piece ", 1)[1].split(" end")[0].split(" ")
        told[name] = told.get(name, b"") + base64.b64decode(text)
    return told


def render(requests):
    """The script that renders by `texture.render`, each request with a name."""
    return "".join(f"await hear('{name}', {json.dumps(o)});" for name, o in requests.items())


def as_wave(data, channels):
    return np.frombuffer(data, "<f4").reshape(channels, -1)


@pytest.fixture(scope="module")
def mono_renders(mono, tmp_path_factory):
    """What the page makes of the mono generator, with one slider moved or none."""
    moved = {
        "neutral": {"seconds": SECONDS},
        "later": {"seconds": 1, "start": 7.7},
        "far": {"seconds": 1, "start": FAR},
        "quiet": {"seconds": 2, "level": -20},
        "bright": {"seconds": 2, "brightness": 3},
        "dense": {"seconds": 5, "density": 1},
        "sparse": {"seconds": 5, "density": -1},
    }
    requests = {name: {"seed": SEED, **options} for name, options in moved.items()}
    told = ask(tmp_path_factory.mktemp("mono"), mono, render(requests))
    return {name: as_wave(data, 1) for name, data in told.items()}


def assert_same(made, expected):
    assert made.shape == expected.shape and np.max(np.abs(expected)) > 0.05
    assert np.max(np.abs(made - expected)) < TOLERANCE
    assert relative_error(made, expected) < TOLERANCE


def test_the_page_makes_the_samples_of_jax(mono, mono_renders):
    """Catches any step that the page makes otherwise; from any position on."""
    expected = generators.stretch(mono, seconds=SECONDS, seed=SEED)
    assert_same(mono_renders["neutral"], expected)
    assert_same(mono_renders["later"], expected[:, 61_600:69_600])
    assert_same(mono_renders["far"], generators.stretch(mono, seconds=1, seed=SEED, start=FAR))


def test_a_stereo_mixture_of_styles_is_the_same_too(stereo, tmp_path):
    weights = [1, 3]
    request = {"seconds": SECONDS, "seed": 2**32 - 1, "weights": weights}
    told = ask(tmp_path, stereo, render({"mixture": request}))
    expected = generators.stretch(stereo, seconds=SECONDS, seed=2**32 - 1, weights=weights)
    assert_same(as_wave(told["mixture"], 2), expected)


def slope_of(wave, rate):
    """Decibels an octave by which a spectrum rises, from 200 Hz to 3 kHz."""
    powers = np.abs(np.fft.rfft(wave[0])) ** 2
    edges = 200 * 2 ** np.arange(5)
    frequencies = np.linspace(0, rate / 2, len(powers))
    bands = np.digitize(frequencies, edges)
    levels = [10 * np.log10(powers[bands == band].mean()) for band in range(1, 5)]
    return np.polyfit(range(4), levels, 1)[0]


def test_sliders_do_what_they_say(mono_renders):
    """The level scales, brightness tilts, density changes how even the sound is in time."""
    neutral, quiet = mono_renders["neutral"], mono_renders["quiet"]
    same = neutral[:, : quiet.shape[1]]
    # Loud peaks are rounded off.
    whole = np.abs(same) < audio.KNEE
    np.testing.assert_allclose(quiet[whole], 0.1 * same[whole], atol=1e-6)
    tilted = slope_of(mono_renders["bright"], 8000) - slope_of(same, 8000)
    assert tilted == pytest.approx(3, abs=0.5)

    def unevenness(wave):
        powers = np.mean(wave[:, : wave.size // 160 * 160].reshape(-1, 160) ** 2, axis=1)
        return np.std(np.log(powers))

    dense, sparse = mono_renders["dense"], mono_renders["sparse"]
    assert unevenness(dense) < 0.9 * unevenness(neutral)
    assert unevenness(sparse) > 1.25 * unevenness(neutral)
    assert audio.rms(dense) == pytest.approx(audio.rms(neutral), rel=0.2)


# Two seconds with all sliders moved, and back.
MOVE = """
const before = texture.readControls(), weights = [0, 100];
const moved = { weights, density: 1, brightness: -3, level: -6 };
const changes = [
  [2, { controls: moved, colour: texture.mix(weights) }],
  [4, { controls: before, colour: texture.mix(before.weights) }],
];
await hear('moved', { seconds: 6, seed: SEED, changes });
"""


def test_moved_sliders_make_no_click_and_leave_no_trace(stereo, tmp_path):
    """Catches a jump where a slider is moved, and a sound that is another one afterwards."""
    told = ask(tmp_path, stereo, MOVE.replace("SEED", str(SEED)))
    made = as_wave(told["moved"], 2)
    expected = generators.stretch(stereo, seconds=6, seed=SEED)
    first, last = slice(0, 2 * 11_025), slice(5 * 11_025, None)
    assert_same(made[:, first], expected[:, first])
    assert_same(made[:, last], expected[:, last])
    chunk = stereo.config.chunk
    within = slice(2 * 11_025 + chunk, 4 * 11_025)
    assert relative_error(made[:, within], expected[:, within]) > 0.5
    # A click is a large third difference.
    steps = [np.max(np.abs(np.diff(wave, 3))) for wave in (made, expected)]
    assert steps[0] < 1.2 * steps[1]


# Presses the buttons, chooses another seed, and keeps the file that is offered.
RECORD = """
let file;
const create = URL.createObjectURL;
URL.createObjectURL = blob => { if (blob.type === 'audio/wav') file = blob; return create(blob); };
const press = id => document.getElementById(id).click();
const clock = () => Number(document.getElementById('clock').textContent.split(':')[1]);
press('record');
while (clock() < 1) await wait(20);
const seed = document.getElementById('seed');
seed.value = 9;
seed.dispatchEvent(new Event('change'));
while (clock() < 0.1 || clock() > 0.9) await wait(20);
while (clock() < 1) await wait(20);
press('play');
while (!file) await wait(20);
say('wav', await file.arrayBuffer());
say('name', new TextEncoder().encode(document.querySelector('h1').textContent));
"""


def test_record_saves_what_is_heard(stereo, tmp_path):
    """From the first sample on, and through a change of the seed: a WAV file of JAX's samples."""
    told = ask(tmp_path, stereo, RECORD)
    wave, rate = soundfile.read(io.BytesIO(told["wav"]), dtype="float32", always_2d=True)
    wave = wave.T
    assert rate == stereo.sample_rate and 1.8 * rate < wave.shape[1] < 60 * rate
    before = slice(0, round(0.8 * rate))
    assert_same(wave[:, before], generators.stretch(stereo, seconds=20)[:, before])
    # The other seed began somewhere in the middle.
    after = generators.stretch(stereo, seconds=20, seed=9)
    last = wave[:, -rate // 2 :]
    matches = scipy.signal.fftconvolve(after[0], last[0, ::-1], mode="valid")
    start = int(np.argmax(matches))
    assert_same(last, after[:, start : start + last.shape[1]])
    # The title, which the browser has read as text.
    assert told["name"].decode() == "a <b>0, a <b>1"


# Plays, stops and records while the player is still being made; then a position after all others.
HURRY = """
const press = id => document.getElementById(id).click();
const tell = text => say('said', new TextEncoder().encode(`${text} `));
const shown = id => document.getElementById(id).textContent.replace(/ /g, '_');
let made = 0;
const Context = AudioContext;
window.AudioContext = class extends Context { constructor(options) { super(options); made += 1; } };
press('play');
press('play');
tell(shown('play'));
press('record');
press('record');
tell(shown('record'));
press('play');
press('play');
while (shown('clock') === '0:00.0') await wait(20);
tell(shown('play'));
press('play');
tell(made);
document.getElementById('start').value = 1e9;
press('go');
tell(shown('clock'));
"""


def test_buttons_that_are_pressed_in_a_hurry(mono, tmp_path):
    """While the player is made a press counts too, and one player is made."""
    told = ask(tmp_path, mono, HURRY)["said"].decode().split()
    assert told == ["Play", "Record", "Stop", "1", "8760:00:00.0"], told


def test_a_page_is_small(tmp_path):
    """Under 1 MB in the largest usual sizes; a further style adds its own numbers alone."""
    sounds = [correlated(44_100, 0.5, seed=seed) for seed in range(2)]
    sizes = []
    for count in (1, 2):
        path = tmp_path / f"{count}.html"
        generators.write_page(str(path), make_generator(sounds[:count], 44_100))
        sizes.append(path.stat().st_size)
    assert sizes[0] < 1e6 and sizes[1] - sizes[0] < 2e5


def test_a_page_has_no_content_to_follow(mono, tmp_path):
    config = generators.GeneratorConfig(8000, width=8, content_bands=4)
    with pytest.raises(errors.ChoiceError, match="content_bands"):
        generators.write_page(str(tmp_path / "page.html"), mono._replace(config=config))
    assert not list(tmp_path.iterdir())
