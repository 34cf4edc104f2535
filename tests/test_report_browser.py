"""Every kind of page in a headless browser: no error in its console, and players that compare."""

import contextlib
import json
import shutil
import subprocess
import threading
import types

import numpy as np
import pytest
from helpers import crackle, figures_left_out, noise
from test_report_pages import CONFIG, ROWS
from test_report_sweep import make_rows

from audio_texture import audio, files, insights, metrics, report
from launch import evaluate_steps, insights_steps, pages, records
from launch.output import Output
from launch.stream import pages as stream_pages

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
RATE = 8000
SOUND = {"source": "sound:rain", "start": 0.0, "seconds": 10.0}
MORPH = {
    **CONFIG,
    "inputs": [{"source": "a/rain.wav"}, {"source": "b/rain.wav"}],
    "weights": [1.0, 0.0],
    "morph_to": [0.0, 1.0],
    "samples": 1,
}
VERDICT = metrics.give_verdict({"copied": 0.0})


def texture_page(more=(), config=CONFIG):
    sounds = [("input: rain.wav", 0.5 * noise(32_000), RATE)]
    results = [(f"texture_{i}.wav", noise(32_000, seed=1 + i), RATE) for i in range(2)]
    return report.render_texture_page(sounds, results, ROWS, config, more, seeds=[3, 4])


def morph_page():
    times = np.array([0.1, 0.4])
    curves = report.draw_distances(times, np.array([[1.0, 5.0], [5.0, 1.0]]), ["a", "b"])
    more = [*pages.mixture_section(MORPH, 0.5), ("Distance", report.embed_figure(curves, ""))]
    return texture_page(more, MORPH)


def loop_page(folder):
    audio.write(str(folder / "stream.wav"), crackle(3001), RATE)
    sink = types.SimpleNamespace(
        path=str(folder / "stream.wav"), samples=3001, sample_rate=RATE, grown=()
    )
    config = {**CONFIG, "inputs": [SOUND], "weights": [1.0], "loop": True}
    judged = report.Judged("stream.wav", VERDICT, {"copied": 0.0})
    return stream_pages.stream_page(config, [noise(4000)], sink, judged)


def evaluate_page():
    sounds = evaluate_steps.Sounds(
        ("rain.wav", noise(4000), RATE),
        [("a/t.wav", noise(4000), RATE), ("b/t.wav", noise(4000), RATE)],
    )
    return evaluate_steps.render_page(
        sounds, [report.Judged("a/t.wav", VERDICT, {"copied": 0.0})] * 2
    )


def transfer_page():
    sounds = [(name, noise(4000), RATE) for name in ("content", "transfer.wav", "style")]
    content, result, style = sounds
    return report.render_transfer_page(content, style, [result], [], ROWS, CONFIG, str)


def training_page():
    rows = [
        {"fold": 1, "epoch": 1, "loss": 1.0, "fitted": 0.9, "accuracy": 0.5, "seconds": 0.1},
        {"fold": 1, "epoch": 2, "loss": 0.5, "fitted": 0.9, "accuracy": 0.6, "seconds": 0.1},
    ]
    results = {"accuracy": 0.6, "folds": {"1": 0.6}, "clips": 4, "baseline": 0.5, "chance": 0.5}
    results |= {"skipped": 0, "classes": ["a", "b"], "confusion": [[2, 0], [1, 1]]}
    settings = [["epochs", "2", "Passes over the clips."]]
    return report.render_training_page(
        results, rows, settings, {"network": {"kind": "1d-frequency"}}
    )


def insights_page(folder):
    (folder / "insights").mkdir()
    output = Output(str(folder / "insights"), records.Record("insights", {}, []))
    picture = report.encode_png(report.new_figure((1, 1)))
    output.save("shifts.png", lambda path: files.write_bytes(path, picture))
    words = {"sentence": "It is so.", "verdict": "supports", "intervals": {}, "log_bases": {}}
    described = insights.load_experiment("shifts").describe()
    numbers = {"figure": "shifts", "claim_number": 1, "seconds": 1.0, "numbers": {}}
    output.write_json("shifts.json", {**described, **words, **numbers})
    return insights_steps.make_page(output, {"quick": True, "seeds": 5, "data": None})


def make_pages(folder):
    """A page of each kind, by name; the figures of two kinds are drawn."""
    drawn = {"texture": texture_page(), "morph": morph_page()}
    with figures_left_out():
        return drawn | {
            "loop": loop_page(folder),
            "evaluate": evaluate_page(),
            "transfer": transfer_page(),
            "training": training_page(),
            "insights": insights_page(folder),
            "sweep": report.render_sweep_page(make_rows(4), swept=["seed"], planned=4),
        }


@pytest.fixture(scope="module")
def browser():
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not path:
        pytest.skip(f"there is no browser: none of {', '.join(BROWSERS)} is installed.")
    return path


