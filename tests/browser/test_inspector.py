"""The inspector as a reader meets it: a refusal seen and corrected, filtered, by keyboard, at 10,000, and exported."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.browser.harness import DARK, LIGHT, ROOT, LabPage, Page, notebook
from tests.browser.test_form import asked

INSPECTOR = "section.fl.inspect"
DEBT = """
import funes_lab as fl
from decimal import Decimal
from datetime import UTC, datetime, timedelta
from pydantic import BaseModel, Field

bad = "<img src=x onerror=\\"(window.fired ||= []).push('payload')\\">"

class Issued(fl.Event, name="Debt::Issued"):
    amount: Decimal = Field(gt=0)
    at: datetime

class PaymentReceived(fl.Event, name="Debt::PaymentReceived"):
    principal_amount: Decimal
    interest_amount: Decimal = Decimal("0.00")
    note: str = ""
    pin: str = ""
    at: datetime
    filter_attributes = ("pin",)

class FeeCharged(fl.Event, name="Debt::FeeCharged"):
    amount: Decimal
    at: datetime

class OutstandingBalance(BaseModel):
    outstanding_balance: Decimal = Field(default=Decimal(0), ge=0)
    last_payment_at: datetime | None = None
    fees_charged: Decimal = Decimal("0.00")

class VirtualOutstandingBalance(fl.Projection[OutstandingBalance]):
    @fl.interpretation_for(Issued)
    def issued(state, event):
        state.outstanding_balance = event.amount

    @fl.interpretation_for(PaymentReceived)
    def paid(state, event, at):
        if event.note == "late":
            event.errors.add("note", f"is late by {state.fees_charged} {bad}")
        state.outstanding_balance -= event.principal_amount
        state.last_payment_at = at

    @fl.interpretation_for(FeeCharged)
    def charged(state, event):
        state.outstanding_balance += event.amount
        state.fees_charged += event.amount

class DebtEventStream(fl.EventStream):
    consistency_projection = VirtualOutstandingBalance
    actual_time_attribute = "at"

clock = fl.testing.Clock("2026-01-05T09:00", timedelta(milliseconds=38))
lab = fl.Lab(clock=clock)
debt, other = DebtEventStream.for_("debts-123"), DebtEventStream.for_("debts-088")

def on(day, make, amount, stream=debt, **rest):
    when = datetime(2026, 1, 5, 9, tzinfo=UTC) + timedelta(days=day)
    clock.set(max(clock.now, when))
    name = "principal_amount" if make is PaymentReceived else "amount"
    return stream.append(make(**{name: amount}, at=when, **rest))

