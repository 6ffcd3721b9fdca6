"""EventStream: its door, its configuration, what it can be asked (rules 1 to 4)."""

from __future__ import annotations

from datetime import timedelta
from time import perf_counter

import pytest

import funes_lab as fl
from funes_lab.seen import STREAMS
from tests.domain import (
    DebtEventStream,
    Issued,
    NoteStream,
    Texts,
    Trail,
    balance,
    day,
    issued,
    noted,
    paid,
    rows_of,
)

BAD_IDX = [
    (42, TypeError, r"idx must be a str, got 42 \(int\); write '42'"),
    (True, TypeError, "idx must be a str, got True"),
    ((1, 2), TypeError, "idx must be a str"),
    (b"x", TypeError, "idx must be a str"),
    (None, TypeError, "idx must be a str"),
    (1.5, TypeError, "idx must be a str"),
    ("", ValueError, "idx must not be empty; it names the stream"),
    ("x" * 1025, ValueError, "idx must have at most 1024 characters, got 1,025"),
    ("a\x00b", ValueError, "idx must not contain a NUL character"),
    ("\ud800", ValueError, "idx must not contain half of a surrogate pair"),
]


@pytest.mark.parametrize(("idx", "error", "said"), BAD_IDX)
def test_an_idx_that_a_log_must_not_have_is_refused_at_the_door(lab, idx, error, said):
    with pytest.raises(error, match=said):
        NoteStream.for_(idx, lab=lab)
    assert rows_of(lab) == 0


@pytest.mark.parametrize(
    "idx", ["x", "x" * 1024, "42", "ünï ∑ 🎲", "'; DROP TABLE event_entries; --", '"q", 1', "a\nb"]
)
def test_any_other_text_is_an_idx(any_lab, idx):
    stream = NoteStream.for_(idx, lab=any_lab)
    assert stream.append(noted("x")).version == 1
    assert (stream.idx, stream.version, stream.events[0].text) == (idx, 1, "x")
    first, second = stream.read(), stream.read()
    first.append(noted())
    assert second.append(noted()).rejection.stage == "conflict"
    assert list(any_lab.log.streams().idx) == [idx]


def test_two_idx_that_look_alike_are_two_streams(lab):
    for idx in ("a", "A", "a ", "\u00e1", "a\u0301"):
        assert NoteStream.for_(idx, lab=lab).append(noted()).version == 1


@pytest.mark.parametrize("event", [None, "text", 5, {"text": "x"}, Issued, [noted()], Texts()])
@pytest.mark.parametrize("call", ["append", "append_or_raise", "check"])
def test_what_is_no_event_is_refused_by_name(lab, event, call):
    stream = NoteStream.for_("n", lab=lab)
    for side in (stream, stream.read()):
        with pytest.raises(TypeError, match=r"event must be an instance of an fl\.Event subclass, got"):
            getattr(side, call)(event)


@pytest.mark.parametrize(
    ("version", "error", "said"),
    [
        (1.0, TypeError, r"expected_version must be an int, got 1.0 \(float\)"),
        (1.5, TypeError, "expected_version must be an int, got 1.5"),
        (True, TypeError, "expected_version must be an int, got True"),
        ("1", TypeError, "expected_version must be an int, got '1'"),
        (-1, ValueError, "expected_version must be 0 or more, got -1"),
    ],
)
def test_a_version_that_is_none_is_refused_by_name(lab, version, error, said):
    stream = NoteStream.for_("n", lab=lab)
    for call in (stream.append, stream.append_or_raise):
        with pytest.raises(error, match=said):
            call(noted(), expected_version=version)
    assert rows_of(lab) == 0
    assert len(lab.rejections) == 0


def test_a_stream_needs_no_set_up_and_an_empty_one_is_still_true(lab):
    stream = NoteStream.for_("n", lab=lab)
    assert (len(stream), stream.version, stream.events, bool(stream)) == (0, 0, [], True)
    assert len(stream.df()) == 0
    assert len(stream.replay(Trail)) == 0
    for ask in (stream.projected_with, stream.state_errors):
        with pytest.raises(fl.StreamNotFound, match="NoteStream 'n' has no event to project to a Texts"):
            ask(Trail)


