"""The repr of a lab as a reader meets it: in JupyterLab by keyboard and pointer, and as a page without a kernel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

import funes_lab as fl
from funes_lab.widgets.twin import LARGEST
from tests.browser.harness import DARK, LIGHT, LabPage, Page

BROWSER = "section.fl-lab"
SHOP = """
import funes_lab as fl
from decimal import Decimal
from datetime import UTC, datetime, timedelta
from pydantic import BaseModel, Field

bad = "<img src=x onerror=\\"(window.fired ||= []).push('payload')\\">"

class Issued(fl.Event, name="Debt::Issued"):
    amount: Decimal = Field(gt=0)

class PaymentReceived(fl.Event, name="Debt::PaymentReceived"):
    amount: Decimal = Field(gt=0)
    pin: str = "4711"
    filter_attributes = ("pin",)

class Reserved(fl.Event, name="Show::Reserved"):
    seats: int = Field(gt=0)

class Balance(BaseModel):
    outstanding: Decimal = Field(default=Decimal(0), ge=0)

class OutstandingBalance(fl.Projection[Balance]):
    @fl.interpretation_for(Issued)
    def issued(state, event):
        state.outstanding = event.amount

    @fl.interpretation_for(PaymentReceived)
    def paid(state, event):
        if event.amount > 9000:
            event.errors.add("amount", f"exceeds the outstanding balance {state.outstanding:,}")
            return
        state.outstanding -= event.amount

class Paid(BaseModel):
    paid: Decimal = Decimal(0)

class PaidSoFar(fl.Projection[Paid]):
    @fl.interpretation_for(PaymentReceived)
    def paid(state, event):
        state.paid += event.amount

class Seats(BaseModel):
    seats: int = Field(default=0, le=40)

class SeatsTaken(fl.Projection[Seats]):
    @fl.interpretation_for(Reserved)
    def reserved(state, event):
        state.seats += event.seats

class DebtStream(fl.EventStream):
    consistency_projection = OutstandingBalance

class ShowStream(fl.EventStream):
    consistency_projection = SeatsTaken

clock = fl.testing.Clock("2026-01-05T09:00", timedelta(hours=7))
lab = fl.Lab(clock=clock)
for n in range(14):
    debt = DebtStream.for_(f"debts-{100 + n}")
    debt.append(Issued(amount=600 + 10 * n))
    for k in range(n % 7):
        debt.append(PaymentReceived(amount=50 + 9 * k))
        if (n + k) % 5 == 3:
            debt.append(PaymentReceived(amount=1999))
        if (n + k) % 6 == 4:
            debt.append(PaymentReceived(amount=-3))
            debt.append(PaymentReceived(amount=9999))
for name in ("hamlet", "medea"):
    show = ShowStream.for_(f"shows-{name}")
    for seats in (4, 2, 9, 30, 3):
        late = show.read()
        show.append(Reserved(seats=seats))
        late.append(Reserved(seats=1))
fl.EventStream.for_(bad[:80]).append(Reserved(seats=1))
"""
ASK = """async code => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const asked = kernel.requestExecute({ code });
  let said = "";
  asked.onIOPub = ({ header, content }) => {
    said += { stream: content.text, error: content.evalue }[header.msg_type] ?? "";
  };
  await asked.done;
  return said.trim();
}"""
FOCUSED = "() => document.activeElement.className"


def notebook(path: Path, *sources: str) -> str:
    cells: list[Any] = [new_code_cell(source.strip()) for source in sources]
    # without one, JupyterLab asks which kernel to take
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path.name


def ask(lab: LabPage, code: str) -> str:
    """Run code in the kernel of the notebook, in no cell."""
    return str(lab.page.evaluate(ASK, code))


def told(page: Page, text: str) -> None:
    """Wait until the foot says it."""
    page.page.locator(f"{BROWSER} .say", has_text=text).first.wait_for()


def on_page(page: Page, told: str) -> None:
    """Wait until the foot says which streams are shown."""
    page.page.locator(f"{BROWSER} .fl-foot > span", has_text=told).first.wait_for()


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_a_lab_shows_its_streams_and_what_was_refused(lab: LabPage, theme: str) -> None:
    name = theme.split()[-1].lower()
    lab.open(notebook(lab.server.folder / f"browser-{name}.ipynb", SHOP, "lab"), theme=theme).run_all()
    shown, press = lab.page.locator(BROWSER), lab.page.keyboard.press
    on_page(lab, "1–10 of 17")
    assert "17 streams, 67 events, 33 refused" in shown.inner_text()
    assert "<img src=x" in shown.inner_text()
    assert "DebtStream" in shown.locator("tr.row").nth(1).inner_text()

    shown.locator("tr.row").first.focus()
    for _ in range(5):
        press("ArrowDown")
    told(lab, "debts-103: ")
    assert lab.page.evaluate(FOCUSED) == "row sel"
    assert shown.locator("tr[aria-selected='true']").count() == 1
    told(lab, "outstanding is ")
    lab.shot(f"browser-{name}", of=shown)
    press("End")
    told(lab, "shows-medea: 4 events")
    on_page(lab, "11–17 of 17")
    press("PageUp")
    on_page(lab, "1–10 of 17")
    press("ArrowUp")

    cells = lab.page.locator(".jp-Notebook .jp-Cell").count()
    press("b")  # in command mode it would insert a cell
    assert lab.page.locator(".jp-Notebook .jp-Cell").count() == cells
    press("/")
    lab.page.keyboard.type("SHOWS")
    on_page(lab, "1–2 of 2")
    press("Enter")
    press("ArrowDown")
    told(lab, "shows-hamlet: ")
    shown.get_by_role("tab", name="Refused").click()
    shown.get_by_text("was taken by another writer").or_(shown.get_by_text("version 2 was taken")).first.wait_for()
    lab.shot(f"browser-refused-{name}", of=shown)
    press("ArrowLeft")
    shown.get_by_text("seats 4").wait_for()
    lab.shot(f"browser-events-{name}", of=shown)
    shown.get_by_role("tab", name="Projections").click()
    shown.get_by_text("SeatsTaken").wait_for()
    shown.get_by_role("tab", name="Streams").click()
    shown.get_by_role("searchbox").fill("")
    shown.get_by_role("button", name="refused").click()
    lab.page.wait_for_function(f"() => document.querySelector('{BROWSER} tr.row').innerText.includes('shows-hamlet')")
    assert lab.page.evaluate("() => window.fired") is None
    assert (lab.outside, lab.complaints) == ([], [])
