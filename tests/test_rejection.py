"""The journal: every attempt that did not become a fact, with its evidence, and it outlives a restart."""

from __future__ import annotations

import enum
import uuid
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from pydantic import BaseModel, Field

import funes_lab as fl
from tests.domain import DebtEventStream, Noted, NoteStream, balance, day, issued, noted, paid, rows_of

COLUMNS = {
    "idx": "category",
    "event": "category",
    "time": "datetime64[us, UTC]",
    "stage": "category",
    "errors": "str",
    "payload": "object",
    "at": "datetime64[us, UTC]",
    "version_read": "int64",
    "projection": "str",
    "stream_class": "str",
    "state_before": "object",
    "state_after": "object",
    "winner": "str",
    "meta_info": "object",
}


def refused_at_every_stage(lab: fl.Lab) -> list[fl.Event]:
    """One event refused by each gate."""
    debt = DebtEventStream.for_("debts-1", lab=lab)
    own = debt.append(issued(-5))
    debt.append(issued(100))
    state = debt.append(paid(150))
    interpretation = debt.append(paid(13))
    late = debt.read()
    debt.append(paid(40, on=9))
    conflict = late.append(paid(10, on=5))
    backdated = debt.append(paid(70, on=5))
    return [own, state, interpretation, conflict, backdated]


def test_every_refusal_is_journalled_with_all_that_is_known_of_it(any_lab, clock):
    events = refused_at_every_stage(any_lab)
    own, state, interpretation, conflict, backdated = any_lab.rejections
    assert [r.id for r in any_lab.rejections] == [event.rejection.id for event in events]
    assert [r.stage for r in any_lab.rejections] == ["own", "state", "interpretation", "conflict", "state"]
    for rejection, event in zip(any_lab.rejections, events, strict=True):
        assert rejection == event.rejection
        assert rejection.idx == "debts-1"
        assert rejection.stream_class == "DebtEventStream"
        assert rejection.event == event.event_name
        assert rejection.payload == event.payload()
        assert rejection.meta_info == {}
        assert rejection.errors == event.errors
        assert [e.source for e in rejection.errors] == [e.source for e in event.errors]
        assert [e.rule for e in rejection.errors] == [e.rule for e in event.errors]
        assert rejection.time.tzinfo is not None
        assert datetime(2026, 6, 1, 9, tzinfo=UTC) <= rejection.time < clock.now
    assert (own.at, own.projection, own.state_before, own.state_after, own.place) == (None, None, None, None, None)
    assert (own.version_read, own.version_tried, own.last, own.winner) == (0, 1, None, None)
    assert (state.at, state.projection) == (day(1), "VirtualOutstandingBalance")
    assert state.state_before == {"outstanding_balance": Decimal(100), "last_payment_at": None}
    assert state.state_after == {"outstanding_balance": Decimal(-50), "last_payment_at": day(1)}
    assert (state.version_read, state.last.version, state.last.event) == (1, 1, "Debts::Issued")
    assert state.last.payload["amount"] == 100
    assert interpretation.state_after["outstanding_balance"] == 87
    assert (conflict.version_read, conflict.version_tried, conflict.at) == (1, 2, day(5))
    assert (conflict.winner.version, conflict.winner.event) == (2, "Debts::PaymentReceived")
    assert conflict.winner.payload["principal_amount"] == 40
    assert (backdated.place, backdated.version_read, backdated.last.version) == (1, 2, 1)
    assert backdated.state_before["outstanding_balance"] == 100
    assert balance(DebtEventStream.for_("debts-1", lab=any_lab)) == 60


def test_the_journal_survives_a_restart_and_tells_the_same(path, clock):
    with fl.Lab(path, clock=clock) as lab:
        told = [(repr(e.rejection.explain()), e.rejection.explain()._repr_html_()) for e in refused_at_every_stage(lab)]
        frame = lab.rejections.df()
        listed = repr(lab.rejections)
    for read_only in (True, False):
        with fl.Lab(path, read_only=read_only) as lab:
            again = list(lab.rejections)
            assert [(repr(r.explain()), r.explain()._repr_html_()) for r in again] == told
            pd.testing.assert_frame_equal(lab.rejections.df(), frame)
            assert repr(lab.rejections) == listed


class Size(enum.Enum):
    SMALL = "s"


class Part(BaseModel):
    sku: str
    price: Decimal = Decimal("1.50")


class Anything(fl.Event, name="TestRejection::Anything"):
    value: Any
    refused: int = Field(default=-1, gt=0)


ODD = [
    timedelta(hours=1, microseconds=5),
    uuid.UUID(int=5),
    time(9, 30),
    date(2026, 1, 1),
    datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=5))),
    datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5))),
    datetime(2026, 1, 1),
    pd.NaT,
    pd.Timestamp("2026-01-01T00:00:00.000000001Z"),
    b"bytes \xff",
    {"c", "a", "b"},
    frozenset({3, 1, 2}),
    (1, (2, "x")),
    float("nan"),
    float("-inf"),
    Decimal("NaN"),
    Decimal("1E+400"),
    10**5000,
    Size.SMALL,
    Part(sku="x"),
    [Part(sku="x"), {"k": Part(sku="y")}],
    {"$": "time", "v": "x", "$x": 1, "$$": {}},
    {1: "x", None: "y", (1, 2): "z"},
    "a\x00b \ud800 \u202e",
    object(),
    object,
    Counter("aab"),
    [[[[[[[[[[1]]]]]]]]]],
    "x" * 100_000,
    1 + 2j,
]


