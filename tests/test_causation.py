"""Causation: `append(event, caused_by=…)` says what led to an event, and carries the correlation id on."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

import funes_lab as fl
from funes_lab.causation import id_of, place_of
from tests.domain import DebtEventStream, NoteStream, noted, paid


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    user: str = "nobody"


class Request(BaseModel):
    correlation_id: str | None = None
    causation_id: str | None = None


class Traced(BaseModel):
    correlation_id: UUID = Field(default_factory=uuid4)


class Asked(BaseModel):
    correlation_id: str = Field(min_length=3)


@pytest.fixture
def lab(clock) -> fl.Lab:
    return fl.Lab(clock=clock)


def note(idx: str = "a", **options) -> fl.Event:
    return NoteStream.for_(idx).append_or_raise(noted(), **options)


def ids(event: fl.Event) -> tuple[object, object]:
    return event.meta_info.get("correlation_id"), event.meta_info.get("causation_id")


# --- what is carried on ---------------------------------------------------------------------------------------------


def test_without_a_cause_nothing_is_written(lab):
    note()
    assert lab.sql("SELECT meta_info::VARCHAR AS said FROM event_entries").said.tolist() == ["{}"]


def test_an_event_has_the_id_of_its_cause_and_carries_the_correlation_on(lab):
    first = note()
    second = note("b", caused_by=first)
    third = note("c", caused_by=second)
    assert ids(first) == (None, None)
    assert ids(second) == ("a#1", "a#1")
    assert ids(third) == ("a#1", "b#1")
    assert [ids(event) for event in NoteStream.for_("c").events] == [("a#1", "b#1")]


def test_a_cause_that_was_read_from_the_log_is_as_good_as_the_object_that_was_appended(lab):
    note()
    (read,) = NoteStream.for_("a").events
    assert ids(note("b", caused_by=read)) == ("a#1", "a#1")


@pytest.mark.parametrize(
    "way", ["append", "append_or_raise", "append_all", "reading", "reading_or_raise", "batch_of_reading"]
)
def test_every_way_to_append_takes_a_cause(lab, way):
    cause, stream = note(), NoteStream.for_("b")
    appended = {
        "append": lambda: [stream.append(noted(), caused_by=cause)],
        "append_or_raise": lambda: [stream.append_or_raise(noted(), caused_by=cause)],
        "append_all": lambda: stream.append_all([noted(), noted()], caused_by=cause),
        "reading": lambda: [stream.read().append(noted(), caused_by=cause)],
        "reading_or_raise": lambda: [stream.read().append_or_raise(noted(), caused_by=cause)],
        "batch_of_reading": lambda: stream.read().append_all([noted(), noted()], caused_by=cause),
    }[way]()
    assert {ids(event) for event in [*appended, *stream.events]} == {("a#1", "a#1")}


def test_inside_a_transaction_an_event_that_is_not_committed_yet_is_a_cause(lab):
    with lab.transaction():
        first = note()
        second = note("b", caused_by=first)
    assert ids(second) == ("a#1", "a#1")
    assert ids(NoteStream.for_("b").events[0]) == ("a#1", "a#1")


def test_a_branch_takes_causes_of_its_own_and_of_the_log(lab):
    first, other = note(), note("elsewhere")
    branch = NoteStream.for_("a").branch()
    second = branch.append(noted(), caused_by=first)
    assert ids(branch.branch().append(noted(), caused_by=other)) == ("elsewhere#1", "elsewhere#1")
    assert ids(branch.append(noted(), caused_by=second)) == ("a#1", "a#2")
    with pytest.raises(ValueError, match="caused_by"):
        branch.skip(1).append(noted(), caused_by=first)
    assert len(lab.log) == 2


def test_a_retry_after_a_lost_race_has_the_same_cause(lab):
    cause, stream = note(), NoteStream.for_("b")
    late = stream.read()
    note("b")
    lost = late.append(noted(), caused_by=cause)
    assert not lost.persisted
    assert lost.rejection.meta_info == {"correlation_id": "a#1", "causation_id": "a#1"}
    assert ids(stream.append(lost, caused_by=cause, retry=1)) == ("a#1", "a#1")


def test_what_was_refused_says_in_the_journal_what_led_to_it(lab):
    cause = note()
    refused = DebtEventStream.for_("debt").append(paid(5), caused_by=cause)
    assert refused.rejection is not None
    assert refused.meta_info == {}
    assert lab.rejections.df().meta_info.tolist() == [{"correlation_id": "a#1", "causation_id": "a#1"}]


def test_frames_of_the_log_show_the_ids(lab):
    note("b", caused_by=note())
    frame = lab.log.df()
    assert frame["meta_info.causation_id"].fillna("").tolist() == ["", "a#1"]
    assert frame["meta_info.correlation_id"].fillna("").tolist() == ["", "a#1"]


def test_a_log_that_was_written_to_a_file_and_loaded_knows_its_causes(lab):
    note("b", caused_by=note())
    copy = fl.Lab()
    copy.load(lab.log.df(expand=False))
    (there,) = NoteStream.for_("b", lab=copy).events
    assert ids(NoteStream.for_("c", lab=copy).append(noted(), caused_by=there)) == ("a#1", "b#1")


# --- beside the user's metainformation ------------------------------------------------------------------------------


def test_the_ids_are_not_judged_by_a_model_that_forbids_other_names(clock):
    lab = fl.Lab(clock=clock, metainformation_model=Strict)
    with lab.metainformation(user="Ada"):
        event = note("b", caused_by=note())
    assert event.meta_info == {"user": "Ada", "correlation_id": "a#1", "causation_id": "a#1"}
    with pytest.raises(TypeError, match="correlation_id"), lab.metainformation(correlation_id="x"):
        pass


def test_a_correlation_id_of_the_users_own_is_kept_and_carried_on(clock):
    lab = fl.Lab(clock=clock, metainformation_model=Request)
    with lab.metainformation(correlation_id="request-7"):
        first = note()
        second = note("b", caused_by=first)
    third = note("c", caused_by=second)
    assert [ids(event) for event in (first, second, third)] == [
        ("request-7", None), ("request-7", "a#1"), ("request-7", "b#1"),
    ]  # fmt: skip


def test_where_the_cause_has_no_correlation_the_users_own_begins_one(clock):
    lab = fl.Lab(clock=clock, metainformation_model=Request)
    first = note()
    with lab.metainformation(correlation_id="request-7", causation_id="a#1"):
        assert ids(note("b", caused_by=first)) == ("request-7", "a#1")


@pytest.mark.parametrize("bound", [{"correlation_id": "request-8"}, {"causation_id": "b#9"}])
def test_what_contradicts_the_cause_is_a_fault_and_nothing_is_stored(clock, bound):
    lab = fl.Lab(clock=clock, metainformation_model=Request)
    with lab.metainformation(correlation_id="request-7"):
        first = note()
    (name, value) = next(iter(bound.items()))
    with lab.metainformation(**bound), pytest.raises(fl.InvalidMetainformationError, match=f"{name}='{value}'"):
        note("b", caused_by=first)
    with lab.metainformation(**bound), lab.transaction(), pytest.raises(fl.InvalidMetainformationError, match=name):
        note("b", caused_by=first)
    assert len(lab.log) == 1


@pytest.mark.parametrize("empty", [None, ""])
def test_an_empty_id_contradicts_nothing_and_is_not_carried_on(clock, empty):
    lab = fl.Lab(clock=clock, metainformation_model=Request)
    with lab.metainformation(correlation_id=empty):
        first = note()
        assert ids(note("b", caused_by=first)) == ("a#1", "a#1")


def test_a_default_of_the_model_gives_way_to_what_is_carried_on(clock):
    fl.Lab(clock=clock, metainformation_model=Traced)
    first = note()
    second, third = note("b", caused_by=first), note("c")
    assert ids(second) == (ids(first)[0], "a#1")
    assert ids(third)[0] != ids(first)[0]


def test_a_model_that_asks_for_a_correlation_id_gets_the_one_that_is_carried_on(clock):
    lab = fl.Lab(clock=clock, metainformation_model=Asked)
    with lab.metainformation(correlation_id="request-7"):
        first = note()
    assert ids(note("b", caused_by=first)) == ("request-7", "a#1")
    with pytest.raises(fl.InvalidMetainformationError, match="Correlation"):
        note("b")


def test_ids_of_any_json_kind_are_carried_on_as_they_are(clock):
    class Numbered(BaseModel):
        correlation_id: int | None = None

    lab = fl.Lab(clock=clock, metainformation_model=Numbered)
    with lab.metainformation(correlation_id=0):
        first = note()
    assert ids(note("b", caused_by=first)) == (0, "a#1")


def test_a_refused_attempt_in_a_context_that_does_not_hold_is_still_refused(clock):
    lab = fl.Lab(clock=clock, metainformation_model=Asked)
    with lab.metainformation(correlation_id="request-7"):
        first = note()
    with lab.metainformation(correlation_id="another"):
        refused = DebtEventStream.for_("debt").append(paid(5), caused_by=first)
    assert refused.rejection.meta_info == {"correlation_id": "request-7", "causation_id": "a#1"}


# --- what is no cause -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["a#1", 1, ("a", 1), object(), fl.Event])
def test_what_is_no_event_is_no_cause(lab, wrong):
    for append in (lambda: note(caused_by=wrong), lambda: NoteStream.for_("a").read().append_all([], caused_by=wrong)):
        with pytest.raises(TypeError, match="caused_by must be an event"):
            append()
    assert len(lab.log) == 0


def test_an_event_that_is_not_in_the_log_is_no_cause(lab):
    refused = DebtEventStream.for_("debt").append(paid(5))
    with lab.transaction():
        undone = note()
        raise fl.Rollback
    for event, why in ((noted(), "append it first"), (refused, "was refused"), (undone, "append it first")):
        with pytest.raises(ValueError, match=f"caused_by must be .* in the log.*{why}"):
            note("b", caused_by=event)
    assert len(lab.log) == 0


def test_an_event_of_another_log_is_no_cause(lab):
    stale = note()
    fl.Lab()
    with pytest.raises(ValueError, match=r"caused_by must be an event of this log; this .* is 'a#1' of another one"):
        note("b", caused_by=stale)
    note("a")
    with pytest.raises(ValueError, match="another one"):
        note("b", caused_by=stale)


# --- ids -------------------------------------------------------------------------------------------------------------


@given(st.text(min_size=1, max_size=20), st.integers(1, 2**62))
def test_an_id_says_where_its_event_stands_whatever_the_stream_is_called(idx, version):
    assert place_of(id_of(idx, version)) == (idx, version) or version >= 10**18


@pytest.mark.parametrize(
    "foreign", ["", "a", "#1", "a#", "a#0", "a#01", "a#-1", "a#1.0", "a#１", 7, None, ["a#1"], "a#" + "9" * 40]
)
def test_what_is_no_id_of_this_log_stands_nowhere(foreign):
    assert place_of(foreign) is None


def test_ids_in_the_log_are_plain_json_texts(lab):
    cause = NoteStream.for_('Grüße "§" #7').append(noted())
    note("b", caused_by=cause)
    (stored,) = lab.sql("SELECT meta_info::VARCHAR AS said FROM event_entries WHERE idx = 'b'").said
    assert json.loads(stored)["causation_id"] == 'Grüße "§" #7#1'
