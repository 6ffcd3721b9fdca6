"""AppendForm in JupyterLab: an event typed and appended, refused and corrected, in both themes; hostile payloads."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.harness import DARK, LIGHT, LabPage, notebook

LEDGER = """
from datetime import UTC, datetime
from decimal import Decimal

import funes_lab as fl
from pydantic import BaseModel, Field

class Issued(fl.Event, name="Debt::Issued"):
    amount: Decimal = Field(gt=0)
    at: datetime

class PaymentReceived(fl.Event, name="Debt::PaymentReceived"):
    principal_amount: Decimal
    interest_amount: Decimal = Field(ge=0)
    at: datetime

class OutstandingBalance(BaseModel):
    outstanding_balance: Decimal = Field(default=Decimal(0), ge=0)
    last_payment_at: datetime | None = None

class VirtualOutstandingBalance(fl.Projection[OutstandingBalance]):
    @fl.interpretation_for(Issued)
    def issued(state, event):
        state.outstanding_balance = event.amount

    @fl.interpretation_for(PaymentReceived)
    def paid(state, event, at):
        state.outstanding_balance -= event.principal_amount
        state.last_payment_at = at

class DebtEventStream(fl.EventStream):
    consistency_projection = VirtualOutstandingBalance
    actual_time_attribute = "at"

lab = fl.Lab()
debt = DebtEventStream.for_("debts-123", lab=lab)
_ = debt.append(Issued(amount=100, at=datetime(2026, 10, 1, tzinfo=UTC)))
form = debt.form()
form
"""
FORM = ".jp-OutputArea-output .fl-form"


def asked(lab: LabPage, expression: str) -> str:
    """What Python says: the expression is run in the notebook's kernel."""
    answer = lab.page.evaluate(
        """async (code) => {
            const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            const future = kernel.requestExecute({code: "", user_expressions: {it: code}, store_history: false});
            const reply = await future.done;
            const it = reply.content.user_expressions.it;
            return it.data ? it.data["text/plain"] : `${it.ename}: ${it.evalue}`;
        }""",
        expression,
    )
    return str(answer)


def form_of(lab: LabPage) -> Any:
    form = lab.page.locator(FORM)
    form.wait_for()
    return form


def fill(form: Any, **values: str) -> None:
    for name, value in values.items():
        form.get_by_label(name).first.fill(value)


@pytest.mark.parametrize(("theme", "name"), [(LIGHT, "light"), (DARK, "dark")])
def test_an_event_is_appended_by_typing_and_clicking_and_a_refusal_is_corrected(
    lab: LabPage, theme: str, name: str
) -> None:
    lab.open(notebook(lab.server.folder, f"form-{name}.ipynb", LEDGER), theme=theme).run_all()
    form = form_of(lab)
    form.get_by_role("button", name="PaymentReceived").click()
    append = form.get_by_role("button", name="Append", exact=True)
    assert append.is_disabled()

    fill(form, principal_amount="999999", interest_amount="ten", at="2026-11-02 09:00")
    form.get_by_text("“ten” is not a decimal number").wait_for()
    assert form.get_by_label("interest_amount").get_attribute("aria-invalid") == "true"
    form.get_by_text("Not judged yet: 1 field to mend.").wait_for()
    lab.shot(f"form-{name}-to-mend", of=form)

    fill(form, interest_amount="1.20")
    form.get_by_text("Would be refused: outstanding_balance would be −999,899, must be ≥ 0.").wait_for()
    assert asked(lab, "len(lab.rejections), debt.version") == "(0, 1)"
    append.click()
    form.get_by_role("alert").get_by_text("Refused: outstanding_balance would be").wait_for()
    assert asked(lab, "len(lab.rejections), debt.version, form.event.persisted") == "(1, 1, False)"
    assert lab.findings() == []
    lab.shot(f"form-{name}-refused", of=form)

    fill(form, principal_amount="60.00")
    form.get_by_text("Would be accepted as version 2").wait_for()
    lab.shot(f"form-{name}", of=form)
    append.click()
    form.get_by_text("Accepted: Debt::PaymentReceived is version 2.").wait_for()
    assert asked(lab, "str(form.event.principal_amount), debt.version") == "('60.00', 2)"
    assert form.get_by_label("principal_amount").input_value() == ""
    assert (lab.outside, lab.complaints) == ([], [])


HOSTILE = """
import funes_lab as fl
from pydantic import BaseModel, Field

bad = "<img src=x onerror=\\"(window.fired ||= []).push('payload')\\">"

class Said(fl.Event, name=f"Said{bad}"):
    text: str = Field(description=bad)

class Heard(BaseModel):
    text: str = ""

class Hearing(fl.Projection[Heard]):
    @fl.interpretation_for(Said)
    def heard(state, event):
        state.text = event.text
        if len(event.text) > 100:
            event.errors.add("text", f"is long: {event.text}")
        if event.text == "break":
            raise RuntimeError(bad)

class Talk(fl.EventStream):
    consistency_projection = Hearing

talk = Talk.for_(bad, lab=fl.Lab())
talk.append(Said(text=bad))
form = talk.form()
form.values = {"text": bad}
form
"""


