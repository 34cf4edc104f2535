"""The page of many runs: complete, harmless to its data, and opened by a browser where there is one."""

import html
import json
import re
import shutil
import subprocess

import pytest

from audio_texture import report


def rows(count):
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


def data_of(page):
    return json.loads(
        re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1]
    )


def test_the_page_holds_every_run_and_no_sound():
    """Players load from the folders: a thousand runs are text alone."""
    page = report.render_sweep_page(rows(1000), swept=["seed", "sharpness"], planned=1200)
    assert len(page) < 400_000 and "1000 of 1200 runs" in page and "base64" not in page
    data = data_of(page)
    assert (
        len(data["rows"]) == 1000
        and data["measures"] == ["loss"]
        and data["columns"][:3] == ["run", "seed", "sharpness"]
    )


def test_failures_and_strange_values():
    """A message that looks like a tag, a loss that is not finite, and runs without sound do no harm."""
    bad = {"run": "00001-x", "seed": "1", "error": "--input: '</script><b>' is no sound"}
    page = report.render_sweep_page(
        [{"run": "00000-x", "seed": "0", "loss": float("nan"), "sound": "texture.wav"}, bad],
        swept=["seed"],
        planned=2,
    )
    assert page.count("</script>") == 2 and "1 failed" in page
    assert (
        data_of(page)["rows"][0]["loss"] is None
        and data_of(page)["rows"][1]["error"] == bad["error"]
    )
    assert report.render_sweep_page([], swept=["seed"], planned=2)


@pytest.mark.long
def test_a_browser_opens_a_thousand_runs(tmp_path):
    """The script runs to its end: every run in the table, pictures on demand, a heat map of the first pair."""
    browser = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if not browser:
        pytest.skip("no browser is there.")
    (tmp_path / "sweep.html").write_text(
        report.render_sweep_page(rows(1000), swept=["seed", "sharpness"], planned=1000)
    )
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=5000",
        f"--user-data-dir={tmp_path}/profile",
    ]
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
