"""An audit, why not and the boundary as a reader meets them in JupyterLab: in both themes, wide and narrow."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.browser.harness import DARK, LIGHT, LabPage, notebook

SETUP = """
import time
import funes_lab as fl
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pydantic import BaseModel, Field

bad = "<img src=x onerror=\\"(window.fired ||= []).push('payload')\\">"

class Poured(fl.Event, name=f"Cellar::Poured {bad}"):
    litres: Decimal
    note: str = ""
    at: datetime

class Barrel(BaseModel):
    litres: Decimal = Field(default=Decimal(0), ge=0, le=10)

class Level(fl.Projection[Barrel]):
    @fl.interpretation_for(Poured)
    def poured(state, event):
        state.litres += event.litres
        if event.litres == 7:
            event.errors.add("litres", "must not be seven")

class BarrelStream(fl.EventStream):
    consistency_projection = Level
    actual_time_attribute = "at"

class OpenStream(fl.EventStream):
    actual_time_attribute = "at"

lab = fl.Lab(clock=fl.testing.Clock("2026-06-01"))
start = datetime(2026, 1, 1, tzinfo=UTC)

def pour(litres, day):
    return Poured(litres=litres, note=bad, at=start + timedelta(days=day))

for number in range(40):
    stream = OpenStream.for_(f"open-{number % 3} {bad}", lab=lab)
    stream.append_or_raise(pour((1, 6, 7, 2, 3)[number * number % 5], number))
barrel = BarrelStream.for_(f"barrel {bad}", lab=lab)
for day, litres in enumerate((3, 3, 3)):
    barrel.append_or_raise(pour(litres, day))
refused = barrel.append(pour(6, 9)).rejection
"""
SHOWN = ("lab.audit(Level)", "refused.why()", "refused.boundary()")
SLOW = """
rows = [
    {"event": Poured.event_name, "idx": f"s{k // 50:05}", "version": k % 50 + 1,
     "payload": {"litres": "0.01", "at": start.isoformat()}, "created_at": start, "occurred_at": start}
    for k in range(140_000)
]
large = fl.Lab()
large.load(rows)

class Slow(fl.Projection[Barrel]):
    @fl.interpretation_for(Poured)
    def poured(state, event):
        until = time.perf_counter() + 20e-6
        while time.perf_counter() < until:
            pass
"""
PICTURES = ".jp-OutputArea-output section.fl-repr"
#: The outputs of the last cell, as a file would have them.
LEFT = """() => {
  const cells = [...window.jupyterapp.shell.currentWidget.content.model.cells];
  return cells.at(-1).outputs.toJSON();
}"""
#: Notes what the last cell says while it runs.
WATCH = """() => {
  const cell = [...document.querySelectorAll(".jp-CodeCell")].at(-1);
  window.said = [];
  new MutationObserver(() => window.said.push(cell.innerText)).observe(cell, { subtree: true, childList: true });
}"""


@pytest.fixture(scope="module")
def told(server: Any) -> str:
    return notebook(server.folder, "explored.ipynb", SETUP, *SHOWN)


@pytest.mark.browser
@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_the_answers_are_there_for_the_eye_and_for_a_screen_reader_in_both_themes(lab: LabPage, told: str, theme: str):
    lab.open(told, theme=theme).run_all()
    pictures = lab.page.locator(PICTURES)
    assert pictures.first.get_attribute("aria-label") == "Audit of Level"
    assert pictures.count() == 3
    for one in pictures.all():
        assert one.locator("svg[role=img]:visible").count() > 0
    assert "would have refused" in pictures.nth(0).inner_text()
    assert "would be accepted without #2" in pictures.nth(1).inner_text()
    assert "Litres at most 1.00 (tried: 6)." in pictures.nth(2).inner_text()
    assert lab.findings() == []
    assert lab.outside == []
    assert lab.page.evaluate("() => window.fired") is None
    for number, name in enumerate(("audit", "why", "boundary")):
        lab.shot(f"{name}-{'dark' if theme == DARK else 'light'}", of=pictures.nth(number))


@pytest.mark.browser
@pytest.mark.parametrize("width", [1200, 560])
def test_bars_and_number_lines_are_seen_without_scrolling_wide_and_narrow(lab: LabPage, told: str, width: int):
    lab.page.set_viewport_size({"width": width, "height": 900})
    lab.open(told).run_all()
    for number in (0, 2):
        picture = lab.page.locator(PICTURES).nth(number)
        frame = picture.bounding_box()
        for drawn in picture.locator("svg[role=img]").all():
            box = drawn.bounding_box()
            assert box["width"] > 100
            assert frame["x"] <= box["x"]
            assert box["x"] + box["width"] <= frame["x"] + frame["width"] + 1
    lab.shot(f"explored-{width}")


@pytest.mark.browser
def test_the_bar_of_a_long_audit_leaves_nothing_behind_that_changes_from_run_to_run(lab: LabPage):
    name = notebook(lab.server.folder, "long_audit.ipynb", SETUP, SLOW, "large.audit(Slow)")
    lab.open(name)
    left = []
    for _ in range(2):
        lab.page.evaluate(WATCH)
        lab.run_all(within=120)
        assert any(re.search(r"\d+%.*events/s", said) for said in lab.page.evaluate("() => window.said"))
        outputs = lab.page.evaluate(LEFT)
        left.append([output.get("data") for output in outputs])
    assert "would have refused none of 140,000 events" in left[0][-1]["text/html"]
    assert left[0] == left[1]
    assert left[0][:-1] == [{"text/plain": ""}]
