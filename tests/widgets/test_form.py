"""AppendForm without a browser: what it says before and after an append, and that looking writes nothing."""

from __future__ import annotations

import gc
from decimal import Decimal

import pytest
from pydantic import BaseModel, Field

import funes_lab as fl
from funes_lab.widgets.form import AppendForm
from tests.domain import (
    DebtEventStream,
    Forgiven,
    Issued,
    Noted,
    NoteStream,
    PaymentReceived,
    ShortNoteStream,
    balance,
    issued,
    paid,
    rows_of,
)

PAYMENT = {"principal_amount": "60.00", "interest_amount": "0", "at": "2026-01-03 09:00"}


@pytest.fixture
def debt(lab) -> DebtEventStream:
    stream = DebtEventStream.for_("debts-123", lab=lab)
    stream.append(issued(100))
    return stream


def filled(stream: fl.EventStream | fl.Reading, **changed: str) -> AppendForm:
    form = stream.form(PaymentReceived)
    form.values = {**PAYMENT, **changed}
    return form


def shown(form: AppendForm, word: str) -> bool:
    return word in form.static().svg


def test_the_types_are_those_that_the_projections_interpret(debt):
    form = debt.form()
    assert form._types == (Issued, PaymentReceived, Forgiven)
    assert form.event_type is Issued
    form.event_type = Forgiven
    assert form.event_type is Forgiven
    assert debt.form(Noted)._types == (Noted,)


def test_wrong_types_are_told(debt, lab):
    with pytest.raises(TypeError, match="form takes event classes, got 'Issued'"):
        debt.form("Issued")
    with pytest.raises(TypeError, match=r"NoteStream has no projection .*name them"):
        NoteStream.for_("n", lab=lab).form()
    with pytest.raises(ValueError, match="event_type must be one of"):
        debt.form(Issued).event_type = Noted
    with pytest.raises(ValueError, match="values has 'nonsense'"):
        debt.form(Issued).values = {"nonsense": 1}
    with pytest.raises(TypeError, match="values must be a dict"):
        debt.form(Issued).values = 3


def test_a_dry_run_tells_where_an_event_would_lead_and_writes_nothing(debt, lab):
    form = filled(debt)
    assert form.dry_run.accepted
    assert shown(form, "Would be accepted as version 2")
    assert shown(form, "40.00")
    form.values = {**PAYMENT, "principal_amount": "999999"}
    assert not form.dry_run.accepted
    assert shown(form, "Would be refused: outstanding_balance would be −999,899, must be ≥ 0.")
    assert (rows_of(lab), len(lab.rejections)) == (1, 0)


def test_an_empty_form_shouts_about_no_field_until_somebody_appends(debt):
    form = debt.form(PaymentReceived)
    assert form.dry_run is None
    assert form._button.disabled
    assert shown(form, "Not judged yet: 3 fields to fill.")
    assert not shown(form, "blank")
    refused = form.append()
    assert refused.rejection.stage == "own"
    assert shown(form, "blank")


def test_an_error_stands_at_its_field(debt):
    form = filled(debt, interest_amount="ten")
    told = {control.path: control.told for control in form._page.controls}
    assert told["interest_amount"] == (("own", "“ten” is not a decimal number"),)
    assert told["principal_amount"] == ()
    assert shown(form, "Not judged yet: 1 field to mend.")
    form.values = {**PAYMENT, "principal_amount": "13"}
    told = {control.path: control.told for control in form._page.controls}
    assert told["principal_amount"] == (("interpretation", "must not be unlucky"),)


def test_an_accepted_append_leaves_an_empty_form_that_reads_on(debt):
    form = filled(debt)
    event = form.append()
    assert (event.version, event.principal_amount, form.event) == (2, Decimal("60.00"), event)
    assert (form.values, form.reading.version) == ({}, 2)
    assert shown(form, "Accepted: Debts::PaymentReceived is version 2.")
    assert shown(form, "reads version 2, writes 3")


def test_a_refused_append_leaves_the_fields_as_they_are(debt, lab):
    form = filled(debt, principal_amount="500")
    refused = form.append()
    assert (refused.persisted, form.event, len(lab.rejections)) == (False, refused, 1)
    assert form.values == {**PAYMENT, "principal_amount": "500"}
    assert shown(form, "Refused: outstanding_balance would be −400, must be ≥ 0.")
    assert shown(form, "attempt 1 in the journal")
    form.values = {**form.values, "principal_amount": "50"}
    assert form.append().version == 2


def test_a_form_tells_that_the_log_went_on_and_reads_again_and_retries(debt):
    form = filled(debt)
    assert form._behind.layout.display == "none"
    debt.append(paid(5))
    assert shown(form, "reads version 1, writes 2 · the log is at 2")
    assert form._behind.layout.display is None
    refused = form.append()
    assert refused.rejection.stage == "conflict"
    assert shown(form, "Denied: version 2 was taken by Debts::PaymentReceived")
    assert form._retry.layout.display is None
    form._retry.click()
    assert (form.event.version, balance(debt)) == (3, Decimal("35.00"))


def test_a_reading_that_is_given_is_the_one_that_is_written_by(debt):
    reading = debt.read()
    form = filled(reading)
    assert form.reading is reading
    form.append()
    assert reading.version == 2


