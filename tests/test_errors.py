"""Errors on an event, and the family of exceptions."""

from __future__ import annotations

import logging
import pickle

import pytest

import funes_lab as fl
from tests.domain import DebtEventStream, Noted, NoteStream, Trail, balance, issued, noted, paid

FAMILY = {
    "DefinitionError": (fl.FunesLabError, TypeError),
    "EventRejected": (fl.FunesLabError,),
    "ConflictError": (fl.EventRejected,),
    "AlreadyPersistedError": (fl.FunesLabError,),
    "ProjectionError": (fl.FunesLabError,),
    "UnknownEventError": (fl.ProjectionError,),
    "UpcastError": (fl.FunesLabError,),
    "StreamNotFound": (fl.FunesLabError, LookupError),
    "MissingActualTimeAttributeError": (fl.FunesLabError,),
    "ConflictingActualTimeError": (fl.FunesLabError,),
    "InvalidMetainformationError": (fl.FunesLabError,),
    "InvalidReadModelError": (fl.FunesLabError,),
    "TransactionError": (fl.FunesLabError,),
    "StoreError": (fl.FunesLabError,),
    "StoreLockedError": (fl.StoreError,),
    "CorruptLogError": (fl.StoreError,),
    "SchemaVersionError": (fl.StoreError,),
    "ReadOnlyError": (fl.StoreError,),
    "ClosedError": (fl.StoreError,),
    "ForkedProcessError": (fl.StoreError,),
}


@pytest.mark.parametrize(("name", "bases"), FAMILY.items())
def test_every_exception_is_of_one_family(name, bases):
    for base in bases:
        assert issubclass(getattr(fl, name), base)


def test_no_exception_is_missing_from_this_list():
    public = {name for name in fl.__all__ if isinstance(getattr(fl, name), type)}
    raised = {name for name in public if issubclass(getattr(fl, name), fl.FunesLabError)}
    assert raised - {"FunesLabError"} == set(FAMILY)


# The collection


def test_errors_are_pairs_that_know_where_they_come_from():
    errors = fl.Errors([
        fl.Error("interest_rate", "must be greater than 0", rule="Issued", value=-1),
        fl.Error("base", "No debt is open", "interpretation"),
        fl.Error("customer_id", "can't be blank", "state"),
        fl.Error("interest_rate", "must be a number"),
    ])  # fmt: skip
    attribute, message = errors[0]
    assert (attribute, message) == ("interest_rate", "must be greater than 0")
    assert (errors[0].attribute, errors[0].message, errors[0].source, errors[0].rule, errors[0].value) == (
        "interest_rate", "must be greater than 0", "own", "Issued", -1)  # fmt: skip
    assert errors.on("interest_rate") == ["must be greater than 0", "must be a number"]
    assert errors.on("elsewhere") == []
    assert errors.full_messages == ["Interest rate must be greater than 0", "No debt is open",
                                    "Customer can't be blank", "Interest rate must be a number"]  # fmt: skip
    assert [error.source for error in errors] == ["own", "interpretation", "state", "own"]
    assert errors.to_list()[1] == ("base", "No debt is open")
    assert type(errors.to_list()[0]) is tuple
    assert len(errors) == 4
    assert errors
    assert errors == fl.Errors(errors)
    assert errors == errors.to_list()
    assert errors != fl.Errors()
    assert not fl.Errors()


def test_the_errors_of_an_event_are_own_then_state_then_interpretation(lab):
    debt = DebtEventStream.for_("d", lab=lab)
    debt.append(issued(10))
    event = debt.append(paid(13))
    assert event.errors.to_list() == [
        ("base", "Led to invalid state: Outstanding balance must be greater than or equal to 0"),
        ("principal_amount", "must not be unlucky"),
    ]
    assert event.state_errors.to_list() == [("outstanding_balance", "must be greater than or equal to 0")]
    assert event.own_errors.to_list() == [("principal_amount", "must not be unlucky")]
    assert [error.source for error in event.errors] == ["state", "interpretation"]
    assert [error.rule for error in event.errors] == ["OutstandingBalance", "VirtualOutstandingBalance.paid"]
    assert event.errors[0].origin == ("outstanding_balance", "must be greater than or equal to 0")
    assert event.errors[0].origin.value == -3
    assert event.errors.where == "d"


def test_rule_6_errors_stand_until_the_next_attempt_and_a_persisted_event_has_none(lab):
    debt = DebtEventStream.for_("d", lab=lab)
    debt.append(issued(10))
    event = debt.append(paid(11))
    rejection = event.rejection
    assert event.errors
    assert event.rejection is rejection
    assert debt.append(event).errors == event.errors
    assert event.rejection is not rejection
    DebtEventStream.for_("other", lab=lab).append(issued(100))
    DebtEventStream.for_("other", lab=lab).append(event)
    assert event.persisted
    assert event.valid
    assert not event.errors
    assert not event.own_errors
    assert not event.state_errors
    assert event.rejection is None


