"""The benchmarks of replay and audit run from end to end and leave their figures; how fast that is, is not tested."""

import json
import os
import re
import subprocess
import sys
from itertools import chain
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks._bars import Bar, Group, bars

ROOT = Path(__file__).parents[1]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A small run: what it printed, and the folder with what it left."""
    for rival in ("eventsourcing", "msgspec"):
        pytest.importorskip(rival, reason="make bench installs it")
    folder = tmp_path_factory.mktemp("bench")
    return small_run("replay", folder), folder / "build" / "bench"


def small_run(name, folder):
    """What a benchmark prints."""
    environment = {**os.environ, "FUNES_LAB_BENCH_EVENTS": "20000", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", name],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_figures_are_left_as_json(ran):
    left = json.loads((ran[1] / "replay.json").read_text("utf-8"))
    assert (left["events"], left["streams"]) == (20_000, 200)
    assert [row["name"].split(",")[0] for row in left["states"]] == [
        "funes_lab",
        "by hand",
        *["eventsourcing"] * 3,
        "DuckDB SQL",
    ]
    rows = [*left["states"], *left["steps"], *left["one_stream"], *left["growth"], *chain(*left["filters"])]
    assert all(row["events_per_second"] > 0 for row in rows)
    assert {"python", "duckdb", "pandas", "pydantic", "eventsourcing"} <= set(left["versions"])
    assert left["cores"] >= 1


@pytest.mark.slow
def test_every_wanted_figure_stands_beside_the_measured_one(ran):
    printed, folder = ran
    wanted = json.loads((folder / "replay.json").read_text("utf-8"))["wanted"]
    assert all(row["reached"] in (True, False, None) for row in wanted)
    assert all(row["what"] in printed for row in wanted)


@pytest.mark.slow
def test_the_tables_are_left_for_the_documentation(ran):
    printed, folder = ran
    part = (folder.parents[1] / "docs" / "parts" / "bench" / "replay.md").read_text("utf-8")
    measured, _, tables = part.partition("\n\n```text\n")
    assert re.match(
        r"Measured on 2\d{3}-\d\d-\d\d with Python 3.*, on \d+ cores; load .* \*\*Reduced\*\* to 20,000 ", measured
    )
    assert tables.removesuffix("\n```\n") in printed


@pytest.mark.slow
def test_no_path_of_the_machine_is_left(ran):
    left = "".join(path.read_text("utf-8") for path in ran[1].iterdir())
    assert str(ROOT) not in left
    assert str(Path.home()) not in left


@pytest.mark.slow
def test_the_picture_has_a_name_and_all_its_figures_in_words(ran):
    picture = ElementTree.parse(ran[1] / "replay.svg").getroot()
    assert picture.tag == f"{SVG}svg"
    assert picture.find(f"{SVG}title").text
    told = picture.find(f"{SVG}desc").text
    left = json.loads((ran[1] / "replay.json").read_text("utf-8"))
    for row in (*left["states"], *left["steps"]):
        assert f"{row['name']} {row['events_per_second']:,.0f}" in told


@pytest.mark.slow
def test_the_audit_is_measured_with_little_and_with_much_refused(tmp_path):
    printed = small_run("audit", tmp_path)
    assert "20,000 events in 200 streams" in printed
    shares = [float(share) for share in re.findall(r" ([\d.]+)% +[\d,]+ +[\d.]+ +[\d.]+$", printed, re.MULTILINE)]
    assert shares == [0, pytest.approx(1.1, abs=0.2), pytest.approx(8.9, abs=0.5), pytest.approx(8.9, abs=0.5)]
    assert "wanted: ≥ 0.5; reached: " in printed


def widths(picture: str) -> list[float]:
    return [float(rect.get("width")) for rect in ElementTree.fromstring(picture).iter(f"{SVG}rect")][1:]


def test_a_bar_twice_as_long_is_twice_as_fast():
    two = bars("Rates", [Group("All", [Bar("DuckDB", 1_000), Bar("DuckDB, twice", 2_000)])], [])
    short, long = widths(two)
    assert long == pytest.approx(2 * short, abs=0.2)


def test_what_has_no_bar_is_told_and_does_not_stretch_the_axis():
    plain = bars("Rates", [Group("All", [Bar("DuckDB", 1_000)])], [])
    more = bars("Rates", [Group("All", [Bar("DuckDB", 1_000), Bar("DuckDB", 900_000, drawn=False)])], [])
    assert widths(more) == widths(plain)
    assert "900,000" in more
    assert "beyond this axis" in more


def test_labels_are_escaped():
    assert ElementTree.fromstring(bars("<b>", [Group("&", [Bar("DuckDB <i>", 1, "<u>")])], ["a < b"])) is not None
