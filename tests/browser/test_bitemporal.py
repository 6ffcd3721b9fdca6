"""The bitemporal map as a reader meets it: keyboard and pointer, both themes, exported, and with hostile payloads."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import pytest

from tests.browser.harness import DARK, LIGHT, LabPage, Page, notebook
from tests.browser.test_tour import CONTROL

STORY = """
import funes_lab as fl
from datetime import datetime
from decimal import Decimal
from pydantic import BaseModel

class Issued(fl.Event, name="Debt::Issued"):
    amount: Decimal

class PaymentReceived(fl.Event, name="Debt::PaymentReceived"):
    principal_amount: Decimal

class Balance(BaseModel):
    outstanding_balance: Decimal = Decimal(0)
    last_payment_at: datetime | None = None
    is_open: bool = True

class VirtualOutstandingBalance(fl.Projection[Balance]):
    @fl.interpretation_for(Issued)
    def issued(state, event):
        state.outstanding_balance = event.amount
    @fl.interpretation_for(PaymentReceived)
    def paid(state, event, at):
        state.outstanding_balance -= event.principal_amount
        state.last_payment_at = at
        state.is_open = state.outstanding_balance > 450

clock = fl.testing.Clock("2026-01-05T00:00:00Z")
lab = fl.Lab(clock=clock)
debt = fl.EventStream.for_("debts-207")

def record(on, at, event):
    clock.set(f"2026-{on}")
    assert debt.append(event, at=f"2026-{at}").persisted

record("01-05", "01-05", Issued(amount="600.00"))
for on, at, amount in [
    ("02-02", "02-02", "50.00"), ("02-23", "02-23", "20.00"), ("03-02", "03-02", "10.00"), ("03-09", "02-16", "50.00"),
    ("03-30", "03-30", "20.00"), ("04-06", "04-06", "50.00"), ("04-20", "04-01", "50.00"), ("05-04", "05-04", "50.00"),
]:
    record(on, at, PaymentReceived(principal_amount=amount))
