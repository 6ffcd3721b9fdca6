"""Beside JupyterLab: in marimo the pictures run too, with a kernel behind them; a form is shown as a picture there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.harness import ROOT, Page, free_port, stop, wait_until_up

APP = """
import marimo

app = marimo.App()


@app.cell
def _():
    import funes_lab as fl
    from pydantic import BaseModel

    class Stored(fl.Event, name="Shelf::Stored"):
        boxes: int

    class Stock(BaseModel):
        boxes: int = 0

    class CurrentStock(fl.Projection[Stock]):
        @fl.interpretation_for(Stored)
        def stored(state, event):
            state.boxes += event.boxes

    class Shelf(fl.EventStream):
        consistency_projection = CurrentStock

    clock = fl.testing.Clock("2026-01-05 09:00")
    shelf = Shelf.for_("shelf", lab=fl.Lab(clock=clock))
    for number, boxes in enumerate((5, 3, 9)):
        clock.set(f"2026-01-0{number + 5} 09:00")
        shelf.append(Stored(boxes=boxes))
    return CurrentStock, shelf


@app.cell
def _(CurrentStock, shelf):
    shelf.scrub(CurrentStock)
    return


@app.cell
def _(shelf):
    shelf.timeline()
    return


@app.cell
def _(CurrentStock, shelf):
    shelf.bitemporal(CurrentStock)
    return


@app.cell
def _(shelf):
    shelf.form()
    return


@app.cell
def _(shelf):
    shelf
    return
"""


@pytest.fixture
def marimo(tmp_path: Path) -> Iterator[str]:
    """The address of the app, run by a server on this machine only."""
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")
    folders = {name: str(tmp_path / name.lower()) for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")}
    address, log = f"http://127.0.0.1:{(port := free_port())}", tmp_path / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "marimo", "run", "--headless", "--host=127.0.0.1", f"--port={port}", "app.py"],
            stdout=output, stderr=subprocess.STDOUT, cwd=tmp_path, start_new_session=True,
            env={**os.environ, **folders, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    try:
        wait_until_up(f"{address}/health", process, log)
        yield address
    finally:
        stop(process)


def test_the_pictures_run_in_marimo(page: Page, marimo: str) -> None:
    page.page.goto(marimo)
    scrubber = page.page.locator("section.fl.scrub")
    scrubber.get_by_role("slider").focus()
    page.page.keyboard.press("Home")
    scrubber.get_by_text("Version 1, Shelf::Stored 5 on 5 Jan 2026 09:00: boxes 0 → 5.").wait_for()
    # the kernel is asked for what would be without an event
    page.page.keyboard.press("s")
    scrubber.get_by_text("1 event skipped, what-if").wait_for()
    page.page.keyboard.press("End")
    scrubber.get_by_text("Without 1 boxes is 5 less than recorded.").wait_for()

    timeline = page.page.locator("section.fl-timeline")
    timeline.locator("circle").first.wait_for()
    timeline.locator(".track").focus()
    page.page.keyboard.press("End")
    timeline.locator(".say", has_text="version 3, Shelf::Stored").wait_for()
    page.page.locator(".bm-map").wait_for()
    page.page.get_by_role("img", name="Append Stored to shelf").wait_for()
    page.page.get_by_role("region", name="Stream shelf").wait_for()
    page.shot("marimo")
    assert (page.outside, page.complaints) == ([], [])