def test_versions_are_1_2_3_and_appended_events_know_theirs(any_lab, clock):
    stream = NoteStream.for_("n", lab=any_lab)
    now = clock.now
    events = [stream.append(noted(str(number))) for number in range(3)]
    assert [event.version for event in events] == [1, 2, 3]
    assert [event.created_at for event in events] == [now + timedelta(seconds=n) for n in range(3)]
    assert all(event.persisted and event.valid and event.rejection is None for event in events)
    assert (stream.version, len(stream)) == (3, 3)
    for event, read in zip(events, stream.events, strict=True):
        assert read == event
        assert (read.version, read.created_at, read.occurred_at) == (event.version, event.created_at, event.occurred_at)
        assert read.meta_info == {}


def test_what_the_log_learned_by_then_and_what_had_happened_by_then(lab, clock):
    debt = DebtEventStream.for_("d", lab=lab)
    clock.set("2026-02-01")
    debt.append(issued(100, on=0))
    clock.set("2026-03-01")
    debt.append(paid(30, on=1))
    assert balance(debt) == 70
    assert balance(debt, as_of="2026-02-15") == 100
    assert balance(debt, at=day(0.5)) == 100
    assert balance(debt, at=day(1), as_of="2026-02-15") == 100
    assert balance(debt, at="2026-01-02T00:00:00Z") == 70
    assert balance(debt, at="2026-01-01T23:59:59.999999Z") == 100
    with pytest.raises(fl.StreamNotFound, match=r"at=2025-01-01, as_of=2025-02-01"):
        balance(debt, at="2025-01-01", as_of="2025-02-01")
    with pytest.raises(LookupError):
        balance(debt, at="2025-01-01")


# Configuration


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("consistency_projection", Texts, "Bad: consistency_projection must be a subclass of fl.Projection"),
        ("consistency_projection", "Trail", "Bad: consistency_projection must be"),
        ("consistency_order", "sideways", "Bad: consistency_order must be 'true_place' or 'on_top', got 'sideways'"),
        ("consistency_order", None, "Bad: consistency_order must be"),
        ("actual_time_attribute", 5, "Bad: actual_time_attribute must be the name of an attribute.*got 5"),
        ("actual_time_attribute", "not a name", "Bad: actual_time_attribute must be"),
    ],
)
def test_a_wrong_configuration_fails_when_the_class_is_defined(option, value, said):
    with pytest.raises(fl.DefinitionError, match=said):
        type("Bad", (fl.EventStream,), {option: value})


def test_subclasses_inherit_the_configuration(lab):
    class Special(DebtEventStream):
        consistency_order = "on_top"

    stream = Special.for_("d", lab=lab)
    assert isinstance(stream, DebtEventStream)
    assert stream.append(issued(10, on=3)).occurred_at == day(3)
    assert stream.append(paid(11)).state_errors


def test_a_stream_is_bound_to_its_lab_when_it_is_made(lab):
    stream = NoteStream.for_("n")
    other = fl.Lab()
    stream.append(noted())
    assert stream.lab is lab
    assert (rows_of(lab), rows_of(other)) == (1, 0)
    assert NoteStream.for_("n").lab is other
    assert NoteStream.for_("n", lab=lab).version == 1


# What is remembered is never wrong (rule 2)


def test_rule_2_a_stream_object_sees_what_another_one_wrote(any_lab):
    one, two = (DebtEventStream.for_("d", lab=any_lab) for _ in range(2))
    one.append(issued(100))
    assert two.append(paid(60)).version == 2
    assert one.append(paid(60)).state_errors
    assert one.append(paid(40)).version == 3
    assert two.append(paid(1)).state_errors
    assert balance(two) == 0


