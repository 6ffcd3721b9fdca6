"""The inspector without a browser: what it lists, counts and tells, its filters, its picture, its form."""

from __future__ import annotations

import gc
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from xml.etree import ElementTree

import pytest
from pydantic import BaseModel

import funes_lab as fl
from funes_lab import stream_classes
from funes_lab.rejections import Rejections
from funes_lab.widgets.inspector import RejectionInspector
from funes_lab.widgets.inspector.desk import PAGE
from funes_lab.widgets.twin import LARGEST
from tests.domain import (
    DebtEventStream,
    NoteStream,
    PaymentReceived,
    VirtualOutstandingBalance,
    issued,
    noted,
    paid,
    rows_of,
)
from tests.test_rejection import refused_at_every_stage


class Carded(fl.Event, name="Inspected::Carded"):
    amount: Decimal
    pin: str
    filter_attributes = ("pin",)


class Nothing(BaseModel):
    pass


@pytest.fixture(autouse=True)
def _only_classes_of_these_tests(monkeypatch) -> None:
    """Others that ran in this process have classes of the same names, as a person's notebook has not."""
    every, here = stream_classes.subclasses, ("tests.domain", "tests.test_rejection", __name__)
    monkeypatch.setattr(stream_classes, "subclasses", lambda base: [c for c in every(base) if c.__module__ in here])


@pytest.fixture
def lab() -> fl.Lab:
    return fl.Lab(clock=fl.testing.Clock("2026-06-01T09:00", timedelta(seconds=1)))


@pytest.fixture
def refused(lab) -> list[fl.Event]:
    """One refused by each gate, a backdated one, and one of another stream."""
    events = refused_at_every_stage(lab)
    return [*events, DebtEventStream.for_("debts-2", lab=lab).append(issued(-7))]


def lost(rejection: fl.Rejection, **changed: object) -> fl.Rejection:
    """The same attempt once more, of a class that nobody has."""
    return replace(rejection, id="lost", **changed)


def told(inspector: RejectionInspector) -> dict:
    data = inspector._view.data
    return data["details"][str(inspector._view.place["n"])]


def panel(inspector: RejectionInspector, n: int) -> list[list[str]]:
    return [[cell[0] for cell in row["cells"]] for row in told(inspector)["panels"][n]["rows"]]


def shown(inspector: RejectionInspector) -> list[str]:
    return [rejection.stage for rejection in inspector.shown]


# --- what is listed and counted -----------------------------------------------------------------------------------


def test_attempts_are_listed_newest_first_and_the_newest_is_told(lab, refused):
    inspector = lab.rejections.inspect()
    assert shown(inspector) == ["own", "state", "conflict", "interpretation", "state", "own"]
    assert inspector.selection == refused[-1].rejection
    assert [row["idx"] for row in inspector._view.data["rows"][:2]] == ["debts-2", "debts-1"]
    assert repr(inspector) == "Refused attempts: 6, newest first. Refused: amount −7 must be > 0."


def test_those_of_a_stream_or_a_reading_are_its_own(lab, refused):
    stream = DebtEventStream.for_("debts-2", lab=lab)
    for side in (stream, stream.read()):
        inspector = side.rejections.inspect()
        assert shown(inspector) == ["own"]
        assert inspector._view.data["title"] == "Refused attempts on debts-2"


def test_gates_and_rules_are_counted_each_free_of_its_own_filter(lab, refused):
    inspector = lab.rejections.inspect(stage="state")
    counts = {stage["key"]: stage["count"] for stage in inspector._view.data["stages"]}
    assert counts == {"own": "2", "state": "2", "interpretation": "1", "conflict": "1"}
    bars = [(bar["count"], bar["key"]) for bar in inspector._view.data["rules"]["bars"]]
    assert bars == [("2", "outstanding_balance ≥ 0 of VirtualOutstandingBalance")]
    inspector.filters = {}
    assert [bar["key"] for bar in inspector._view.data["rules"]["bars"]] == [
        "amount > 0 of Debts::Issued",
        "outstanding_balance ≥ 0 of VirtualOutstandingBalance",
        "another writer was first",
        "principal_amount: must not be unlucky of VirtualOutstandingBalance",
    ]


def test_messages_that_differ_in_their_figures_are_one_rule():
    class Priced(fl.Event, name="Inspected::Priced"):
        price: Decimal

    stream = NoteStream.for_("shop", lab=fl.Lab())
    for price in ("ten", "eleven"):
        stream.append(Priced(price=price))
    (bar,) = stream.rejections.inspect()._view.data["rules"]["bars"]
    assert (bar["count"], bar["asks"]) == ("2", "price: “…” is not a decimal number")


