"""The course: every lesson has the same shape, and solutions that pass its exercises."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from funes_lab.teaching.exercise import every
from tests.test_notebooks import NOTEBOOKS, ROOT, SOLUTIONS, code_cells, is_reproduced

LESSONS = [path for path in NOTEBOOKS if re.match(r"(?!00)\d\d_", path.name)]
SHAPE = [
    "The story", "A picture", "Do it", "Break it", "See why", "Exercises", "What to remember",
    "Where the Ruby gem Funes differs",
]  # fmt: skip
CHECK = re.compile(r'fl\.teaching\.check\("(\d\d\.\d)", (\w+)\)')


def source(notebook: Any) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells)


def checked(notebook: Any) -> dict[str, str]:
    """What became of each exercise in an executed notebook: the text of its check."""
    found = {}
    for cell in code_cells(notebook):
        for key in (match[1] for match in CHECK.finditer(cell.source)):
            (shown,) = [output.data["text/plain"] for output in cell.outputs if "data" in output]
            found[key] = shown
    return found


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_a_fresh_kernel_says_what_the_committed_solutions_say(path):
    is_reproduced(path)


def test_every_lesson_has_solutions_and_exercises():
    assert [path.name for path in SOLUTIONS] == [path.name for path in LESSONS]
    assert sorted({one.lesson for one in every()}) == [path.name[:2] for path in LESSONS]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_has_the_shape_of_all(path):
    headings = re.findall(r"^## (.+)$", source(nbformat.read(path, as_version=4)), re.MULTILINE)
    assert headings == SHAPE


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_asks_every_exercise_and_answers_none(path):
    notebook = nbformat.read(path, as_version=4)
    titles = dict(re.findall(r"^### (\d\d\.\d) (.+)$", source(notebook), re.MULTILINE))
    assert titles == {one.key: one.title for one in every(path.name[:2])}
    results = checked(notebook)
    assert [*results] == [*titles]
    assert all("yours to do" in result for result in results.values()), results


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_the_solutions_pass_every_exercise(path):
    results = checked(nbformat.read(path, as_version=4))
    assert [*results] == [one.key for one in every(path.name[:2])]
    assert all(result.startswith("✓") for result in results.values()), results


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_leads_to_the_next_one(path):
    later = LESSONS[LESSONS.index(path) + 1 :]
    if later:
        assert f"]({later[0].name})" in nbformat.read(path, as_version=4).cells[-1].source


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks" / "pictures").glob("*.svg")), ids=lambda path: path.stem)
def test_a_picture_of_a_lesson_stands_alone(path: Path):
    svg = path.read_text(encoding="utf-8")
    assert re.findall(r"https?://[^\"]+", svg) == ["http://www.w3.org/2000/svg"]
    assert "<script" not in svg
    assert "href" not in svg
