"""The pages of docs/: every example in them runs, page by page, and prints what the page says that it prints.

``python -m tests.test_docs [PAGE ...]`` runs them and writes what they print into the pages.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import chdir, redirect_stdout
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import NamedTuple

import pytest

import funes_lab as fl
from benchmarks import __main__ as benchmarks
from funes_lab.store import opening
from funes_lab.teaching import checking

DOCS = Path(__file__).parents[1] / "docs"
#: Brought in when the pages are built; notebooks and data sets have tests of their own.
BROUGHT = {"course", "data", "parts"}
PAGES = sorted(path for path in DOCS.rglob("*.md") if path.relative_to(DOCS).parts[0] not in BROUGHT)
#: A block of Python or SQL, and the text block right after it if there is one: what it prints.
BLOCK = re.compile(
    r"^```(?P<kind>python|sql)\n(?P<source>.*?)^```\n(?:\n```text\n(?P<prints>.*?)^```\n)?", re.MULTILINE | re.DOTALL
)
PART = re.compile(r"^```\{include\} (?P<path>(?:\.\./)?parts/\S+)\n```\n", re.MULTILINE)


class Ran(NamedTuple):
    """A block, and what it printed."""

    block: re.Match[str]
    printed: str


def text_of(page: Path) -> str:
    """A page with the parts that it includes."""
    return PART.sub(lambda part: (page.parent / part["path"]).read_text("utf-8"), page.read_text("utf-8"))


def run(page: Path) -> Iterator[Ran]:
    """Run the blocks of a page, one after the other and in one module, as in a notebook."""
    text = text_of(page)
    module = ModuleType("model")
    sys.modules[module.__name__] = module
    try:
        for block in BLOCK.finditer(text):
            printed = io.StringIO()
            with redirect_stdout(printed):
                _execute(block, text.count("\n", 0, block.start("source")), page, module)
            yield Ran(block, printed.getvalue())
    finally:
        del sys.modules[module.__name__]


def _execute(block: re.Match[str], line: int, page: Path, module: ModuleType) -> None:
    if block["kind"] == "python":
        exec(compile("\n" * line + block["source"], page.name, "exec"), vars(module))
    elif block["source"].startswith("CREATE"):
        assert one_line(block["source"]) in one_line(opening.CREATE), "the log is not made by this"
    else:
        print(fl.current_lab().sql(block["source"]).to_string(index=False))


def one_line(sql: str) -> str:
    return re.sub(r"\s+", " ", sql.replace("IF NOT EXISTS ", "")).strip()


def write_outputs(pages: list[Path]) -> None:
    """Run pages and write what they print into their text blocks."""
    for page in pages:
        with TemporaryDirectory() as folder, chdir(folder), fl.testing.registry():
            printed = iter([ran.printed for ran in run(page) if ran.block["prints"] is not None])
        page.write_text(BLOCK.sub(partial(_with_output, printed), page.read_text("utf-8")), "utf-8")


def _with_output(printed: Iterator[str], block: re.Match[str]) -> str:
    if block["prints"] is None:
        return block[0]
    return f"```{block['kind']}\n{block['source']}```\n\n```text\n{next(printed)}```\n"


@pytest.fixture(autouse=True)
def _nothing_was_checked_yet(monkeypatch):
    """Hints and the bar of a lesson are those of the first answer."""
    monkeypatch.setattr(checking, "_right", {})
    monkeypatch.setattr(checking, "_wrong", Counter())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_the_examples_of_a_page_run_and_print_what_it_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wrong = [
        f"{ran.block['source']}\nsays\n{ran.block['prints']}\nprints\n{ran.printed}"
        for ran in run(page)
        if ran.printed != (ran.block["prints"] or "")
    ]
    assert not wrong, "\n".join([*wrong, f"If that is meant: python -m tests.test_docs {page.relative_to(DOCS)}"])


@pytest.mark.parametrize("page", sorted((DOCS / "howto").glob("*.md")), ids=lambda page: page.stem)
def test_a_how_to_page_asks_one_question_and_answers_it_with_an_example(page):
    if page.stem == "index":
        return
    text = page.read_text("utf-8")
    assert text.startswith("# ")
    assert len(re.findall(r"^# ", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)) == 1
    assert BLOCK.search(text)


def test_the_concepts_have_an_example_each():
    _, *sections = re.split(r"^## ", (DOCS / "concepts.md").read_text("utf-8"), flags=re.MULTILINE)
    assert sections
    assert not [section.splitlines()[0] for section in sections if not BLOCK.search(section)]


def test_every_benchmark_has_its_last_tables_in_the_pages():
    there = [name for name in benchmarks.names() if hasattr(import_module(f"benchmarks.{name}"), "main")]
    included = PART.findall((DOCS / "benchmarks.md").read_text("utf-8"))
    assert sorted(included) == [f"parts/bench/{name}.md" for name in there]
    for path in included:
        assert re.match(r"Measured on 2\d{3}-\d\d-\d\d with Python .*\n\n```text\n", (DOCS / path).read_text("utf-8"))


# --- docs/check.py, which `make docs` runs over the built pages ---------------------------------------------------


@pytest.fixture
def check(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    yield import_module("check")
    for name in ("check", "public"):
        sys.modules.pop(name, None)


def built(check, folder, **bodies):
    for name, body in bodies.items():
        (folder / f"{name}.html").write_text(f"<!doctype html><title>{name}</title>{body}", "utf-8")
    return check.pages(folder)


@pytest.mark.parametrize(
    "link",
    ['<a href="other.html">', '<a href="other.html#here">', '<a href="#there">', '<a href="https://example.org/x">',
     '<a href="mailto:a@example.org">', '<img src="data:image/png;base64,AA">', '<img src="other.html">'],
)  # fmt: skip
def test_a_link_that_leads_somewhere_is_let_through(check, tmp_path, link):
    found = built(check, tmp_path, page=f'<p id="there">{link}', other='<p id="here">')
    assert not [*check.broken_links(found)]
    assert not [*check.loaded_from_elsewhere(tmp_path, found)]


@pytest.mark.parametrize(
    "link",
    ['<a href="gone.html">', '<a href="other.html#there">', '<a href="#here">', '<img src="gone.png">',
     '<script src="gone.js"></script>'],
)  # fmt: skip
def test_a_link_that_leads_nowhere_is_told(check, tmp_path, link):
    found = built(check, tmp_path, page=link, other='<p id="here">')
    [told] = check.broken_links(found)
    assert "page.html" in told


@pytest.mark.parametrize(
    "loads",
    ['<script src="https://example.org/x.js"></script>', '<link rel="stylesheet" href="//example.org/x.css">',
     '<img src="https://example.org/x.png">', '<img srcset="https://example.org/x.png 2x">',
     '<iframe src="http://example.org"></iframe>', '<style>@import "https://example.org/x.css";</style>',
     '<p style="background:url(https://example.org/x.png)">', '<style>a{src:url("//example.org/x.woff2")}</style>',
     '<script type="module">import("https://example.org/x.js")</script>'],
)  # fmt: skip
def test_whatever_a_page_loads_from_elsewhere_is_told(check, tmp_path, loads):
    [told] = check.loaded_from_elsewhere(tmp_path, built(check, tmp_path, page=loads))
    assert "example.org" in told


def test_what_a_style_sheet_loads_from_elsewhere_is_told(check, tmp_path):
    (tmp_path / "x.css").write_text("@font-face { src: url(https://example.org/x.woff2) } p { background: url(x.png) }")
    [told] = check.loaded_from_elsewhere(tmp_path, {})
    assert told.endswith("x.css loads https://example.org/x.woff2")


def test_what_must_be_in_the_reference_is_every_public_name_with_its_methods(check):
    names = [*check.public_names()]
    assert {f"funes_lab.{name}" for name in fl.__all__} <= set(names)
    assert {"funes_lab.EventStream.replay", "funes_lab.Lab.sql", "funes_lab.testing.scenario"} <= set(names)
    assert {"funes_lab.testing.Clock.advance", "funes_lab.datasets.load", "funes_lab.teaching.grade"} <= set(names)
    assert "funes_lab.Lab.store" not in names


def test_no_member_is_called_inner_that_is_not_there(check):
    inner = import_module("public").INNER
    defined = {
        f"{cls.__name__}.{name}"
        for path in (DOCS.parent / "funes_lab").rglob("*.py")
        if path.stem != "__main__"
        for cls in vars(import_module(_module(path))).values()
        if isinstance(cls, type)
        for name in vars(cls)
    }
    assert inner <= defined


def _module(path):
    return ".".join(path.relative_to(DOCS.parent).with_suffix("").parts).removesuffix(".__init__")


if __name__ == "__main__":
    os.environ.setdefault("COLUMNS", "110")
    write_outputs([DOCS / name for name in sys.argv[1:]] or PAGES)