@contextlib.contextmanager
def opened(browser, path):
    """The lines that a browser writes, which hold those of its console, while a file is open."""
    flags = (
        *("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"),
        *("--enable-logging=stderr", "--v=0", "--disable-background-networking"),
        *("--autoplay-policy=no-user-gesture-required", f"--user-data-dir={path}.profile"),
    )
    command = [browser, *flags, f"file://{path}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as process:
        # A browser that says nothing would let the test wait for ever.
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        try:
            yield process.stderr
        finally:
            watchdog.cancel()
            process.kill()


def console_lines(browser, path, *awaited):
    """The lines of the console, up to the one with which each of some texts has come."""
    lines, missing = [], set(awaited)
    with opened(browser, path) as output:
        for line in output:
            if "CONSOLE" in line:
                lines.append(line)
                missing -= {text for text in missing if text in line}
            if not missing:
                return lines
    raise AssertionError(f"the browser closed before it wrote {missing}: {lines}")


# A browser without sound: what the page says after the key that plays.
REFUSED = """<script>
AudioContext = class { constructor() { throw new Error('no sound here'); } };
const body = document.body, event = new KeyboardEvent('keydown', { key: 'p', bubbles: true });
body.dispatchEvent(event);
setTimeout(() => console.log('it says: ' + document.querySelector('.clock').textContent), 100);
</script>"""


def test_no_page_has_an_error_in_its_console(browser, tmp_path):
    """Catches a script that fails and a figure that a browser cannot read, in any kind of page.

    A browser that cannot play is no error either; the page says so.
    """
    made = make_pages(tmp_path) | {"broken": "<script>brokenOnPurpose()</script>"}
    made["refused"] = made["evaluate"].replace("</body>", f"{REFUSED}</body>")
    for name, page in made.items():
        (tmp_path / f"{name}.html").write_text(page)
    frames = "".join(f'<iframe src="{name}.html"></iframe>' for name in made)
    # The frames are loaded before their page is.
    script = "<script>onload = () => setTimeout(() => console.log('all loaded'), 500)</script>"
    (tmp_path / "all.html").write_text(frames + script)
    said, broken, loaded = "it says: This browser cannot", "brokenOnPurpose", "all loaded"
    lines = console_lines(browser, tmp_path / "all.html", said, broken, loaded)
    # The sweep's runs are not there: their pictures cannot be loaded.
    expected = (said, broken, loaded, "spectrogram.png")
    errors = [line for line in lines if not any(text in line for text in expected)]
    assert not errors and sum(broken in line for line in lines) == 1


# Writes what is played into the console: the start of each sound, and the numbers that stand in
# the page after each key.
PROBE = """<script>
const played = [], states = [];
const bar = document.querySelector('.compare'), start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (when, offset) {
  played.push({ loop: this.loop, samples: this.buffer.length, offset,
                rate: this.buffer.sampleRate });
  start.call(this, when, offset);
};
const wait = milliseconds => new Promise(end => setTimeout(end, milliseconds));
async function press(key, wanted) {
  document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
  while (bar.dataset.playing !== wanted) await wait(10);
  const pressed = bar.querySelector('[aria-pressed=true]').textContent;
  states.push([bar.dataset.playing ?? null, pressed]);
}
onload = async () => {
  await press('p', '0');
  while (bar.querySelector('.position').value * seconds < 0.1) await wait(10);
  await press('x', '1');
  await choose();
  await press('x', last);
  await press('p', undefined);
  const chosen = bar.querySelector('.chosen')?.textContent;
  console.log('probe ' + JSON.stringify({ played, states, chosen }) + ' end');
};
"""


def probe(browser, path, page, *, seconds, last, choose="async () => {}"):
    """What a page plays while keys are pressed, as PROBE tells. seconds: of its first sound."""
    script = f"{PROBE}const seconds = {seconds}, last = '{last}', choose = {choose};</script>"
    path.write_text(page.replace("</body>", f"{script}</body>"))
    *errors, line = console_lines(browser, path, "probe {")
    assert not errors
    return json.loads(line.split("probe ", 1)[1].rsplit(" end", 1)[0])


def test_a_key_switches_at_the_same_position(browser, tmp_path):
    """From the input to the samples, one of which is chosen: its file and seed are said."""
    with figures_left_out():
        page = texture_page()
    choose = "async () => { await press('2', '1'); bar.querySelector('.keep').click(); }"
    told = probe(browser, tmp_path / "texture.html", page, seconds=4, last="2", choose=choose)
    assert [state[0] for state in told["states"]] == ["0", "1", "1", "2", None]
    assert told["states"][1][1] == "texture_0.wav" and told["states"][3][1] == "texture_1.wav"
    assert told["chosen"] == "Chosen: texture_0.wav, seed 3"
    # The second sound goes on where the first one was.
    first, second = told["played"][:2]
    assert first["offset"] == 0 and 0.1 <= second["offset"] < 4


def test_a_loop_is_played_round_without_a_gap(browser, tmp_path):
    """All its samples, at its own rate and no more: nothing stands between end and beginning."""
    with figures_left_out():
        page = loop_page(tmp_path)
    told = probe(browser, tmp_path / "loop.html", page, seconds=0.5, last="0")
    assert told["played"][1]["loop"] and told["played"][1]["samples"] == 3001
    assert told["played"][1]["rate"] == RATE