# --- filters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "stages"),
    [
        ({"stage": "state"}, ["state", "state"]),
        ({"stage": ["own", "conflict"]}, ["own", "conflict", "own"]),
        ({"event": "Debts::Issued"}, ["own", "own"]),
        ({"event": PaymentReceived}, ["state", "conflict", "interpretation", "state"]),
        ({"idx": "debts-2"}, ["own"]),
        ({"idx": "debts-[2-9]"}, ["own"]),
        ({"projection": "VirtualOutstandingBalance", "stage": "conflict"}, ["conflict"]),
        ({"projection": VirtualOutstandingBalance, "text": "UNLUCKY"}, ["interpretation"]),
        ({"rule": "amount > 0 of Debts::Issued", "text": "−7"}, ["own"]),
        ({"text": "nowhere"}, []),
        ({"text": None, "stage": ()}, ["own", "state", "conflict", "interpretation", "state", "own"]),
    ],
)
def test_filters_are_taken_from_python_by_name(lab, refused, asked, stages):
    assert shown(lab.rejections.inspect(**asked)) == stages
    inspector = lab.rejections.inspect()
    inspector.filters = asked
    assert shown(inspector) == stages
    assert (inspector.selection is None) == (not stages)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"stage": "states"}, "stage must be one of 'state', 'conflict', 'interpretation', 'own', got 'states'"),
        ({"stage": 3}, "stage must be a stage or a list of them, got 3"),
        ({"event": "Debts::Isued"}, "event must be one of 'Debts::Issued', .*or an event class, got 'Debts::Isued'"),
        ({"idx": "debts-3"}, "idx must be one of 'debts-2', 'debts-1' or a pattern"),
        ({"projection": "Balance"}, "projection must be one of 'VirtualOutstandingBalance'"),
        ({"rule": "amount"}, "rule must be one of "),
        ({"text": 7}, "text must be a str, got 7"),
        ({"type": "x"}, "filters has 'type', which is no filter; there are stage, event, idx"),
        ("state", "filters must be a dict"),
    ],
)
def test_a_filter_that_could_leave_nothing_is_refused_and_told_what_is_possible(lab, refused, asked, message):
    inspector = lab.rejections.inspect()
    with pytest.raises((ValueError, TypeError), match=message):
        inspector.filters = asked
    assert inspector.filters == {}


def test_a_stream_of_the_log_can_be_asked_for_before_it_refuses(lab, refused):
    DebtEventStream.for_("debts-3", lab=lab).append(issued(5))
    assert shown(lab.rejections.inspect(idx="debts-3")) == []
    with pytest.raises(ValueError, match="idx must be 'debts-2'"):
        DebtEventStream.for_("debts-2", lab=lab).rejections.inspect(idx="debts-1")


def test_a_search_does_not_find_secrets(lab):
    stream = NoteStream.for_("cards", lab=lab)
    stream.append(Carded(amount="much", pin="4711"))
    assert shown(lab.rejections.inspect(text="much")) == ["own"]
    inspector = lab.rejections.inspect(text="4711")
    assert inspector.shown == []
    inspector.filters = {}
    assert "4711" not in json.dumps(inspector._view.data)
    assert "4711" not in inspector.static().html


# --- what is told -------------------------------------------------------------------------------------------------


def test_a_state_stands_beside_the_one_that_it_would_have_led_to(lab, refused):
    inspector = lab.rejections.inspect()
    inspector.selection = refused[1]
    assert told(inspector)["note"]["headline"] == "Refused: outstanding_balance would be −50, must be ≥ 0."
    assert panel(inspector, 1) == [
        ["◇ outstanding_balance", "100", "−50"],
        ["~ last_payment_at", "–", "2026-01-02 00:00"],
    ]
    assert [row["tone"] for row in told(inspector)["panels"][1]["rows"]] == ["bad", "changed"]
    assert panel(inspector, 2) == [["✗ 2", "this attempt", "refused"], ["1", "Issued", "amount 100\N{NO-BREAK SPACE}…"]]


def test_a_loser_stands_beside_its_winner(lab, refused):
    inspector = lab.rejections.inspect(stage="conflict")
    assert told(inspector)["duel"]
    assert told(inspector)["panels"][0]["heads"][1:] == [["attempted", "num"], ["took version 2", "num"]]
    assert ["principal_amount", "10", "40"] in panel(inspector, 0)