on(0, Issued, "600.00"); on(1, Issued, "410.00", other)
on(28, PaymentReceived, "50.00"); on(36, PaymentReceived, "50.00", interest_amount="ten")
on(56, PaymentReceived, "50.00", note=bad); on(64, PaymentReceived, "700.00")
on(74, FeeCharged, "15.00")
late = debt.read()
on(119, PaymentReceived, "50.00"); on(120, PaymentReceived, "60.00", late, note=bad)
on(147, PaymentReceived, "50.00"); on(200, PaymentReceived, "420.00", other)
on(225, PaymentReceived, "115.00"); on(227, PaymentReceived, "10.00", note="late")
on(239, PaymentReceived, "50.00"); on(269, PaymentReceived, "50.00"); on(270, FeeCharged, "20.00")
on(100, PaymentReceived, "480.00", note="backdated")
on(278, PaymentReceived, "999999.00", pin="4711")
"""
SHOW = "inspector = lab.rejections.inspect()\ninspector"


def inspector(page: Page) -> Any:
    shown = page.page.locator(f"{INSPECTOR}:visible").first
    shown.locator("tr.sel").wait_for()
    return shown


def says(page: Page, words: str) -> None:
    """Wait until the note says it."""
    page.page.locator(f"{INSPECTOR} .fl-note", has_text=words).first.wait_for()


def hears(lab: LabPage, expression: str, answer: str) -> None:
    """Wait until the kernel says so: what was pressed is under way for a moment."""
    for _ in range(100):
        if asked(lab, expression) == answer:
            return
        lab.page.wait_for_timeout(50)
    assert asked(lab, expression) == answer


def test_a_refusal_is_seen_and_corrected(lab: LabPage) -> None:
    lab.open(notebook(lab.server.folder, "inspector.ipynb", DEBT, SHOW), theme=LIGHT).run_all()
    shown = inspector(lab)
    assert "7, newest first" in shown.inner_text()
    says(lab, "Refused: outstanding_balance would be −999,")
    lab.shot("inspector-light", of=shown)
    assert "4711" not in shown.inner_html()
    shown.get_by_role("button", name="Edit and retry").click()
    form = lab.page.locator(".fl-form:visible")
    form.get_by_text("Would be refused: outstanding_balance").wait_for()
    lab.page.wait_for_function("() => document.activeElement.closest('.fl-form') !== null")
    assert form.get_by_label("principal_amount").input_value() == "999999.00"
    pin = form.get_by_label("pin")
    assert (pin.input_value(), pin.get_attribute("placeholder")) == ("", "secret, fill it in again")
    assert "Left empty: pin: secret, fill it in again" in shown.inner_text()
    lab.shot("inspector-light-form", of=lab.page.locator(".jp-OutputArea-output").last)
    form.get_by_label("principal_amount").fill("40.00")
    form.get_by_text("Would be accepted as version 11").wait_for()
    form.get_by_role("button", name="Append", exact=True).click()
    form.get_by_text("Accepted: Debt::PaymentReceived is version 11.").wait_for()
    assert asked(lab, "debt.version, str(debt.events[-1].principal_amount)") == "(11, '40.00')"
    shown.get_by_role("button", name="Close the form").click()
    form.wait_for(state="detached")
    assert asked(lab, "inspector.form") == "None"
    assert (lab.outside, lab.complaints) == ([], [])


def test_attempts_are_filtered_and_walked_through_by_keyboard(lab: LabPage) -> None:
    lab.open(notebook(lab.server.folder, "inspector-keys.ipynb", DEBT, SHOW), theme=DARK).run_all()
    shown, press = inspector(lab), lab.page.keyboard.press
    lab.shot("inspector-dark", of=shown)
    shown.locator("tr.sel").focus()
    press("ArrowDown")
    says(lab, "Refused: outstanding_balance would be −15.00")
    lab.shot("inspector-backdated", of=shown)
    assert "Judged after #4, at its place in time" in shown.inner_text()
    press("End")
    says(lab, "“ten” is not a decimal number")
    for _ in range(2):
        press("ArrowUp")
    says(lab, "Denied: version 5 was taken by Debt::PaymentReceived")
    hears(lab, "inspector.selection.stage", "'conflict'")
    assert "took version 5" in shown.inner_text()
    lab.shot("inspector-conflict", of=shown)
    assert lab.page.evaluate("() => document.activeElement.getAttribute('aria-selected')") == "true"
    cells = lab.page.locator(".jp-Notebook .jp-Cell").count()
    press("b")  # in command mode it would insert a cell
    assert lab.page.locator(".jp-Notebook .jp-Cell").count() == cells

    shown.get_by_role("button", name="own rule").focus()
    press("ArrowRight")
    press("Space")  # the gate of the state
    shown.get_by_text("4 of 7, newest first").wait_for()
    says(lab, "−999,779.00")
    shown.get_by_role("button", name="outstanding_balance ≥ 0").click()
    hears(lab, "inspector.filters['rule']", "'outstanding_balance ≥ 0 of VirtualOutstandingBalance'")
    press("/")
    lab.page.keyboard.type("debts-088")
    shown.get_by_text("1 of 7").wait_for()
    hears(lab, "inspector.selection.idx", "'debts-088'")
    lab.shot("inspector-filtered", of=shown)
    press("Escape")
    shown.get_by_text("4 of 7").wait_for()
    asked(lab, "setattr(inspector, 'filters', {'idx': 'debts-0*', 'event': PaymentReceived})")
    shown.get_by_text("1 of 7").wait_for()
    assert shown.get_by_label("Filter by event type").input_value() == "Debt::PaymentReceived"
    asked(lab, "on(290, FeeCharged, 'much', other)")
    asked(lab, "setattr(inspector, 'filters', {})")
    shown.get_by_text("8, newest first").wait_for()
    assert shown.locator("img").count() == 0
    assert lab.page.evaluate("() => window.fired") is None
    assert (lab.outside, lab.complaints) == ([], [])


UNKNOWN = """
class Twice(fl.EventStream):
    consistency_projection = VirtualOutstandingBalance

class Plain(fl.EventStream):
    pass

def another():
    class Twice(fl.EventStream):
        pass
    return Twice