@pytest.mark.parametrize("value", ODD, ids=lambda value: type(value).__name__)
def test_whatever_a_refused_event_holds_can_be_read_and_told_again(path, value):
    with fl.Lab(path) as lab:
        event = NoteStream.for_("n", lab=lab).append(Anything(value=value, refused=0))
        assert not event.persisted
        told = (repr(event.rejection.explain()), event.rejection.explain()._repr_html_())
        assert len(lab.rejections.df()) == 1
    with fl.Lab(path) as lab:
        (rejection,) = lab.rejections
        assert (repr(rejection.explain()), rejection.explain()._repr_html_()) == told
        assert rejection.errors == event.errors
        assert len(lab.rejections.df()) == 1


@pytest.mark.parametrize("value", [v for v in ODD if not isinstance(v, (str, int))], ids=lambda v: type(v).__name__)
def test_whatever_a_state_holds_can_be_read_and_told_again(path, value):
    class State(BaseModel):
        value: Any = None
        n: int = Field(default=0, lt=1)

    class Holding(fl.Projection[State]):
        @fl.interpretation_for(Noted)
        def noted(state, event):
            state.value = value
            state.n = 1

    class Stream(fl.EventStream):
        consistency_projection = Holding

    with fl.Lab(path) as lab:
        event = Stream.for_("n", lab=lab).append(noted())
        assert event.rejection.stage == "state"
        told = repr(event.rejection.explain())
    with fl.Lab(path) as lab:
        assert repr(lab.rejections[0].explain()) == told


def test_what_changes_later_does_not_change_what_was_refused(lab):
    given = {"list": [1]}
    event = Anything(value=given, refused=0)
    rejection = NoteStream.for_("n", lab=lab).append(event).rejection
    given["list"].append(2)
    event.value["list"].append(3)
    assert lab.rejections[0].payload["value"] == {"list": [1]}
    assert rejection.payload["value"] == {"list": [1]}


def test_the_frame_of_the_journal_has_its_columns_and_dtypes_always(any_lab):
    def dtypes() -> dict[str, str]:
        return {name: str(kind) for name, kind in any_lab.rejections.df().dtypes.items()}

    assert dtypes() == COLUMNS
    refused_at_every_stage(any_lab)
    frame = any_lab.rejections.df()
    assert dtypes() == COLUMNS
    assert list(frame.index) == [0, 1, 2, 3, 4]
    assert list(frame.stage) == ["own", "state", "interpretation", "conflict", "state"]
    assert frame.errors[0] == "Amount must be greater than 0"
    assert frame.payload[1]["principal_amount"] == 150
    assert frame.state_after[1]["outstanding_balance"] == -50
    assert frame.state_before[0] is None
    assert frame.winner[3] == "2 Debts::PaymentReceived"
    assert frame["at"][4] == day(5)
    assert pd.isna(frame["at"][0])
    assert list(frame.version_read) == [0, 1, 1, 1, 2]


def test_rejections_of_a_stream_are_its_own(any_lab):
    refused_at_every_stage(any_lab)
    other = NoteStream.for_("other", lab=any_lab)
    other.append(Noted())
    assert (len(other.rejections), len(any_lab.rejections)) == (1, 6)
    assert [r.idx for r in other.rejections] == ["other"]
    assert list(other.rejections.df().idx) == ["other"]
    assert other.rejections[0].id == other.rejections[-1].id
    assert not NoteStream.for_("third", lab=any_lab).rejections
    assert any_lab.rejections
    assert other.rejections.clear() == 1
    assert len(any_lab.rejections) == 5


def test_clear_forgets_the_attempts_and_leaves_the_log_alone(any_lab):
    refused_at_every_stage(any_lab)
    before = any_lab.log.df()
    assert any_lab.rejections.clear() == 5
    assert (len(any_lab.rejections), list(any_lab.rejections), any_lab.rejections.clear()) == (0, [], 0)
    pd.testing.assert_frame_equal(any_lab.log.df(), before)


def test_accepted_and_checked_events_and_faults_are_not_in_the_journal(any_lab):
    debt = DebtEventStream.for_("d", lab=any_lab)
    debt.append(issued(100))
    debt.check(paid(101))
    with pytest.raises(fl.MissingActualTimeAttributeError):
        debt.append(noted())
    with pytest.raises(fl.AlreadyPersistedError):
        debt.append(debt.append(paid(1)))
    assert len(any_lab.rejections) == 0
    assert rows_of(any_lab) == 2


def test_explain_tells_the_event_each_error_and_both_states(lab):
    _, state, interpretation, conflict, backdated = refused_at_every_stage(lab)
    for event, words in (
        (state, ["outstanding_balance", "100", "−50", "Debts::PaymentReceived", "150"]),
        (interpretation, ["must not be unlucky", "100", "87"]),
        (conflict, ["version 2", "Debts::PaymentReceived", "40"]),
        (backdated, ["judged after #1", "its place in time"]),
    ):
        for told in (repr(event.rejection.explain()), event.rejection.explain()._repr_html_()):
            for word in words:
                assert word in told
    assert repr(state.rejection).startswith("<Rejection Debts::PaymentReceived on 'debts-1' by state: Led to invalid")
    assert state.rejection._repr_html_() == state.rejection.explain()._repr_html_()


def test_the_list_of_attempts_shows_itself(lab):
    assert repr(lab.rejections)
    assert "<section" in lab.rejections._repr_html_()
    refused_at_every_stage(lab)
    for _ in range(30):
        NoteStream.for_("<b>", lab=lab).append(Noted())
    assert "can't be blank" in repr(lab.rejections)
    assert "&lt;b&gt;" in lab.rejections._repr_html_()
