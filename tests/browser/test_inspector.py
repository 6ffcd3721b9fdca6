"""The inspector as a reader meets it: a refusal seen and corrected, filtered, by keyboard, at 10,000, and exported."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.browser.harness import DARK, LIGHT, ROOT, LabPage, Page
from tests.browser.test_form import asked
from tests.browser.test_tour import notebook

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


@pytest.mark.parametrize(("theme", "name"), [(LIGHT, "light"), (DARK, "dark")])
def test_a_refusal_is_seen_and_corrected(lab: LabPage, theme: str, name: str) -> None:
    lab.open(notebook(lab.server.folder, f"inspector-{name}.ipynb", DEBT, SHOW), theme=theme).run_all()
    shown = inspector(lab)
    assert "7, newest first" in shown.inner_text()
    says(lab, "Refused: outstanding_balance would be −999,")
    lab.shot(f"inspector-{name}", of=shown)
    assert "4711" not in shown.inner_html()
    shown.get_by_role("button", name="Edit and retry").click()
    form = lab.page.locator(".fl-form:visible")
    form.get_by_text("Would be refused: outstanding_balance").wait_for()
    lab.page.wait_for_function("() => document.activeElement.closest('.fl-form') !== null")
    assert form.get_by_label("principal_amount").input_value() == "999999.00"
    pin = form.get_by_label("pin")
    assert (pin.input_value(), pin.get_attribute("placeholder")) == ("", "secret, fill it in again")
    assert "Left empty: pin: secret, fill it in again" in shown.inner_text()
    lab.shot(f"inspector-{name}-form", of=lab.page.locator(".jp-OutputArea-output").last)
    form.get_by_label("principal_amount").fill("40.00")
    form.get_by_text("Would be accepted as version 10").wait_for()
    form.get_by_role("button", name="Append", exact=True).click()
    form.get_by_text("Accepted: Debt::PaymentReceived is version 10.").wait_for()
    assert asked(lab, "debt.version, str(debt.events[-1].principal_amount)") == "(10, '40.00')"
    shown.get_by_role("button", name="Close the form").click()
    form.wait_for(state="detached")
    assert asked(lab, "inspector.form") == "None"
    assert (lab.outside, lab.complaints) == ([], [])