another_twice = another()
Twice.for_("debts-5", lab=fl.Lab()).append(FeeCharged(amount="much", at=clock.now)).rejection
lonely = fl.Lab()
Twice.for_("debts-5", lab=lonely).append(FeeCharged(amount="much", at=clock.now))
inspector = lonely.rejections.inspect()
inspector
"""


def test_a_stream_class_that_is_not_known_is_asked_for(lab: LabPage) -> None:
    lab.open(notebook(lab.server.folder, "inspector-unknown.ipynb", DEBT, UNKNOWN)).run_all()
    shown = inspector(lab)
    shown.locator("tr.sel").press("e")
    shown.get_by_text("2 stream classes are called 'Twice'").wait_for()
    shown.get_by_label("Stream class").select_option("__main__.Twice")
    form = lab.page.locator(".fl-form:visible")
    form.get_by_label("amount").fill("3")
    form.get_by_text("Would be accepted as version 1").wait_for()
    form.get_by_role("button", name="Append", exact=True).click()
    form.get_by_text("Accepted: Debt::FeeCharged is version 1.").wait_for()
    assert (lab.outside, lab.complaints) == ([], [])


MANY = """
import funes_lab as fl
from datetime import timedelta
from pydantic import Field

class Moved(fl.Event, name="Shelf::Moved"):
    books: int = Field(gt=0)

lab = fl.Lab(clock=fl.testing.Clock("2026-01-10", timedelta(minutes=7)))
fl.EventStream.for_("shelf-0").append(Moved(books=0))
_ = lab.store._writer.execute('''
    INSERT INTO "funes_lab_rejections"
    SELECT printf('%032d', k), attempted_at + to_minutes(k), 'shelf-' || (k % 300), stream_class, event, stage,
           replace(entry, '"books": 0', '"books": -' || k)
    FROM "funes_lab_rejections", range(9999) AS numbers(k)
''')
inspector = lab.rejections.inspect()
inspector
"""
# From the key to the note that has been laid out.
STEPS = """async ([n, key]) => {
  const section = document.querySelector("section.fl.inspect"), times = [];
  section.querySelector("tr.sel").focus();
  for (let k = 0; k < n; k++) {
    const before = section.querySelector("tr.sel").textContent, start = performance.now();
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    const moved = () => ![before, undefined].includes(section.querySelector("tr.sel")?.textContent);
    while (!moved() && performance.now() - start < 3000) await new Promise(requestAnimationFrame);
    section.querySelector(".fl-note").getBoundingClientRect();
    times.push(performance.now() - start);
  }
  return times;
}"""


def test_ten_thousand_attempts_can_be_walked_through(lab: LabPage) -> None:
    lab.open(notebook(lab.server.folder, "inspector-many.ipynb", MANY)).run_all()
    shown = inspector(lab)
    assert "10,000, newest first" in shown.inner_text()
    assert "1–10 of 10,000" in shown.inner_text()
    lab.shot("inspector-many", of=shown)
    # within a page everything is told already, the pages after the next are asked from the kernel
    for key, n in (("ArrowDown", 50), ("PageDown", 20)):
        times = lab.page.evaluate(STEPS, [n, key])
        print(f"a selection at 10,000 attempts by {key}, median of {n} in ms: {statistics.median(times):.1f}")
    shown.get_by_label("Filter by text").fill("−9,99")
    shown.get_by_text("9 of 10,000").wait_for()
    assert (lab.outside, lab.complaints) == ([], [])


def test_the_exported_notebook_still_filters_and_selects(page: Page, tmp_path: Path) -> None:
    notebook(tmp_path, "story.ipynb", DEBT, SHOW)
    quiet = ["--HTMLExporter.mathjax_url=data:,", "--HTMLExporter.require_js_url=data:,"]
    subprocess.run(
        [sys.executable, "-m", "nbconvert", "--execute", "--to", "html", *quiet, "story.ipynb"],
        cwd=tmp_path, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    page.page.goto((tmp_path / "story.html").as_uri())
    shown, press = inspector(page), page.page.keyboard.press
    shown.locator("tr.sel").focus()
    press("End")
    says(page, "“ten” is not a decimal number")
    assert shown.get_by_role("button", name="Edit and retry").count() == 0
    shown.get_by_role("button", name="conflict", exact=False).first.click()
    says(page, "Denied: version 5")
    shown.get_by_text("1 of the 7 on this page").wait_for()
    shown.get_by_role("button", name="conflict", exact=False).first.click()
    shown.get_by_label("Filter by stream").fill("debts-0*")
    says(page, "−10.00")
    shown.get_by_label("Filter by stream").fill("")
    shown.get_by_label("Filter by text").fill("onerror")
    shown.get_by_text("2 of the 7 on this page").wait_for()
    assert "<img src=x onerror=" in shown.inner_text()
    page.page.set_viewport_size({"width": 400, "height": 900})
    page.shot("inspector-narrow", of=shown)
    assert "4711" not in shown.inner_html()
    assert page.page.evaluate("() => window.fired") is None
    # what nbconvert itself asks for where a notebook holds the state of a widget; nothing of it is needed
    assert all("@jupyter-widgets/html-manager" in url for url in page.outside)
