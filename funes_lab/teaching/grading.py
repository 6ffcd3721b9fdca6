"""Grade: run the notebooks that were handed in, and see who has which exercise right."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import pandas as pd

from funes_lab import formats
from funes_lab.audience import bar
from funes_lab.teaching.checking import GRADES
from funes_lab.teaching.exercise import every


class Grades(pd.DataFrame):
    """A row a learner, a column an exercise: a DataFrame, and what went wrong while the notebooks ran.

    Attributes
    ----------
    problems : pandas.DataFrame
        A row for each notebook that could not be run to its end and for each cell that raised: `learner`, `notebook`,
        `cell` (Int64, from 1; missing where it is the notebook) and `problem` (str).
    """

    _metadata: ClassVar[list[str]] = ["problems"]

    problems: pd.DataFrame

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return pd.DataFrame


@dataclass
class _Ran:
    """What one notebook came to."""

    passed: dict[str, bool] = field(default_factory=dict)
    problems: list[tuple[int | None, str]] = field(default_factory=list)


def grade(folder: str | Path, *, timeout: float = 60, progress: bool = True) -> Grades:
    """Run the notebooks of a class and tell who has which exercise right.

    Every notebook runs from top to bottom in a kernel of its own, in an empty folder; a cell that raises does not stop
    it. It is the code of others that runs here, with all that your account may do: run it where that does no harm.
    The notebooks stay as they are.

    Parameters
    ----------
    folder : str or pathlib.Path
        One folder a learner (``class/ana/03_validation.ipynb``), or one notebook a learner (``class/ana.ipynb``).
    timeout : float
        Seconds that one cell may take.
    progress : bool
        Show how far it is.

    Returns
    -------
    Grades
        A DataFrame: index `learner` (str, in alphabetical order), a column for every exercise of each lesson that
        somebody tried (boolean): True if the answer was right, False if not, missing if there was none. If an exercise
        is checked more than once in a notebook the last time counts, and over several notebooks any that is right.
        `.problems` says which cells raised and which notebooks did not end.

    Raises
    ------
    ImportError
        Without Jupyter: ``pip install "funes-lab[lab]"``.
    ValueError
        If there is no such folder, or no notebook in it.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import nbformat
    >>> answer = nbformat.v4.new_code_cell('import funes_lab as fl; fl.teaching.check("01.3", 25.5)')
    >>> with TemporaryDirectory() as folder:
    ...     nbformat.write(nbformat.v4.new_notebook(cells=[answer]), Path(folder, "ana.ipynb"))
    ...     grades = grade(folder, progress=False)
    >>> grades["01.3"].to_dict()
    {'ana': True}
    """
    notebooks = _handed_in(folder)
    if not isinstance(timeout, int | float) or isinstance(timeout, bool) or timeout <= 0:
        raise ValueError(f"timeout must be the seconds that a cell may take, more than 0; got {timeout!r}")
    told: dict[str, dict[str, bool]] = {}
    problems: list[dict[str, Any]] = []
    with bar(len(notebooks), " notebooks", progress=progress) as tick:
        for learner, path in notebooks:
            ran = _run(path, timeout)
            known = told.setdefault(learner, {})
            for exercise, passed in ran.passed.items():
                known[exercise] = known.get(exercise, False) or passed
            problems += [
                {"learner": learner, "notebook": path.name, "cell": cell, "problem": problem}
                for cell, problem in ran.problems
            ]
            tick(1)
    return _graded(told, problems)


def _handed_in(folder: str | Path) -> list[tuple[str, Path]]:
    """Every notebook with the name of its learner."""
    root = Path(folder)
    if not root.is_dir():
        raise ValueError(f"folder must be one with notebooks in it; {str(folder)!r} is no folder")
    found = []
    for path in sorted(root.rglob("*.ipynb")):
        *folders, name = path.relative_to(root).parts
        if not any(part.startswith(".") for part in (*folders, name)):
            found.append((folders[0] if folders else path.stem, path))
    if not found:
        raise ValueError(f"folder must have notebooks in it, itself or a folder a learner; {str(folder)!r} has none")
    return sorted(found)


def _run(path: Path, timeout: float) -> _Ran:
    """Execute one notebook and read what was checked in it."""
    try:
        import nbformat
        from nbclient import NotebookClient
    except ImportError as error:
        raise ImportError('grade runs notebooks, and needs Jupyter: pip install "funes-lab[lab]"') from error
    ran = _Ran()
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:  # noqa: BLE001  (whatever is wrong with somebody's file is told, and the others go on)
        ran.problems.append((None, f"it cannot be read: {_short(error)}"))
        return ran
    with TemporaryDirectory() as own:
        grades = Path(own, "grades.jsonl")
        empty = Path(own, "empty")
        empty.mkdir()
        client = NotebookClient(
            notebook,
            timeout=timeout,
            kernel_name="python3",
            allow_errors=True,
            resources={"metadata": {"path": str(empty)}},
        )
        try:
            client.execute(env={**os.environ, GRADES: str(grades)})
        except Exception as error:  # noqa: BLE001  (a cell without end, a kernel that died)
            ran.problems.append((None, f"it did not run to its end: {_short(error)}"))
        ran.passed.update(_checked(grades))
    ran.problems += _raised(notebook)
    return ran


def _checked(path: Path) -> Iterator[tuple[str, bool]]:
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            found = json.loads(line)
            if found["passed"] is not None:
                yield found["exercise"], found["passed"]


def _raised(notebook: Any) -> Iterator[tuple[int, str]]:
    for number, cell in enumerate(notebook.cells, 1):
        for output in cell.get("outputs", ()):
            if output.output_type == "error":
                yield number, formats.shorten(f"{output.ename}: {output.evalue}", 200)


def _graded(told: dict[str, dict[str, bool]], problems: list[dict[str, Any]]) -> Grades:
    lessons = {exercise[:2] for known in told.values() for exercise in known}
    asked = [one.key for one in every() if one.lesson in lessons]
    learners = pd.Index(sorted(told), name="learner", dtype="str")
    grades = Grades(
        {key: pd.array([told[learner].get(key) for learner in learners], dtype="boolean") for key in asked},
        index=learners,
    )
    frame = pd.DataFrame(problems, columns=["learner", "notebook", "cell", "problem"])
    grades.problems = frame.astype({"learner": "str", "notebook": "str", "cell": "Int64", "problem": "str"})
    return grades


def _short(error: Exception) -> str:
    return formats.shorten(" ".join(f"{type(error).__name__}: {error}".split()), 300)
