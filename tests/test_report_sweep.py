"""The page of a sweep: complete, safe against its data, and opened by a browser if one exists."""

import html
import json
import re
import shutil
import subprocess

import pytest
from helpers import noise

from audio_texture import metrics, report


def make_rows(count):
    return [
        {
            "run": f"{i:05d}-abc",
            "seed": str(i % 50),
            "sharpness": f"{1 + i // 50}",
            "loss": 0.5 / (1 + i),
            "auditory": None if i == 3 else 1.0 + i % 7,
            "sound": "texture.wav",
        }
        for i in range(count)
    ]


def read_data(page):
    pattern = r'<script type="application/json" id="data">(.*?)</script>'
    return json.loads(re.search(pattern, page, re.DOTALL)[1])


def test_the_page_holds_every_run_and_no_sound():
    """Players load from the folders: a thousand runs are text alone."""
    page = report.render_sweep_page(make_rows(1000), swept=["seed", "sharpness"], planned=1200)
    assert len(page) < 400_000 and "1000 of 1200 runs" in page and "base64" not in page
    data = read_data(page)
    assert len(data["rows"]) == 1000 and data["measures"] == ["auditory", "loss"]
    assert data["columns"][:3] == ["run", "seed", "sharpness"]


def test_failures_and_odd_values_do_no_harm():
    """A message that looks like a tag, a loss that is not finite, and runs without sound."""
    good = {"run": "00000-x", "seed": "0", "loss": float("nan"), "sound": "texture.wav"}
    bad = {"run": "00001-x", "seed": "1", "error": "--input: '</script><!--<script>' is no sound"}
    page = report.render_sweep_page([good, bad], swept=["seed"], planned=2)
    assert page.count("</script>") == 2 and "1 failed" in page and "<!--" not in page
    rows = read_data(page)["rows"]
    assert rows[0]["loss"] is None and rows[1]["error"] == bad["error"]
    assert report.render_sweep_page([], swept=["seed"], planned=2)