def test_a_fault_in_a_block_is_told_as_a_fault_and_nothing_is_written(debt, lab):
    form = debt.form(Forgiven)
    form.values = {"reason": "broken", "at": "2026-01-04"}
    assert "the block broke" in form.fault
    assert shown(form, "Failed: ProjectionError")
    assert shown(form, "This is a fault in the code, not a refusal")
    with pytest.raises(fl.ProjectionError):
        form.append()
    form._button.click()
    assert shown(form, "Failed: ProjectionError")
    assert (rows_of(lab), len(lab.rejections)) == (1, 0)
    form.values = {"reason": "grace", "at": "2026-01-04"}
    assert form.fault == ""


def test_when_it_happened_can_be_said_where_the_event_does_not_say_it(debt, lab):
    assert debt.form(Issued)._disclosed.layout.display == "none"
    form = NoteStream.for_("n", lab=lab).form(Noted)
    assert form._when.box.layout.display == "none"
    form._disclosed.click()
    assert form._when.box.layout.display is None
    form.values, form._when.holds = {"text": "hello"}, "soon"
    assert form._button.disabled
    form._when.holds = "2026-01-05 12:00"
    assert form.append().occurred_at.isoformat() == "2026-01-05T12:00:00+00:00"


def test_groups_and_lists_reach_the_log_and_their_errors_their_fields(lab):
    class Line(BaseModel):
        sku: str
        quantity: int = Field(default=1, ge=1)

    class Ordered(fl.Event, name="Shop::Ordered"):
        lines: list[Line]
        first: Line | None = None

    stream = NoteStream.for_("o", lab=lab)
    form = stream.form(Ordered)
    lines, first = form._page.controls
    for _ in range(2):
        lines._add()
    (_, one), (_, two) = ((row, control) for control, row in lines._items)
    one.parts.controls[0].holds, two.parts.controls[1].holds = "A-1", "0"
    assert {c.path: c.told for c in form._page.within() if c.told} == {
        "lines.1.quantity": (("own", "must be greater than or equal to 1"),)
    }
    lines._remove(1)
    first._opened.value = True
    first.parts.controls[0].holds = "B"
    event = form.append()
    assert event.persisted
    assert event.payload() == {"lines": [Line(sku="A-1")], "first": Line(sku="B")}
    assert (lines.holds, first.holds) == ([], None)


def test_what_is_no_json_is_not_handed_to_an_event_that_takes_anything(lab):
    class Kept(fl.Event, name="Shop::Kept"):
        anything: object

    form = NoteStream.for_("k", lab=lab).form(Kept)
    form._page.controls[0].holds = "{oops"
    assert shown(form, "“{oops” is not JSON")
    with pytest.raises(ValueError, match=r"anything: “{oops” is not JSON"):
        form.append()
    assert rows_of(lab) == 0


def test_secrets_are_in_no_picture(lab):
    class SignedUp(fl.Event, name="Shop::SignedUp"):
        filter_attributes = ["password"]
        password: str = Field(min_length=12)
        extra: dict[str, str] = {}

    form = NoteStream.for_("s", lab=lab).form(SignedUp)
    form.values = {"password": "hunter2", "extra": {"password": "hunter2"}}
    assert shown(form, "[FILTERED]")
    form.append()
    bundle = form._repr_mimebundle_()
    assert "hunter2" not in form.static().svg + form._note.value + form._panel.value + bundle["text/plain"]


def test_a_form_carries_a_static_twin_and_names_what_it_shows(debt, tmp_path):
    form = filled(debt)
    bundle = form._repr_mimebundle_()
    assert bundle["text/html"].startswith('<div id="fl-')
    assert "<img" in bundle["text/html"]
    assert repr(form) == bundle["text/plain"]
    assert bundle["text/html"] == filled(debt)._repr_mimebundle_()["text/html"]
    form.save(tmp_path / "form.svg")
    assert (tmp_path / "form.svg").read_text("utf-8").startswith("<svg")


def test_text_is_escaped_in_every_place_of_a_form(lab):
    bad = "<img src=x onerror=alert(1)>"

    class Said(fl.Event, name=f"Said{bad}"):
        text: str = Field(description=bad, max_length=3)

    form = ShortNoteStream.for_(bad, lab=lab).form(Said)
    form.values = {"text": bad}
    form.append()
    assert bad not in form.static().svg
    from ipywidgets import HTML
    from ipywidgets.widgets.widget import _instances

    pieces = [widget.value for widget in _instances.values() if isinstance(widget, HTML)]
    assert not [piece for piece in pieces if bad in piece]


def test_of_a_cell_that_runs_a_hundred_times_one_form_is_left(debt, lab):
    from ipywidgets.widgets.widget import _instances

    before = len(_instances)
    counts = []
    for _ in range(20):
        debt.form(PaymentReceived)
        counts.append(len(_instances) - before)
    gc.collect()
    assert len(lab.store.watchers) == 1
    assert counts[0] == counts[-1]


def test_a_number_of_the_state_is_never_cut_in_the_picture(lab):
    stream = DebtEventStream.for_("d", lab=lab)
    form = stream.form(Issued)
    form.values = {"amount": "123456789012345678901234.50", "interest_rate": "0", "at": "2026-01-01"}
    assert shown(form, "123,456,789,012,345,678,901,234.50")