def test_what_a_payload_or_a_name_holds_is_text_in_a_form_and_a_fault_is_no_refusal(lab: LabPage) -> None:
    lab.open(notebook(lab.server.folder, "form-hostile.ipynb", HOSTILE)).run_all()
    form = form_of(lab)
    form.get_by_text("Would be accepted as version 2").wait_for()
    form.get_by_label("text").fill("<img src=x onerror=\"(window.fired ||= []).push('typed')\">" * 3)
    form.get_by_text("Would be refused").wait_for()
    form.get_by_role("button", name="Append", exact=True).click()
    form.get_by_role("alert").get_by_text("Refused: ").wait_for()
    form.get_by_label("text").fill("break")
    form.get_by_text("Failed: ProjectionError").wait_for()
    lab.shot("form-failed", of=form)
    assert form.locator("img").count() == 0
    assert lab.page.evaluate("() => window.fired") is None
    assert (lab.outside, lab.complaints) == ([], [])


def test_keys_append_and_a_form_tells_that_the_log_went_on(lab: LabPage) -> None:
    lab.open(notebook(lab.server.folder, "form-keys.ipynb", LEDGER)).run_all()
    form = form_of(lab)
    assert form.get_attribute("role") == "region"
    form.get_by_role("button", name="PaymentReceived").click()
    fill(form, principal_amount="1", interest_amount="0", at="2026-11-02")
    payment = "PaymentReceived(principal_amount=5, interest_amount=0, at=datetime(2026, 10, 2, tzinfo=UTC))"
    assert asked(lab, f"debt.append({payment}).version") == "2"
    form.get_by_text("reads version 1, writes 2 · the log is at 2").wait_for()
    form.get_by_text("Would be accepted as version 2").wait_for()
    form.get_by_label("interest_amount").press("Control+Enter")
    form.get_by_role("alert").get_by_text("Denied: version 2 was taken by Debt::PaymentReceived").wait_for()
    lab.shot("form-conflict", of=form)
    form.get_by_role("button", name="Read again and retry").click()
    form.get_by_text("Accepted: Debt::PaymentReceived is version 3.").wait_for()
    assert asked(lab, "debt.version, len(lab.rejections)") == "(3, 1)"


NESTED = """
import enum
from datetime import date
from decimal import Decimal
from typing import Literal

import funes_lab as fl
from pydantic import BaseModel, Field

class Line(BaseModel):
    sku: str
    quantity: int = Field(default=1, ge=1)

class Colour(enum.Enum):
    RED = "red"

class Ordered(fl.Event, name="Shop::Ordered"):
    filter_attributes = ["pin"]
    total: Decimal = Field(ge=0, description="What is to be paid, taxes included")
    lines: list[Line]
    gift: bool = False
    size: Literal["S", "M"] | None = None
    invoice: Line | None = None
    pin: str
    extra: dict[str, int] = {}
    day: date | None = None

shop = fl.EventStream.for_("orders-7", lab=fl.Lab())
form = shop.form(Ordered)
form
"""


def test_lists_groups_choices_and_secrets_are_filled_by_hand(lab: LabPage) -> None:
    lab.open(notebook(lab.server.folder, "form-nested.ipynb", NESTED)).run_all()
    form = form_of(lab)
    fill(form, total="12345678901234567890.10", pin="0042", extra='{"a": 1}')
    form.get_by_role("button", name="Add").click()
    form.get_by_role("button", name="Remove").wait_for()
    form.get_by_label("sku").first.fill("A-1")
    form.get_by_label("gift").check()
    form.get_by_label("size").select_option("M")
    form.get_by_text("Would be accepted as version 1").wait_for()
    assert form.get_by_label("pin").get_attribute("type") == "password"
    lab.shot("form-nested", of=form)
    lab.page.set_viewport_size({"width": 504, "height": 900})
    assert form.bounding_box()["width"] == 400
    assert form.evaluate("form => form.scrollWidth <= form.clientWidth")
    field, hint = form.get_by_label("total"), form.get_by_text("Decimal ≥ 0", exact=True)
    assert field.bounding_box()["width"] > 200
    assert abs(field.bounding_box()["x"] - hint.bounding_box()["x"]) < 2
    assert lab.findings() == []
    lab.shot("form-narrow", of=form)
    form.get_by_role("button", name="Append", exact=True).click()
    form.get_by_text("Accepted: Shop::Ordered is version 1.").wait_for()
    event = "form.event.total, form.event.lines[0].sku, form.event.gift, form.event.size, form.event.extra"
    assert asked(lab, event) == "(Decimal('12345678901234567890.10'), 'A-1', True, 'M', {'a': 1})"
    assert "0042" not in asked(lab, "form._repr_mimebundle_()['text/html']")
    assert (lab.outside, lab.complaints) == ([], [])