def test_a_backdated_attempt_stands_at_its_place(lab, refused):
    inspector = lab.rejections.inspect()
    inspector.selection = refused[4].rejection
    assert told(inspector)["panels"][2]["said"] == [
        "Versions 1…2; more of #1: stream.explain(1)",
        "Judged after #1, at its place in time",
    ]
    assert [row[0] for row in panel(inspector, 2)] == ["2", "✗ 3", "1"]


def test_the_errors_of_an_event_stand_at_its_fields(lab, refused):
    inspector = lab.rejections.inspect(stage="interpretation")
    assert panel(inspector, 0)[0] == ["△ principal_amount", "13"]
    inspector.filters = {"idx": "debts-2"}
    assert panel(inspector, 0)[0] == ["□ amount", "−7"]
    assert told(inspector)["panels"][1]["said"] == ["It would have led nowhere: no projection saw it."]


def test_more_of_what_led_there_is_told_when_it_is_asked_for(lab):
    stream = NoteStream.for_("notes", lab=lab)
    stream.append_all([noted(str(k)) for k in range(70)])
    stream.append(issued(-1))
    inspector = lab.rejections.inspect()
    assert told(inspector)["panels"][2]["below"] == "62 earlier events"
    inspector._pressed({"earlier": 1})
    assert told(inspector)["panels"][2]["below"] == "12 earlier events"
    assert panel(inspector, 2)[1][:2] == ["70", "Noted"]


def test_what_was_judged_on_events_that_were_rolled_back_says_so(lab):
    stream = DebtEventStream.for_("debts-1", lab=lab)
    with lab.transaction():
        stream.append(issued(100))
        stream.append(paid(150))
        raise fl.Rollback
    inspector = lab.rejections.inspect()
    assert (
        "Not all of what it was judged on became a fact: a transaction was rolled back."
        in (told(inspector)["panels"][2]["said"])
    )


# --- the selection and the log ------------------------------------------------------------------------------------


def test_the_selection_can_be_set_and_lifts_filters_that_hide_it(lab, refused):
    inspector = lab.rejections.inspect(stage="own")
    inspector.selection = refused[1]
    assert (inspector.selection, inspector.filters) == (refused[1].rejection, {})
    inspector.selection = None
    assert inspector.selection is None
    lab.rejections.clear()
    assert (inspector.selection, inspector.shown) == (None, [])
    with pytest.raises(ValueError, match="selection must be an attempt of this journal"):
        inspector.selection = refused[0].rejection
    with pytest.raises(TypeError, match="selection must be a Rejection"):
        inspector.selection = 3


def test_it_follows_the_log_and_keeps_what_is_selected(lab, refused):
    inspector = lab.rejections.inspect()
    chosen = inspector.selection
    DebtEventStream.for_("debts-9", lab=lab).append(issued(0))
    assert (len(inspector.shown), inspector.selection) == (7, chosen)
    assert inspector._view.place["n"] == 6


def test_an_empty_journal_says_how_it_is_filled_and_shows_its_first_attempt(lab):
    inspector = lab.rejections.inspect()
    assert "What a gate refuses is kept here" in inspector.static().svg
    assert repr(inspector) == "Refused attempts: none yet."
    event = DebtEventStream.for_("debts-1", lab=lab).append(issued(0))
    assert inspector.selection == event.rejection


def test_what_the_page_says_is_understood(lab, refused):
    inspector = lab.rejections.inspect()
    inspector._view.place = {"n": 2, "offset": 0, "go": -1}
    assert inspector.selection == refused[1].rejection
    inspector._view.filters = {"stage": ["conflict"]}
    assert (inspector.filters, inspector.selection.stage) == ({"stage": ["conflict"]}, "conflict")
    inspector._view.filters = {"idx": "no such stream"}
    assert (inspector.shown, inspector.selection) == ([], None)
    inspector._view.filters = {}
    inspector._view.place = {"n": 0, "offset": 0, "go": 5}
    assert inspector.selection == refused[0].rejection


def test_pages_are_told_with_their_neighbours(lab):
    stream = DebtEventStream.for_("debts-1", lab=lab)
    for k in range(45):
        stream.append(issued(-k))
    inspector = stream.rejections.inspect()
    assert (inspector._view.data["base"], len(inspector._view.data["rows"])) == (0, 2 * PAGE)
    inspector._view.place = {**inspector._view.place, "go": 25}
    data = inspector._view.data
    assert (inspector._view.place["offset"], data["base"], len(data["rows"])) == (20, 10, 3 * PAGE)
    assert data["rows"][0]["place"] == "11"
    assert set(data["details"]) == {str(row["n"]) for row in data["rows"]}