def browse(page, folder, *, tasks=""):
    """The page as a browser shows it after its script has run. tasks: a further script."""
    browsers = ("chromium", "chromium-browser", "google-chrome")
    browser = next(filter(None, map(shutil.which, browsers)), None)
    if not browser:
        pytest.skip("there is no browser.")
    (folder / "sweep.html").write_text(page.replace("</body>", f"<script>{tasks}</script></body>"))
    flags = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=5000",
        f"--user-data-dir={folder}/profile",
    )
    done = subprocess.run(
        [browser, *flags, "--dump-dom", f"file://{folder}/sweep.html"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return html.unescape(done.stdout)


REFERENCES = {"a": {"title": "reference: a.wav", "sound": "a.flac", "picture": "a.png"}}


def render(measures, **options):
    """The page of two runs of two values of sharpness each, with these measures by name."""
    rows = [
        {
            "run": f"{i}",
            "seed": str(i % 2),
            "sharpness": str(2 + i // 2),
            **{name: values[i] for name, values in measures.items()},
            "sound": "texture.wav",
            "references": ["a"],
        }
        for i in range(4)
    ]
    options = {"references": REFERENCES, "same_loss": ["seed"], **options}
    return report.render_sweep_page(rows, swept=["seed", "sharpness"], planned=4, **options)


def test_what_judges_the_sound_stands_before_the_loss():
    """In the table and the choice of measures, each with its meaning and its better end."""
    values = [0.5, 1.0, 2.0, 4.0]
    names = ("loss", "loss style", "lowered_db", "spent_seconds", "level_db", "auditory")
    data = read_data(render(dict.fromkeys(("onsets_kept", *names), values)))
    assert data["measures"] == [
        *("auditory", "level_db", "onsets_kept"),
        *("loss", "loss style", "lowered_db", "spent_seconds"),
    ]
    assert data["columns"] == ["run", "seed", "sharpness", *data["measures"]]
    assert data["better"] == {
        "auditory": "lower",
        "level_db": "near 0",
        "onsets_kept": "higher",
        "loss": "lower",
        "loss style": "lower",
        "lowered_db": "near 0",
    }
    assert set(data["measures"]) <= data["meanings"].keys()
    assert data["losses"] == ["loss", "loss style"] and data["unlike"] == ["sharpness"]


SHOWN = """
const states = [];
const see = () => states.push([
  measure.value, document.getElementById('direction').textContent,
  document.getElementById('warning').textContent, document.getElementById('legend').textContent,
  [...document.querySelectorAll('rect')].map(rect => rect.getAttribute('fill')),
]);
for (const name of [measure.value, 'onsets_kept', 'level_db', 'loss']) {
  measure.value = name;
  drawChart();
  see();
}
const first = document.querySelector('#runs tbody button');
first.click();
const heard = [document.querySelector('audio').getAttribute('src')];
document.querySelectorAll('#choices button')[1].click();
heard.push(document.querySelector('audio').getAttribute('src'));
const texts = [...document.querySelectorAll('#choices button')].map(button => button.textContent);
const numbers = [0.123456, 1234.5678, -2.994e-7, 12, 9.999, 0.00012].map(format);
append('pre', document.body, JSON.stringify({ states, heard, texts, numbers }));
"""


def test_the_page_opens_on_likeness_and_bright_is_better(tmp_path):
    """Whichever end of a measure is better; losses of other settings are no common measure; the
    recording is played beside its run.
    """
    measures = {
        "auditory": [0.5, 1.0, 2.0, 4.0],
        "onsets_kept": [0.1, 0.2, 0.3, 0.9],
        "level_db": [-6.0, 3.0, 0.1, 1.0],
        "loss": [0.1, 0.2, 0.3, 0.4],
    }
    shown = browse(render(measures), tmp_path, tasks=SHOWN)
    seen = json.loads(re.findall(r"<pre>(.*?)</pre>", shown, re.DOTALL)[-1])
    dark, bright = "hsl(260 70% 25%)", "hsl(60 70% 70%)"
    expected = [
        ("auditory", "lower is better", 0, 3, "4 (worst)0.500 (best)"),
        ("onsets_kept", "higher is better", 3, 0, "0.100 (worst)0.900 (best)"),
        ("level_db", "near 0 is better", 2, 0, "-6 (worst)0.100 (best)"),
    ]
    for (name, direction, _, legend, fills), (*words, best, worst, ends) in zip(
        seen["states"][:3], expected, strict=True
    ):
        assert [name, direction.partition(": ")[2].partition(" (")[0]] == words
        assert (fills[best], fills[worst], legend) == (bright, dark, ends)
    assert [warning != "" for _, _, warning, _, _ in seen["states"]] == [False, False, False, True]
    _, _, warning, legend, _ = seen["states"][3]
    assert "differ in sharpness" in warning and "Use auditory" in warning
    assert "seed" not in warning and "best" not in legend
    assert seen["heard"] == ["0/texture.wav", "a.flac"]
    assert seen["texts"] == ["this run", "reference: a.wav"]
    assert seen["numbers"] == ["0.123", "1235", "0", "12", "10.0", "0.000120"]
    assert shown.count('class="reference"') == 1 and "distance as the ear hears it" in shown


def test_a_page_without_judged_runs_opens_on_the_loss(tmp_path):
    """And does not send its reader to a measure that is not there."""
    values = {"loss": [0.1, 0.2, 0.3, 0.4], "lowered_db": [0.0, 0.0, 1.0, 0.0]}
    data = read_data(render(values))
    assert data["measures"][0] == "loss"
    shown = browse(render(values), tmp_path)
    warning = re.search(r'<p id="warning">(.*?)</p>', shown)[1]
    assert "cannot be compared" in warning and "Use" not in warning


def make_pair(number, words="like the recording; new; no defects"):
    sounds = [noise(8000 * (1 + kind), seed=2 * number + kind) for kind in (0, 1)]
    title = f"a folder of recordings/{number} with a long $name$.wav"
    return report.GalleryPair((title, sounds[0], 8000), ("texture", sounds[1], 8000), words)


LONG_VERDICT = str(
    metrics.give_verdict(
        {name: 3.0 for name in metrics.MEASURES}
        | dict.fromkeys(("copied", "looped", "followed", "self_followed"), 0.5)
        | {"level_db": -3.0, "spectrum_db": 4.0, "silence": 0.5, "clicks": 4.0, "image_db": 4.0}
    )
)


@pytest.mark.parametrize("count", [1, 3, 6])
def test_a_gallery_has_its_pairs_and_its_text_fits(count):
    """All text lies inside the picture, and none covers a spectrogram or another text; each pair is
    on one scale.
    """
    figure = report.draw_gallery(
        [make_pair(i, LONG_VERDICT if i % 2 else "new") for i in range(count)]
    )
    assert len(figure.axes) == 2 * count and len(figure.texts) == count
    assert any("0 with a long $name$.wav" in axis.get_title() for axis in figure.axes)
    renderer = figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in figure.texts]
    boxes += [axis.get_tightbbox(renderer) for axis in figure.axes]
    whole = figure.bbox
    for i, box in enumerate(boxes):
        assert whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0, i
        assert box.y1 <= whole.y1 and not box.count_overlaps(boxes[:i]), i
    for left, right in zip(figure.axes[::2], figure.axes[1::2], strict=True):
        assert left.get_xlim() == right.get_xlim() and left.images[0].norm.vmax == (
            right.images[0].norm.vmax
        )
    for text in figure.texts[1::2]:
        assert " ".join(text.get_text().split()) == LONG_VERDICT
    assert report.encode_png(figure).startswith(b"\x89PNG")


@pytest.mark.long
def test_a_browser_opens_a_thousand_runs(tmp_path):
    """The script ends: every run in the table, pictures on demand, a heat map of the first pair."""
    page = report.render_sweep_page(make_rows(1000), swept=["seed", "sharpness"], planned=1000)
    shown = browse(page, tmp_path)
    body = re.search(r"<tbody>(.*?)</tbody>", shown, re.DOTALL)[1]
    assert body.count("<tr>") == 1000 and body.count("▶") == 1000 and "00999-abc" in body
    assert shown.count('loading="lazy"') == 1000 and shown.count("<rect") == 50 * 20 - 1


METHODS = """
const textsOf = id => [...document.querySelectorAll(`#${id} tbody tr`)].map(line =>
  [...line.children].slice(1).map(cell => cell.textContent));
const opened = textsOf('means');
document.querySelector('#means thead th:nth-child(2) button').click();
append('pre', document.body, JSON.stringify({
  opened, byName: textsOf('means'),
  heads: [...document.querySelectorAll('#means th')].map(head => head.textContent),
  thumbnails: document.querySelectorAll('#means img').length,
  command: document.querySelector('#runs code').textContent,
  labels: [...document.querySelectorAll('#chart text')].map(label => label.textContent),
}));
"""


def test_recipes_are_compared_by_their_means(tmp_path):
    """A row a recipe, the nearest first, with players; costs are medians, sizes and commands are
    there; a click on a head sorts. Each input's column is named, however long its name is.
    """
    values = {"near": (0.5, 0.7), "far": (2.0, 4.0)}
    rows = [
        {
            "run": f"{recipe}{i}",
            "input": f"{'abc'[i] * 40}.wav",
            "recipe": recipe,
            "likeness": values[recipe][0] if i else values[recipe][1],
            "spent_seconds": (60.0, 1.0, 2.0)[i],
            "sound": "texture.wav",
            "references": [],
            "command": f"python -m launch.texture --recipe={recipe}",
            **({"size": "filters 4 of 128"} if recipe == "far" else {}),
        }
        for recipe in ("far", "near")
        for i in range(3)
    ]
    page = report.render_sweep_page(rows, swept=["input", "recipe"], planned=6)
    found = re.findall(r"<pre>(.*?)</pre>", browse(page, tmp_path, tasks=METHODS), re.DOTALL)
    shown = json.loads(found[-1])
    assert shown["heads"][:5] == ["", "recipe", "likeness", "spent_seconds", "size"]
    assert [row[:4] for row in shown["opened"]] == [
        ["near", "0.567", "2", ""],
        ["far", "2.67", "2", "filters 4 of 128"],
    ]
    assert [row[0] for row in shown["byName"]] == ["far", "near"]
    assert {f"{letter * 40}.wav" for letter in "abc"} <= set(shown["labels"])
    assert shown["thumbnails"] == 6 and shown["command"].startswith("python -m launch.texture")
    alone = report.render_sweep_page(rows[:3], swept=["input"], planned=3)
    assert 'id="means"' not in alone
