"""The page of a sweep: complete, safe against its data, and opened by a browser if one exists."""

import html
import json
import re
import shutil
import subprocess

import pytest

from audio_texture import report


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
    assert len(data["rows"]) == 1000 and data["measures"] == ["loss"]
    assert data["columns"][:3] == ["run", "seed", "sharpness"]


def test_failures_and_odd_values_do_no_harm():
    """A message that looks like a tag, a loss that is not finite, and runs without sound."""
    good = {"run": "00000-x", "seed": "0", "loss": float("nan"), "sound": "texture.wav"}
    bad = {"run": "00001-x", "seed": "1", "error": "--input: '</script><b>' is no sound"}
    page = report.render_sweep_page([good, bad], swept=["seed"], planned=2)
    assert page.count("</script>") == 2 and "1 failed" in page
    rows = read_data(page)["rows"]
    assert rows[0]["loss"] is None and rows[1]["error"] == bad["error"]
    assert report.render_sweep_page([], swept=["seed"], planned=2)


@pytest.mark.long
def test_a_browser_opens_a_thousand_runs(tmp_path):
    """The script ends: every run in the table, pictures on demand, a heat map of the first pair."""
    browsers = ("chromium", "chromium-browser", "google-chrome")
    browser = next(filter(None, map(shutil.which, browsers)), None)
    if not browser:
        pytest.skip("there is no browser.")
    page = report.render_sweep_page(make_rows(1000), swept=["seed", "sharpness"], planned=1000)
    (tmp_path / "sweep.html").write_text(page)
    flags = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=5000",
        f"--user-data-dir={tmp_path}/profile",
    )
    done = subprocess.run(
        [browser, *flags, "--dump-dom", f"file://{tmp_path}/sweep.html"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    body = html.unescape(re.search(r"<tbody>(.*?)</tbody>", done.stdout, re.DOTALL)[1])
    assert body.count("<tr>") == 1000 and body.count("▶") == 1000 and "00999-abc" in body
    assert done.stdout.count('loading="lazy"') == 1000 and done.stdout.count("<rect") == 50 * 20
