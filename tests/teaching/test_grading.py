"""Grading: notebooks that were really run, learner by exercise."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pandas as pd
import pytest

import funes_lab as fl

ASK = "import funes_lab as fl\n"


def handed_in(path: Path, *cells: str) -> Path:
    """Write a notebook of code cells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = [nbformat.v4.new_code_cell(ASK + source, id=f"c{number}") for number, source in enumerate(cells)]
    nbformat.write(nbformat.v4.new_notebook(cells=made), path)
    return path


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A class of five: all right, wrong or not tried, code that breaks, a kernel that dies, no notebook at all."""
    folder = tmp_path_factory.mktemp("class")
    ana = handed_in(
        folder / "ana" / "01.ipynb",
        'fl.teaching.check("01.1", {"b"})\nfl.teaching.check("01.1", {"b", "d", "e"})',
        'result = fl.teaching.check("01.3", 25.5)',
    )
    handed_in(folder / "ana" / "more" / "again.ipynb", 'fl.teaching.check("01.3", 1)\nfl.teaching.check("01.4", 15.5)')
    handed_in(folder / "bruno" / "01.ipynb", 'fl.teaching.check("01.1", {"a"})', 'fl.teaching.check("01.3", ...)')
    handed_in(folder / "carla.ipynb", "1 / 0", 'fl.teaching.check("01.4", 15.5)')
    handed_in(folder / "dora.ipynb", 'fl.teaching.check("01.4", 15.5)', "import os\nos._exit(1)")
    (folder / "emil.ipynb").write_text("not a notebook")
    handed_in(folder / ".ipynb_checkpoints" / "old.ipynb", 'fl.teaching.check("01.1", {"a"})')
    before = ana.read_bytes()
    grades = fl.teaching.grade(folder, progress=False)
    assert ana.read_bytes() == before, "what was handed in stays as it is"
    return grades


def test_a_row_a_learner_and_a_column_an_exercise_of_the_lessons_that_were_tried(graded):
    assert list(graded.index) == ["ana", "bruno", "carla", "dora", "emil"]
    assert graded.index.name == "learner"
    assert list(graded.columns) == ["01.1", "01.2", "01.3", "01.4"]
    assert set(map(str, graded.dtypes)) == {"boolean"}


def test_right_is_true_wrong_is_false_and_what_was_not_tried_is_missing(graded):
    expected = pd.DataFrame(
        {
            "01.1": [True, False, None, None, None],
            "01.2": [None] * 5,
            "01.3": [True, None, None, None, None],
            "01.4": [True, None, True, True, None],
        },
        index=graded.index,
        dtype="boolean",
    )
    pd.testing.assert_frame_equal(pd.DataFrame(graded), expected)


def test_a_cell_that_raises_does_not_stop_the_notebook_and_is_named(graded):
    problems = graded.problems.set_index("learner")
    assert (problems.loc["carla", "cell"], problems.loc["carla", "notebook"]) == (1, "carla.ipynb")
    assert "ZeroDivisionError" in problems.loc["carla", "problem"]


def test_a_kernel_that_dies_and_a_file_that_is_no_notebook_are_told_and_the_others_go_on(graded):
    problems = graded.problems.set_index("learner")["problem"]
    assert "did not run to its end" in problems["dora"]
    assert "cannot be read" in problems["emil"]
    assert "ana" not in problems


def test_a_cell_without_end_is_stopped(tmp_path):
    handed_in(tmp_path / "slow.ipynb", 'fl.teaching.check("01.4", 15.5)', "import time\ntime.sleep(60)")
    grades = fl.teaching.grade(tmp_path, timeout=2, progress=False)
    assert bool(grades.loc["slow", "01.4"]) is True
    assert "did not run to its end: CellTimeoutError" in grades.problems["problem"].to_list()[0]


def test_a_notebook_runs_in_an_empty_folder_of_its_own(tmp_path):
    cell = "from pathlib import Path\nassert not [*Path().iterdir()]\nPath('left.txt').write_text('x')"
    handed_in(tmp_path / "ana.ipynb", cell)
    handed_in(tmp_path / "bruno.ipynb", cell)
    assert fl.teaching.grade(tmp_path, progress=False).problems.empty
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ana.ipynb", "bruno.ipynb"]


def test_a_folder_that_is_none_or_has_no_notebook_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"'nowhere' is no folder"):
        fl.teaching.grade("nowhere")
    with pytest.raises(ValueError, match="has none"):
        fl.teaching.grade(tmp_path)


@pytest.mark.parametrize("timeout", [0, -1, True, "60", None])
def test_a_timeout_that_is_none_is_refused(tmp_path, timeout):
    handed_in(tmp_path / "ana.ipynb", "1")
    with pytest.raises(ValueError, match="timeout must be the seconds"):
        fl.teaching.grade(tmp_path, timeout=timeout)
