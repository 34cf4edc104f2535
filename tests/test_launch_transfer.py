"""launch.transfer as a user runs it: files in a folder, one line for every mistake."""

import json
import re
import subprocess
from pathlib import Path

import many_runs
import numpy as np
import pytest
import soundfile
from helpers import crackle, launched, noise

from audio_texture import audio, metrics

# Small enough that a run is mostly start-up.
SMALL = ("--views=bins@32/16:1,2", "--auditory_weight=0", "--rhythm_weight=0", "--evaluations=30")


def run(
    *arguments: str, program: str = "transfer", figures: bool = False
) -> subprocess.CompletedProcess:
    return launched(program, *arguments, figures=figures)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A content of loud and quiet, stereo at 16 kHz, 1.2 s; a style, mono at 8 kHz, 1.5 s."""
    path = tmp_path_factory.mktemp("transfer")
    envelope = np.repeat([0.02, 1.0, 0.1, 1.0, 0.02, 0.1, 1.0, 0.02], 2400)
    soundfile.write(path / "content.flac", (envelope * noise(19200, 2, seed=4, level=0.1)).T, 16000)
    soundfile.write(path / "style.wav", crackle(12000).T, 8000)
    soundfile.write(path / "short.wav", crackle(300).T, 8000)
    (path / "own").mkdir()
    soundfile.write(path / "own" / "transfer.wav", crackle(300).T, 8000)
    return path


@pytest.fixture(scope="module")
def strip(folder) -> Path:
    done = run(
        f"--content={folder}/content.flac",
        f"--style={folder}/style.wav",
        "--style_weight=0.01,1,100",
        f"--output_dir={folder}/strip",
        *SMALL,
        figures=True,
    )
    assert done.returncode == 0, done.stderr
    assert "networks see 32 to 48 ms at once" in done.stderr
    # The last lines say what was made, for each weight.
    for i, line in enumerate(done.stderr.splitlines()[-3:]):
        assert re.match(rf"transfer_{i}.wav: keeps \w+ of the content's rhythm \(0", line), line
        assert re.search(r"the style \(distance [\d.]+; its own halves", line), line
    return folder / "strip"


def test_a_strip_from_content_to_style(strip):
    """Several weights: the content's rate, channels and length, ever less of the content, and more
    of the style than the content has.
    """
    assert {path.name for path in strip.iterdir()} == {
        "config.json",
        "metrics.jsonl",
        "quality.json",
        "report.html",
        "files.json",
        *(f"transfer_{i}.wav" for i in range(3)),
    }
    for i in range(3):
        wave, rate = audio.read(str(strip / f"transfer_{i}.wav"))
        assert (wave.shape, rate) == ((2, 19200), 16000)
    rows = json.loads((strip / "quality.json").read_text())
    assert [row["candidate"] for row in rows] == [
        "content",
        "transfer_0.wav",
        "transfer_1.wav",
        "transfer_2.wav",
        "style",
    ]
    assert [row["style_weight"] for row in rows] == [None, 0.01, 1.0, 100.0, None]
    kept, likeness = ([row[name] for row in rows] for name in ("loudness_kept", "patches"))
    assert kept[0] == pytest.approx(1) and kept[1] > 0.98 and kept[1] > kept[2] > kept[3]
    assert max(likeness[1:4]) < 0.1 * likeness[0] and likeness[4] == 0.5
    assert set(rows[1]) == {
        "candidate",
        "style_weight",
        *metrics.MEASURES,
        *metrics.JUDGES,
        "copied",
        "followed",
        "spectrum_db",
        "clicks",
        "clipping",
        *metrics.CONTENT_MEANINGS,
    }
    loss_rows = [json.loads(line) for line in (strip / "metrics.jsonl").read_text().splitlines()]
    assert {row["sample"] for row in loss_rows} == {0, 1, 2}
    assert set(loss_rows[0]["terms"]) == {"style", "content"}
    page = (strip / "report.html").read_text()
    assert page.count("<audio") == 5 and page.index("<h2>Verdict") < page.index("<audio")


def read_table(page: str) -> list[list[str]]:
    """The cells of a page's first table."""
    table = page[page.index("<table") : page.index("</table>")]
    lines = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
    return [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", line) for line in lines]


def test_the_table_has_the_goals_of_a_transfer(strip):
    """In order, by groups, for the results alone; what is no goal, and the originals, are in the
    collapsed table, where the style is not asked whether it is copied from itself.
    """
    goals, others = (strip / "report.html").read_text().split("<summary>All measures")
    rows = read_table(goals[goals.index("<h2>Measures") :])
    assert rows[0] == ["", "transfer_0.wav", "transfer_1.wav", "transfer_2.wav", "what is good"]
    first = [row[0] for row in rows[1:]]
    headings = [group.heading for group in metrics.TRANSFER_GOALS]
    assert headings == ["Kept of the content", "Taken from the style", "Defects"]
    assert [name for name in first if name in headings] == headings
    assert first[:4] == ["Kept of the content", "rhythm", "loudness", "Taken from the style"]
    assert all(len(row) == 1 for row in rows if row[0] in headings)
    numbers = {row[0]: row[1:-1] for row in rows[1:] if row[0] not in headings}
    assert all(re.fullmatch(r"[\d.e-]+", cell) for row in numbers.values() for cell in row)
    others = {row[0]: row[1:-1] for row in read_table(others)}
    assert others["auditory"][0] != "" == others["auditory"][-1]
    assert others["copied"][-1] == others["followed"][0] == others["clicks"][-1] == ""
    assert others["onsets_kept"][0] == "" != others["onsets_kept"][-1]
    assert "structure" in others and "structure" not in numbers


def test_config_makes_it_again(strip, folder):
    done = run(f"--config={strip}/config.json", f"--output_dir={folder}/again")
    assert done.returncode == 0, done.stderr
    assert all(
        (folder / f"again/transfer_{i}.wav").read_bytes()
        == (strip / f"transfer_{i}.wav").read_bytes()
        for i in range(3)
    )


@pytest.mark.slow
def test_without_flags_but_for_the_budget(tmp_path):
    """The default recipe on the embedded sounds: all of its terms, all files."""
    done = run("--evaluations=3", f"--output_dir={tmp_path}/out")
    assert done.returncode == 0, done.stderr
    assert audio.read(f"{tmp_path}/out/transfer.wav")[0].shape == (1, 110250)


def test_sounds_too_short_to_be_judged(folder):
    """Are transferred all the same, and the page says so."""
    done = run(
        f"--content={folder}/content.flac",
        "--content_seconds=0.4",
        f"--style={folder}/style.wav",
        "--evaluations=2",
        f"--output_dir={folder}/brief",
        *SMALL[:3],
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((folder / "brief/quality.json").read_text()) == []
    assert "not judged" in (folder / "brief/report.html").read_text()
    assert re.match("transfer.wav: not judged: .* lasts", done.stderr.splitlines()[-1])


@pytest.mark.slow
def test_interrupted_and_resumed(folder):
    """Ctrl-C in the second of two results writes both; --resume leaves the first alone and ends at
    the samples of a run that was left alone.
    """
    flags = (
        f"--content={folder}/content.flac",
        "--content_seconds=0.4",
        f"--style={folder}/style.wav",
        "--style_weight=1,10",
        *SMALL[:3],
        "--evaluations=100",
    )
    out = folder / "interrupted"
    # In the second chunk of the second.
    status, lines = many_runs.call("transfer", [*flags, f"--output_dir={out}"], at=7)
    assert status == 130 and any("interrupted" in line for line in lines), lines
    first, second = ((out / f"transfer_{i}.wav") for i in (0, 1))
    before = first.stat().st_mtime_ns
    assert audio.read(str(second))[0].shape == (2, 6400)
    other = run(*flags, "--style_weight=1,20", f"--output_dir={out}", "--resume")
    assert (
        other.returncode == 2
        and "--resume" in other.stderr
        and "style_weights was [1.0, 10.0] there and is [1.0, 20.0] here" in other.stderr
    )
    resumed, straight = (
        run(*flags, f"--output_dir={out}", "--resume"),
        run(*flags, f"--output_dir={folder}/straight"),
    )
    assert resumed.returncode == 0 and straight.returncode == 0, resumed.stderr + straight.stderr
    assert first.stat().st_mtime_ns == before and not list(out.glob("checkpoint*"))
    assert all(
        path.read_bytes() == (folder / "straight" / path.name).read_bytes()
        for path in (first, second)
    )


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--content=none.wav"], "--content: 'none.wav' does not exist"),
        (
            ["--style={folder}/short.wav"],
            "--style: '{folder}/short.wav' lasts 0.0375 s; with this recipe's views it must",
        ),
        (
            ["--overwrite", "--output_dir={folder}/own"],
            "--output_dir: '{folder}/own' holds 'transfer.wav', which no earlier run here lists",
        ),
        (["--style_weight=1,two"], "--style_weight: 'two' must be numbers separated by commas"),
        (
            ["--style_weight=0", "--content_weight=0"],
            "--style_weight must be at least 0 and not 0 with content_weight",
        ),
        (
            ["--style_layers=relu_9"],
            "--style_layers: 'relu_9' is not a layer of this network; there are conv_1, relu_1",
        ),
        (
            ["--recipe=paper-transfer-1d", "--content_layers=fc_1"],
            "there are conv_1, batchnorm_1, relu_1, pool_1, conv_2",
        ),
        (
            ["--weights_file={folder}/none.safetensors"],
            "--weights_file: '{folder}/none.safetensors' cannot be read as weights",
        ),
        (["--config={folder}/style.wav"], "--config: "),
        (
            ["--content={folder}/content.flac", "--content_seconds=0.3", "--views=mel8@32/16:20"],
            "--content: '{folder}/content.flac' lasts 0.3 s; with this recipe's views it must",
        ),
        (
            [
                "--content={folder}/content.flac",
                "--content_seconds=0.3",
                "--content_views=mel8@32/16:40",
            ],
            "--content_views: the content lasts 0.3 s; the longest kernel of 'mel8@32.0/16.0:40' "
            "spans 0.656 s",
        ),
    ],
)
def test_one_line_for_every_mistake(folder, tmp_path, flags, message):
    """Exit status 2, the flag, the value and the rule, and nothing written."""
    done = run(f"--output_dir={tmp_path}/out", *(flag.format(folder=folder) for flag in flags))
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: ") and message.format(folder=folder) in done.stderr
    assert not (tmp_path / "out").exists()


def test_recipes_of_transfers_and_of_textures(folder, tmp_path):
    """launch.texture refuses a recipe of transfers, as it has no content; launch.transfer takes the
    style distance of any texture's recipe.
    """
    done = run("--recipe=ulyanov-lebedev", f"--output_dir={tmp_path}/out", program="texture")
    said = (
        "--recipe: 'ulyanov-lebedev' is for launch.transfer; for this program there are texture, "
        "texture-fast"
    )
    assert done.returncode == 2 and said in done.stderr
    done = run(
        "--recipe=texture-fast",
        f"--content={folder}/content.flac",
        f"--style={folder}/style.wav",
        *SMALL,
        f"--output_dir={tmp_path}/fast",
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "fast/config.json").read_text())["style_weights"] == [1.0]