def test_rule_2_it_judges_on_what_another_program_wrote_too(lab):
    debt = DebtEventStream.for_("d", lab=lab)
    debt.append(issued(100))
    row = {"klass": "Debts::PaymentReceived", "idx": "d", "created_at": day(9), "occurred_at": day(2)}
    props = {"principal_amount": "90", "interest_amount": "0", "at": "2026-01-03T00:00:00Z"}
    fl.testing.raw_insert(lab, {**row, "version": 2, "props": props})
    # remembered: version 1, owing 100; that this one is accepted or refused follows from what is there
    assert debt.append(paid(20, on=3)).state_errors
    assert debt.append(paid(10, on=3)).version == 3
    fl.testing.raw_insert(lab, {**row, "version": 4, "props": {**props, "principal_amount": "-50"}})
    assert debt.append(paid(50, on=3)).version == 5
    assert balance(debt) == 0


def test_rule_2_an_event_refused_from_memory_is_judged_again_on_the_latest(lab):
    debt = DebtEventStream.for_("d", lab=lab)
    debt.append(issued(100))
    assert not debt.append(paid(150)).persisted
    props = {"amount": "500", "interest_rate": "0", "at": "2026-01-01T12:00:00Z"}
    row = {"klass": "Debts::Issued", "idx": "d", "version": 2, "props": props}
    fl.testing.raw_insert(lab, {**row, "created_at": day(9), "occurred_at": day(0.5)})
    assert debt.append(paid(150)).version == 3
    assert len(lab.rejections) == 1


def test_rule_2_a_block_that_breaks_on_what_is_remembered_is_tried_on_the_latest(lab):
    class Fragile(Trail):
        @fl.interpretation_for(type(noted()))
        def noted(state, event):
            if event.text == "needs two" and len(state.texts) < 2:
                raise LookupError("there is only one")
            state.texts.append(event.text)

    class Stream(fl.EventStream):
        consistency_projection = Fragile

    stream = Stream.for_("n", lab=lab)
    stream.append(noted("a"))
    row = {"klass": "Debts::Noted", "idx": "n", "version": 2, "props": {"text": "b"}}
    fl.testing.raw_insert(lab, {**row, "created_at": day(900), "occurred_at": day(900)})
    assert stream.append(noted("needs two"), at=day(901)).version == 3


def test_rule_2_expected_version_refuses_as_a_conflict_and_names_the_winner(lab):
    stream = NoteStream.for_("n", lab=lab)
    assert stream.append(noted("a"), expected_version=0).version == 1
    late = stream.append(noted("b"), expected_version=0)
    assert (late.persisted, late.rejection.stage) == (False, "conflict")
    assert (late.rejection.winner.version, late.rejection.winner.event) == (1, "Debts::Noted")
    assert (late.rejection.version_read, late.rejection.version_tried) == (0, 1)
    assert "version 1 was taken by Debts::Noted (text a)" in late.errors.full_messages[0]
    early = stream.append(noted("c"), expected_version=7)
    assert early.errors.full_messages == ["the stream is not at version 7, as expected; read again and retry"]
    assert stream.append(late, expected_version=1).version == 2


def test_an_expected_version_that_is_not_there_yet_is_refused_at_once(lab):
    start = perf_counter()
    assert not NoteStream.for_("n", lab=lab).append(noted(), expected_version=7).persisted
    assert perf_counter() - start < 0.4


def test_rule_10_memories_are_bounded_and_a_stream_that_was_forgotten_is_judged_right(lab):
    debts = [DebtEventStream.for_(str(number), lab=lab) for number in range(STREAMS + 50)]
    for debt in debts:
        debt.append(issued(10))
    assert len(lab.memory) == STREAMS
    assert lab.memory.take(debts[0].idx) is None
    assert lab.memory.take(debts[-2].idx) is not None
    for debt in (debts[0], debts[-1]):
        assert debt.append(paid(11)).state_errors
        assert debt.append(paid(10)).version == 2


def test_the_reprs_of_a_stream_are_text_and_html(lab):
    debt = DebtEventStream.for_("debts-<1>", lab=lab)
    for count in (0, 1, 6, 60):
        while len(debt) < count:
            debt.append(issued(1000, on=len(debt)))
        for side in (debt, debt.read()):
            assert "debts-<1>" in repr(side)
            assert "debts-&lt;1&gt;" in side._repr_html_()
            assert "<1>" not in side._repr_html_()