def test_a_key_that_was_quicker_than_the_log_ends_on_the_right_page(lab):
    stream = DebtEventStream.for_("debts-1", lab=lab)
    for k in range(11):
        stream.append(issued(-k))
    inspector = stream.rejections.inspect()
    inspector._view.place = {"n": 1, "offset": 0, "go": -1}
    assert inspector._view.place == {"n": 1, "offset": 10, "go": -1}
    assert inspector.selection == lab.rejections[0]


def test_one_follower_is_left_however_often_a_line_is_run(lab, refused):
    for _ in range(5):
        inspector = lab.rejections.inspect()
        inspector.retry()
    gc.collect()
    assert len(lab.store.watchers) == 2
    inspector.close()
    gc.collect()
    assert len(lab.store.watchers) == 0


def test_what_breaks_is_shown(lab, refused, caplog):
    inspector = lab.rejections.inspect()
    lab.close()
    inspector._draw_again()
    assert inspector._view.fault.startswith("ClosedError: ")
    assert "ClosedError" in inspector.static().svg


# --- edit and retry -----------------------------------------------------------------------------------------------


def test_a_refused_event_is_corrected_in_a_form(lab, refused):
    inspector = lab.rejections.inspect()
    inspector.selection = refused[1]
    form = inspector.retry()
    assert inspector.form is form
    assert form.event_type is PaymentReceived
    assert form.values["principal_amount"] == "150"
    form.values = {**form.values, "principal_amount": "20", "at": "2026-01-12"}
    before = rows_of(lab)
    assert form.append().persisted
    assert rows_of(lab) == before + 1
    inspector._pressed({"close": True})
    assert (inspector.form, inspector.children) == (None, (inspector._view,))


def test_secrets_and_what_no_control_can_hold_stay_empty_and_say_so(lab):
    stream = NoteStream.for_("cards", lab=lab)
    stream.append(Carded(amount="much", pin="4711", colour="red"))
    inspector = stream.rejections.inspect()
    form = inspector.retry()
    assert form.values == {"amount": "much"}
    (pin,) = [control for control in form._page.controls if control.path == "pin"]
    assert pin._text.placeholder == "secret, fill it in again"
    told = inspector._view.retrying["told"]
    assert told == "Left empty: pin: secret, fill it in again; colour: not in the form"


def test_the_time_that_was_said_beside_the_event_is_filled_in(lab):
    class Kept(fl.Event, name="Inspected::Kept"):
        amount: Decimal

    class Refusing(fl.Projection[Nothing]):
        @fl.interpretation_for(Kept)
        def kept(state, event):
            event.errors.add("amount", "is never right")

    class Keeper(fl.EventStream):
        consistency_projection = Refusing

    Keeper.for_("k", lab=lab).append(Kept(amount=1), at="2026-02-03T04:05")
    form = lab.rejections.inspect().retry()
    assert form._when.holds == "2026-02-03 04:05"
    form.append()
    assert lab.rejections[-1].at == datetime(2026, 2, 3, 4, 5, tzinfo=UTC)


def test_a_retry_says_what_is_missing(lab, refused):
    inspector = lab.rejections.inspect()
    inspector.selection = None
    with pytest.raises(ValueError, match="nothing is selected"):
        inspector.retry()
    inspector.selection = refused[0]
    with pytest.raises(TypeError, match="stream_class must be an EventStream class, got 3"):
        inspector.retry(3)
    with fl.testing.registry():
        Rejections(lab.store).add(lost(refused[0].rejection, event="Inspected::NoSuchEvent"))
        inspector.selection = lab.rejections[-1]
        with pytest.raises(LookupError, match="no event class is called 'Inspected::NoSuchEvent'"):
            inspector.retry()


def test_the_stream_class_is_asked_for_when_nobody_knows_it(lab, refused):
    Rejections(lab.store).add(lost(refused[1].rejection, stream_class="Forgotten"))
    inspector = lab.rejections.inspect()
    inspector.selection = lab.rejections[-1]
    with pytest.raises(LookupError, match=r"no stream class is called 'Forgotten': choose one .*DebtEventStream"):
        inspector.retry()
    inspector._pressed({"retry": 7})
    asked = inspector._view.retrying
    assert asked["told"].startswith("no stream class is called 'Forgotten'")
    assert asked["classes"] == stream_classes.labels(stream_classes.defined())
    inspector._pressed({"retry": 7, "among": asked["classes"].index("DebtEventStream")})
    assert inspector.form.reading.stream_class is DebtEventStream
    assert inspector.retry(NoteStream).reading.stream_class is NoteStream


