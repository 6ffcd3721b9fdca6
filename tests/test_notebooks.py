"""The notebooks and the README: they run in a fresh kernel, and say what their committed copies say.

``python -m tests.test_notebooks`` executes every notebook anew and writes its outputs back, or those that are named
(``python -m tests.test_notebooks 03_validation``: the lesson and its solutions).
"""

from __future__ import annotations

import base64
import difflib
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from funes_lab import widgets
from funes_lab.widgets.live import Live
from funes_lab.widgets.twin import LARGEST, VIEW

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
#: They run in tests/test_solutions.py, beside these.
SOLUTIONS = sorted((ROOT / "notebooks" / "solutions").glob("*.ipynb"))
#: All that a committed notebook says of itself; a kernel adds the version of Python that it ran on.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
#: A link in a notebook that leads to a file: whether it is a picture, its words, its target.
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^):]+)\)")


def executed(path: Path) -> Any:
    """A notebook with the outputs that a fresh kernel gives, far from the checkout and its files."""
    notebook = nbformat.read(path, as_version=4)
    with TemporaryDirectory() as folder:
        NotebookClient(
            notebook,
            kernel_name="python3",
            timeout=120,
            # on a busy machine the last output of a cell may come late, and would be missing
            iopub_timeout=60,
            # the times of a run are no part of a committed notebook
            record_timing=False,
            resources={"metadata": {"path": folder}},
        ).execute()
        assert not [*Path(folder).iterdir()], f"{path.name} leaves files behind"
    assert "widgets" not in notebook.metadata, f"{path.name} holds the state of widgets: its page would want a network"
    notebook.metadata = nbformat.from_dict(METADATA)
    return notebook


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cell: Any) -> list[str]:
    """What a reader sees of a cell's outputs, in lines short enough to be compared by eye."""
    lines: list[str] = []
    for output in cell.outputs:
        assert output.output_type != "error", f"{cell.id}: {output.evalue}"
        data = {"text/plain": output.text} if output.output_type == "stream" else output.data
        for kind, content in sorted(data.items()):
            lines += [f"{kind}:", *re.sub(r"(?<=>)(?=<)|(?<=})(?=\.)", "\n", content).split("\n")]
    return lines


def write_outputs(names: list[str]) -> None:
    """Execute the notebooks of these names, or every one, and write them back."""
    for path in [path for path in [*NOTEBOOKS, *SOLUTIONS] if not names or path.stem in names]:
        nbformat.write(executed(path), path)
        print(f"executed {path.relative_to(ROOT)}")


def is_reproduced(path: Path) -> None:
    """Fail if a fresh kernel says anything else than what is committed."""
    committed, fresh = nbformat.read(path, as_version=4), executed(path)
    wrong = []
    for old, new in zip(code_cells(committed), code_cells(fresh), strict=True):
        lines = difflib.unified_diff(shown(old), shown(new), "committed", "fresh", n=1, lineterm="")
        difference = "\n".join(lines)
        if difference:
            wrong.append(f"cell {old.id!r}:\n{difference}")
    assert not wrong, "\n".join([*wrong, "If that is meant: python -m tests.test_notebooks"])
    assert nbformat.writes(fresh) + "\n" == path.read_text(encoding="utf-8")


def name(path: Path) -> str:
    return path.relative_to(ROOT / "notebooks").with_suffix("").as_posix()


# --- the notebooks ----------------------------------------------------------------------------------------------


def test_the_tour_is_there():
    assert "00_tour.ipynb" in [path.name for path in NOTEBOOKS]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_fresh_kernel_says_what_the_committed_notebook_says(path):
    is_reproduced(path)


@pytest.mark.parametrize("path", [*NOTEBOOKS, *SOLUTIONS], ids=name)
def test_a_committed_notebook_is_executed_from_top_to_bottom_and_holds_nothing_else(path):
    notebook = nbformat.read(path, as_version=4)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == [*range(1, len(cells) + 1)]
    assert notebook.metadata == METADATA
    assert not [cell.id for cell in notebook.cells if cell.metadata]


@pytest.mark.parametrize("path", [*NOTEBOOKS, *SOLUTIONS], ids=name)
def test_a_committed_notebook_holds_pictures_and_no_view_that_needs_a_kernel(path):
    for cell in code_cells(nbformat.read(path, as_version=4)):
        for output in cell.outputs:
            data = output.get("data", {})
            assert VIEW not in data, cell.id
            assert len(data.get("text/html", "")) <= LARGEST, cell.id


@pytest.mark.parametrize("path", [*NOTEBOOKS, *SOLUTIONS], ids=name)
def test_a_link_of_a_notebook_leads_somewhere_and_a_picture_has_words(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            for picture, words, target in LINK.findall(cell.source):
                assert (path.parent / target).is_file(), f"{cell.id}: {target}"
                assert not picture or len(words) > 40, f"{cell.id}: say what the picture shows"


def test_the_gallery_shows_every_widget_once():
    for module in pkgutil.walk_packages(widgets.__path__, "funes_lab.widgets."):
        importlib.import_module(module.name)
    gallery = nbformat.read(ROOT / "notebooks" / "gallery.ipynb", as_version=4)
    pictures = [output.data["text/html"] for cell in code_cells(gallery) for output in cell.outputs if "data" in output]
    # a form is drawn by ipywidgets: its picture has no script
    found = {"AppendForm": sum('alt="Append ' in picture for picture in pictures)}
    for cls in Live.__subclasses__():
        script = base64.b64encode(str(cls._esm).encode()).decode()
        found[cls.__name__] = sum(script in picture for picture in pictures)
    assert set(found.values()) == {1}, found
    assert len(found) >= 4


# --- the README -------------------------------------------------------------------------------------------------

README = (ROOT / "README.md").read_text(encoding="utf-8")
#: A Python block, and the text block right after it if there is one: what it prints.
EXAMPLE = re.compile(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.DOTALL)


def test_the_readme_has_an_example():
    assert EXAMPLE.search(README)


@pytest.mark.parametrize(("source", "prints"), EXAMPLE.findall(README))
def test_an_example_of_the_readme_prints_what_the_readme_says(source, prints, tmp_path):
    (tmp_path / "example.py").write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "example.py"], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == prints


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", README))
def test_a_link_of_the_readme_leads_somewhere(target):
    assert (ROOT / target).exists()


if __name__ == "__main__":
    write_outputs(sys.argv[1:])