"""
SHOW = "shown = debt.bitemporal(VirtualOutstandingBalance)\nshown"
ASK = "print(*(moment.date() for moment in shown.selection), shown.field, shown.fault)"
MORE = 'record("06-01", "05-20", PaymentReceived(principal_amount="1.00"))'

MAP = ".jp-OutputArea-output section.fl"


def said(page: Page) -> str:
    return " ".join(page.page.locator(".bm-say").inner_text().split())


def run(lab: LabPage, cell: int) -> str:
    """Run one cell of the open notebook and give what it prints."""
    lab.page.evaluate("n => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = n }", cell)
    lab.command("notebook:run-cell")
    return str(
        lab.page.evaluate(
            "n => [...window.jupyterapp.shell.currentWidget.content.model.cells][n].outputs.toJSON()"
            ".map(one => [one.text].flat().join('')).join('')",
            cell,
        )
    ).strip()


def asked(lab: LabPage, expected: str) -> bool:
    """Whether Python knows the selection; a page sends one change after the other, when the kernel took the last."""
    return any(run(lab, 2) == expected for _ in range(10))


@pytest.fixture
def opened(lab: LabPage, request: pytest.FixtureRequest) -> LabPage:
    theme = getattr(request, "param", LIGHT)
    name = notebook(lab.server.folder, f"map-{theme.split()[-1].lower()}.ipynb", STORY, SHOW, ASK, MORE)
    lab.open(name, theme=theme)
    for cell in range(2):
        run(lab, cell)
    lab.page.wait_for_selector(MAP)
    return lab


@pytest.mark.parametrize("opened", [LIGHT, DARK], indirect=True)
def test_a_cell_is_picked_by_keyboard_and_by_pointer_and_arrives_in_python(opened: LabPage) -> None:
    page, region = opened.page, opened.page.locator(".bm-map")
    assert said(opened) == (
        "On 6 April we believed that on 1 April the outstanding balance was 450.00. "
        "Today we know that it was 400.00: PaymentReceived of 1 April was recorded only on 20 April."
    )
    theme = page.evaluate("() => document.body.dataset.jpThemeName").split()[-1].lower()
    opened.shot(f"bitemporal-{theme}", of=page.locator(MAP))
    region.focus()
    for key in ("Home", "ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    assert said(opened).startswith("On 9 March we believed that on 16 February the outstanding balance was 500.00.")
    page.keyboard.press("ArrowDown")
    assert "Today we know that it was 500.00: PaymentReceived of 16 February" in said(opened)
    page.keyboard.press("d")
    page.keyboard.press("d")
    assert said(opened).startswith("On 23 February we believed that on 16 February")
    assert page.locator(".jp-Cell").count() == 4  # in command mode, d d would have deleted the cell
    assert asked(opened, "2026-02-16 2026-02-23 outstanding_balance")
    region.locator("svg").click(position={"x": 90, "y": 30})
    assert said(opened).startswith("On 4 May we believed that on 5 January the outstanding balance was 600.00.")
    assert asked(opened, "2026-01-05 2026-05-04 outstanding_balance")
    assert opened.findings() == []
    assert (opened.outside, opened.complaints) == ([], [])


def test_another_field_is_chosen_the_map_follows_the_log_and_a_step_is_quick(opened: LabPage) -> None:
    page = opened.page
    page.get_by_label("Field").select_option("is_open")
    assert "“is open” was" in said(opened)
    assert "B false" in page.locator(".bm-legend").inner_text()
    assert asked(opened, "2026-04-01 2026-04-06 is_open")
    run(opened, 3)
    page.get_by_text("1 Jun", exact=True).first.wait_for()
    page.locator(".bm-map").focus()
    took = page.evaluate(
        """async () => {
          const map = document.querySelector('.bm-map'), took = [];
          for (let n = 0; n < 50; n++) {
            const key = n % 2 ? 'ArrowLeft' : 'ArrowRight', start = performance.now();
            map.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
            map.getBoundingClientRect();
            took.push(performance.now() - start);
            await new Promise(requestAnimationFrame);
          }
          return took;
        }"""
    )
    print(f"a step of the map, median of 50: {statistics.median(took):.1f} ms")
    assert len(took) == 50
    assert (opened.outside, opened.complaints) == ([], [])


@pytest.mark.parametrize("width", [400, 1200])
def test_the_exported_map_still_steps_without_a_kernel(page: Page, gallery: Path, width: int) -> None:
    page.page.set_viewport_size({"width": width, "height": 900})
    page.page.goto(gallery.as_uri())
    region: Any = page.page.locator(".bm-map")
    region.wait_for()
    page.page.get_by_label("Field", exact=True).select_option("last_payment_at")
    region.focus()
    page.page.keyboard.press("End")
    page.page.keyboard.press("PageUp")
    assert said(page).startswith("On 1 September we believed that on 1 September the last payment at was 2026-09-01")
    page.page.keyboard.press("ArrowLeft")
    assert said(page).startswith("On 1 September we believed that on 3 August")
    section = page.page.locator("section.fl", has=region)
    page.shot(f"bitemporal-{width}", of=section)
    assert section.evaluate("one => one.scrollWidth <= one.clientWidth + 1")
    assert page.wanted == []


HOSTILE = """
bad = "<img src=x onerror=\\"(window.fired ||= []).push('payload')\\">"

class Said(fl.Event, name=f"Said{bad}"):
    text: str

class Heard(BaseModel):
    text: str = ""

class Hearing(fl.Projection[Heard]):
    @fl.interpretation_for(Said)
    def heard(state, event):
        state.text = event.text

talk = fl.EventStream.for_(bad)
for day, text in [(3, bad), (5, bad * 2), (1, bad * 3)]:
    talk.append(Said(text=text), at=f"2026-06-0{day}")
talk.bitemporal(Hearing)
"""


def test_what_a_payload_a_name_or_an_idx_holds_is_text_in_the_map(lab: LabPage) -> None:
    lab.open(notebook(lab.server.folder, "hostile-map.ipynb", STORY, HOSTILE, CONTROL)).run_all()
    section = lab.page.locator(MAP)
    section.wait_for()
    assert "<img src=x" in section.inner_text()
    assert section.locator("img").count() == 0
    lab.page.wait_for_function("() => window.fired?.includes('control')")
    assert lab.page.evaluate("() => window.fired") == ["control"]