def test_a_stream_in_hand_is_the_class_of_its_attempts(lab, refused):
    Rejections(lab.store).add(lost(refused[5].rejection, stream_class="Forgotten"))
    inspector = DebtEventStream.for_("debts-2", lab=lab).rejections.inspect()
    inspector.selection = lab.rejections[-1]
    assert inspector.retry().reading.stream_class is DebtEventStream


def test_a_class_that_was_defined_again_is_the_one_that_counts():
    (found,) = stream_classes.named("DebtEventStream")
    assert found is DebtEventStream
    assert fl.EventStream in stream_classes.named("EventStream")


def test_nothing_is_retried_where_nothing_can_be_written(tmp_path):
    path = tmp_path / "ledger.duckdb"
    with fl.Lab(path) as lab:
        DebtEventStream.for_("debts-1", lab=lab).append(issued(-5))
    with fl.Lab(path, read_only=True) as lab:
        inspector = lab.rejections.inspect()
        assert inspector._view.data["read_only"]
        with pytest.raises(fl.ReadOnlyError):
            inspector.retry()


# --- the picture and the page without a kernel --------------------------------------------------------------------


def test_the_picture_tells_the_story(lab, refused):
    inspector = lab.rejections.inspect()
    inspector.selection = refused[1]
    svg = inspector.static().svg
    texts = " ".join(text for text in ElementTree.fromstring(svg).itertext())
    for word in ("Refused attempts", "◇ state", "Refused: outstanding_balance would be −50", "Led there by", "100"):
        assert word in texts


def test_the_same_story_gives_the_same_bytes():
    def story() -> str:
        lab = fl.Lab(clock=fl.testing.Clock("2026-06-01T09:00"))
        refused_at_every_stage(lab)
        return lab.rejections.inspect().static().html

    assert story() == story()


def test_a_page_without_a_kernel_carries_what_fits_and_says_what_it_left_out(lab):
    stream = DebtEventStream.for_("debts-1", lab=lab)
    stream.append(issued(100))
    for k in range(420):
        stream.append(paid(200 + k))
    inspector = lab.rejections.inspect(text="300")
    page = inspector.static()
    assert len(page.html) < LARGEST
    data = page._state["data"]
    assert len(data["rows"]) > 50
    assert data["rows"][0]["n"] == 420
    assert 101 in [row["n"] for row in data["rows"]]  # the one that is shown
    assert data["left_out"].startswith(f"{420 - len(data['rows'])} attempts left out of this page.")
    assert set(data["details"]) == {str(row["n"]) for row in data["rows"]}


def test_hostile_names_and_payloads_are_text(lab):
    bad = "<img src=x onerror=alert(1)></script>"

    class Hostile(fl.Event, name=f"Inspected::{bad}"):
        amount: Decimal

    NoteStream.for_(bad, lab=lab).append(Hostile(amount=bad))
    inspector = lab.rejections.inspect()
    page = inspector.static()
    assert "<img src=x" not in page.html.replace('<img src="data:', "")
    ElementTree.fromstring(page.svg)
    assert inspector.retry().values == {"amount": bad}


def test_rejections_that_know_no_lab_say_where_to_ask(lab):
    with pytest.raises(TypeError, match=r"ask lab\.rejections"):
        Rejections(lab.store).inspect()


# --- what led to an attempt, by its own word ------------------------------------------------------------------------


def test_an_attempt_says_what_caused_it(lab, refused):
    first = NoteStream.for_("mail", lab=lab).append_or_raise(noted())
    attempt = DebtEventStream.for_("debts-1", lab=lab).append(paid(700, 20), caused_by=first)
    late = DebtEventStream.for_("debts-1", lab=lab).read()
    DebtEventStream.for_("debts-1", lab=lab).append_or_raise(paid(1, 21))
    denied = late.append(paid(2, 21), caused_by=first)
    inspector = lab.rejections.inspect()
    for event in (attempt, denied):
        inspector.selection = event
        rows = [row[:2] for row in panel(inspector, 0)]
        assert ["caused by", "mail#1"] in rows
        assert ["correlation", "mail#1"] in rows
        assert inspector.static().svg.count("mail#1") >= 2


def test_an_attempt_leads_to_what_explains_the_event_it_met(lab, refused):
    inspector = lab.rejections.inspect(stage="conflict")
    assert told(inspector)["panels"][2]["said"][0].endswith("more of #2: stream.explain(2)")
    inspector = lab.rejections.inspect(stage="own")
    assert "explain" not in str(told(inspector)["panels"])