def test_own_errors_never_go_away(lab):
    event = NoteStream.for_("n", lab=lab).append(Noted())
    assert not NoteStream.for_("other", lab=lab).append(event).persisted
    assert event.own_errors.full_messages == ["Text can't be blank"]


# errors.add


def test_rule_6_errors_add_works_only_while_a_block_judges_the_event(lab):
    event = noted()
    for refused in (event, NoteStream.for_("n", lab=lab).append(event)):
        with pytest.raises(fl.FunesLabError, match=r"errors\.add works only while a block judges the event"):
            refused.errors.add("text", "is wrong")
        assert not refused.errors


@pytest.mark.parametrize(
    ("attribute", "message", "named"),
    [(5, "x", "attribute"), ("text", "", "message"), ("", "x", "attribute"), ("text", None, "message")],
)
def test_errors_add_takes_two_texts(attribute, message, named):
    with pytest.raises(TypeError, match=rf"{named} must be a text that is not empty, got"):
        noted().errors.add(attribute, message)


def test_a_block_sees_what_it_added_and_only_that(lab):
    seen: list[list[str]] = []

    class Wary(Trail):
        @fl.interpretation_for(Noted)
        def noted(state, event):
            seen.append(event.errors.full_messages)
            if event.text == "bad":
                event.errors.add("text", "is bad")
                event.errors.add("base", "No more")
                seen.append(event.errors.full_messages)

    class Stream(fl.EventStream):
        consistency_projection = Wary

    stream = Stream.for_("n", lab=lab)
    bad = stream.append(noted("bad"))
    assert stream.append(noted("good")).persisted
    assert bad.errors.full_messages == ["Text is bad", "No more"]
    assert [error.source for error in bad.errors] == ["interpretation"] * 2
    assert [error.rule for error in bad.errors] == ["Wary.noted"] * 2
    assert seen == [[], ["Text is bad", "No more"], []]


def test_outside_a_consistency_projection_errors_add_is_a_logged_warning(lab, caplog):
    stream = NoteStream.for_("n", lab=lab)
    stream.append(noted())

    class Wary(Trail):
        @fl.interpretation_for(Noted)
        def noted(state, event):
            event.errors.add("text", "is bad")
            state.texts.append(event.text)

    with caplog.at_level(logging.WARNING, logger="funes_lab"):
        assert stream.projected_with(Wary).texts == ["hello"]
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "Wary" in record.getMessage()
    assert "'is bad'" in record.getMessage()
    assert stream.events[0].valid


# append_or_raise (rule 4)


def test_rule_4_append_or_raise_raises_event_rejected_with_the_event(lab):
    debt = DebtEventStream.for_("d", lab=lab)
    assert debt.append_or_raise(issued(10)).version == 1
    event = paid(11)
    with pytest.raises(fl.EventRejected, match="Led to invalid state: Outstanding balance must be greater") as caught:
        debt.append_or_raise(event)
    assert type(caught.value) is fl.EventRejected
    assert caught.value.event is event
    assert caught.value.errors == event.errors
    assert len(debt.rejections) == 1
    assert balance(debt) == 10


def test_rule_4_append_or_raise_raises_conflict_error_for_a_lost_race(lab):
    stream = NoteStream.for_("n", lab=lab)
    first, second = stream.read(), stream.read()
    assert first.append_or_raise(noted("first")).version == 1
    with pytest.raises(fl.ConflictError, match="version 1 was taken by Debts::Noted") as caught:
        second.append_or_raise(noted("second"))
    assert isinstance(caught.value, fl.EventRejected)
    assert caught.value.event.rejection.stage == "conflict"
    with pytest.raises(fl.ConflictError):
        stream.append_or_raise(noted(), expected_version=0)


def test_the_reprs_of_errors_are_text_and_html(lab):
    debt = DebtEventStream.for_("d-1", lab=lab)
    event = debt.append(paid(13))
    for shown in (repr(event.errors), event.errors._repr_html_()):
        assert "must not be unlucky" in shown
        assert "d-1" in shown
    assert repr(fl.Errors())
    assert "<section" in fl.Errors()._repr_html_()


def test_errors_can_be_sent_to_another_process(lab):
    debt = DebtEventStream.for_("d-1", lab=lab)
    for event in (debt.append(paid(13)), debt.append(issued(-5))):
        sent = pickle.loads(pickle.dumps(event.rejection))
        assert [vars(error) for error in sent.errors] == [vars(error) for error in event.rejection.errors]
        assert repr(sent.explain()) == repr(event.rejection.explain())
