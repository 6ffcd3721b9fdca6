"""Two notebooks, two live kernels, one file: each sees the other's events, and one of them loses a race."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.harness import SIZE, LabPage, Server, cut_off, notebook

DOMAIN = """
import time
import funes_lab as fl
from pydantic import BaseModel, Field

class Opened(fl.Event, name="Purse::Opened"):
    coins: int

class Taken(fl.Event, name="Purse::Taken"):
    coins: int
    by: str

class Purse(BaseModel):
    coins: int = Field(default=0, ge=0)

class Coins(fl.Projection[Purse]):
    @fl.interpretation_for(Opened)
    def opened(state, event):
        state.coins = event.coins

    @fl.interpretation_for(Taken)
    def taken(state, event):
        state.coins -= event.coins

class PurseStream(fl.EventStream):
    consistency_projection = Coins

lab = fl.Lab("purse.duckdb", shared=True)
purse = PurseStream.for_("purse-1")
"""
FIRST = [
    f"{DOMAIN}\npurse.append(Opened(coins=10))\nmine = purse.read()\npurse.timeline()",
    "late = mine.append(Taken(coins=10, by='the first notebook'))\nlate.errors",
    "again = purse.append(Taken(coins=1, by='the first notebook'))\nagain.errors",
    "purse.append(Taken(coins=0, by='the first notebook')).version",
    "purse.version",
]
SECOND = [
    f"{DOMAIN}\ntheirs = purse.read()\nlen(theirs.events)",
    "theirs.append(Taken(coins=10, by='the second notebook')).version",
    "lab.log.df()",
    "with lab.batch():\n    print('in the file', flush=True)\n    time.sleep(2.5)",
]


@pytest.fixture
def second(server: Server, browser: Any, lab: LabPage) -> Iterator[LabPage]:
    """Another page with JupyterLab in it; its kernel ends with that of the first."""
    context = browser.new_context(viewport=SIZE, reduced_motion="reduce")
    yield cut_off(LabPage(context.new_page(), server=server))
    context.close()


def begin(page: LabPage, number: int) -> None:
    """Run a cell, without waiting for its end."""
    page.page.evaluate(
        "number => { const cells = window.jupyterapp.shell.currentWidget.content;"
        "cells.activeCellIndex = number; cells.deselectAll(); }",
        number,
    )
    page.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-cell') }")


def run(page: LabPage, number: int) -> str:
    """Run a cell to its end; gives what it shows."""
    begin(page, number)
    page.page.wait_for_function(
        "number => { const cell = window.jupyterapp.shell.currentWidget.content.model.cells.get(number);"
        "return cell.executionCount !== null && "
        "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle' }",
        arg=number,
        timeout=30_000,
    )
    return shown(page, number)


def shown(page: LabPage, number: int) -> str:
    outputs = page.page.locator(".jp-Notebook .jp-Cell").nth(number).locator(".jp-OutputArea-output")
    return " ".join(" ".join(outputs.all_inner_texts()).split())


def test_two_notebooks_share_a_file_each_sees_the_other_and_one_loses_a_race(lab: LabPage, second: LabPage) -> None:
    lab.open(notebook(lab.server.folder, "first.ipynb", *FIRST))
    second.open(notebook(lab.server.folder, "second.ipynb", *SECOND))
    run(lab, 0)
    timeline = lab.page.locator("section.fl-timeline")
    timeline.wait_for()
    before = timeline.inner_html()
    assert "Purse::Taken" not in before

    assert run(second, 0).endswith("1")  # it sees the event of the first
    assert run(second, 1).endswith("2")  # and is faster
    # nobody runs a cell here: what is shown looks at the file now and then
    lab.page.wait_for_function(
        "() => document.querySelector('section.fl-timeline')?.textContent.includes('Taken')", timeout=10_000
    )
    lab.shot("shared-first-follows")

    denied = run(lab, 1)
    assert "version 2 was taken by Purse::Taken" in denied
    assert "the second notebook" in denied
    assert "would be −1, must be ≥ 0" in run(lab, 2)  # judged on what the other one left
    assert run(lab, 3).endswith("3")
    frame = run(second, 2)
    assert "the first notebook" in frame
    assert "the second notebook" in frame
    lab.shot("shared-denied")

    begin(second, 3)
    second.page.get_by_text("in the file").wait_for()
    waited = run(lab, 4)
    assert "purse.duckdb is held by the notebook second.ipynb (process" in waited
    assert "for a batch, since" in waited
    assert waited.endswith("3")
    lab.shot("shared-waited")
    assert (lab.outside, lab.complaints, second.outside, second.complaints) == ([], [], [], [])
    lock = lab.server.folder / "purse.duckdb.lock"
    assert lock.exists()
    for session in lab.server.api("sessions"):
        lab.server.api(f"sessions/{session['id']}", "DELETE")
    assert not lock.exists()
