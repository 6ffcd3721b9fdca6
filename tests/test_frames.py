"""DataFrames of events, states and the log: columns, dtypes, names that meet, nothing shared, nothing lost."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from pydantic import BaseModel

import funes_lab as fl
from tests.domain import (
    START,
    DebtEventStream,
    Noted,
    NoteStream,
    Texts,
    Trail,
    VirtualOutstandingBalance,
    day,
    issued,
    noted,
    paid,
)

KEYS = {
    "idx": "category",
    "version": "int64",
    "event": "category",
    "occurred_at": "datetime64[us, UTC]",
    "created_at": "datetime64[us, UTC]",
}


def dtypes(frame: pd.DataFrame) -> dict[str, str]:
    assert list(frame.index) == list(range(len(frame)))
    return {name: str(kind) for name, kind in frame.dtypes.items()}


@pytest.fixture
def stream(lab: fl.Lab) -> NoteStream:
    return NoteStream.for_("n", lab=lab)


@pytest.mark.parametrize("projection", [Trail, VirtualOutstandingBalance])
def test_empty_frames_have_their_columns_and_dtypes(lab, stream, projection):
    assert dtypes(stream.df()) == KEYS
    assert dtypes(lab.log.df()) == KEYS
    fields = list(projection._fold.state.model_fields)
    for frame in (stream.replay(projection), lab.replay(projection), stream.read().replay(projection)):
        assert len(frame) == 0
        assert list(frame.columns) == [*KEYS, *fields]
        assert {name: kind for name, kind in dtypes(frame).items() if name in KEYS} == KEYS
    assert dtypes(lab.log.streams()).keys() == {
        "idx",
        "events",
        "version",
        "first_at",
        "last_at",
        "last_event",
        "refused",
    }


def test_one_event_is_a_row_with_its_keys_and_attributes(lab):
    debt = DebtEventStream.for_("debts-1", lab=lab)
    debt.append(issued("100.10", on=3))
    for frame in (debt.df(), lab.log.df(), debt.read().df()):
        assert dtypes(frame) == {**KEYS, "amount": "object", "interest_rate": "object", "at": "datetime64[us, UTC]"}
        assert frame.to_dict("records") == [
            {"idx": "debts-1", "version": 1, "event": "Debts::Issued", "occurred_at": day(3),
             "created_at": datetime(2026, 6, 1, 9, tzinfo=UTC), "amount": Decimal("100.10"),
             "interest_rate": Decimal("0.05"), "at": day(3)}
        ]  # fmt: skip
    frame = debt.replay(VirtualOutstandingBalance)
    assert list(frame.columns) == [*KEYS, "outstanding_balance", "last_payment_at"]
    assert frame.outstanding_balance[0] == Decimal("100.10")
    assert pd.isna(frame.last_payment_at[0])


def test_events_of_several_types_have_the_columns_of_all_and_nothing_where_one_has_none(lab):
    debt = NoteStream.for_("d", lab=lab)
    for event in (issued(100), paid(5), noted("x")):
        debt.append(event)
    frame = debt.df()
    assert list(frame.columns[5:]) == ["amount", "interest_rate", "at", "principal_amount", "interest_amount", "text"]
    assert list(frame.amount) == [Decimal(100), None, None]
    assert frame.text[2] == "x"
    assert frame.text.isna().tolist() == [True, True, False]
    assert frame["at"].isna().tolist() == [False, False, True]
    assert str(frame.text.dtype) == "str"
    assert str(frame["at"].dtype) == "datetime64[us, UTC]"


class Typed(fl.Event, name="TestFrames::Typed"):
    flag: bool | None = None
    whole: int | None = None
    huge: int = 2**70
    share: float | None = None
    text: str | None = None
    at: datetime | None = None
    on: date = date(2026, 1, 1)
    span: timedelta = timedelta(hours=1)
    mixed: Any = None


def test_columns_have_the_type_that_their_class_promises(stream):
    stream.append(Typed(flag=True, whole=1, share=0.5, text="x", at=START, mixed=[1]))
    wanted = {"flag": "boolean", "whole": "Int64", "huge": "object", "share": "float64", "text": "str",
              "at": "datetime64[us, UTC]", "on": "object", "mixed": "object"}  # fmt: skip
    assert {name: kind for name, kind in dtypes(stream.df()).items() if name in wanted} == wanted
    stream.append(Typed(mixed={"a": 1}))
    frame = stream.df()
    assert {name: kind for name, kind in dtypes(frame).items() if name in wanted} == wanted
    assert frame.huge[0] == 2**70
    assert list(frame.mixed) == [[1], {"a": 1}]
    assert frame.on[0] == date(2026, 1, 1)
    assert frame.iloc[1][["flag", "whole", "share", "text", "at"]].isna().all()


@pytest.mark.parametrize("moment", [datetime.min, datetime.max, datetime(1969, 12, 31, 23, 59, 59, 999999)])
def test_times_are_exact_from_the_first_to_the_last_day(stream, moment):
    there = moment.replace(tzinfo=UTC)
    stream.append(Typed(at=there), at=there)
    frame = stream.df()
    assert frame.occurred_at[0].to_pydatetime() == there
    assert frame["at"][0].to_pydatetime() == there
    assert stream.replay(Typing).occurred_at[0].to_pydatetime() == there


class Meeting(fl.Event, name="TestFrames::Meeting"):
    idx: str
    event: int
    state: str = "x"


class State(BaseModel):
    version: int = 0
    event: str = ""
    idx: str = ""
    created_at: datetime | None = None
    occurred_at: str = ""


class Met(fl.Projection[State]):
    @fl.interpretation_for(Meeting)
    def met(state, event):
        state.version += 10
        state.event = "mine"


class Typing(fl.Projection[State]):
    @fl.interpretation_for(Typed)
    def typed(state, event):
        state.created_at = event.at


def test_an_attribute_called_like_a_key_column_is_told_apart(lab, stream):
    stream.append(Meeting(idx="mine", event=7))
    for frame in (stream.df(), lab.log.df()):
        assert list(frame.columns) == [*KEYS, "payload.idx", "payload.event", "state"]
        assert (frame.idx[0], frame["payload.idx"][0], frame["payload.event"][0]) == ("n", "mine", 7)
    for frame in (stream.replay(Met), lab.replay(Met)):
        assert list(frame.columns) == [*KEYS, *(f"state.{name}" for name in State.model_fields)]
        assert (frame.version[0], frame["state.version"][0], frame["state.event"][0]) == (1, 10, "mine")


def test_unknown_names_and_attributes_kept_aside_are_in_the_frame(lab, stream):
    row = {"idx": "n", "created_at": START, "occurred_at": START, "klass": "Old::Thing"}
    fl.testing.raw_insert(lab, {**row, "version": 1, "props": {"a": 1, "idx": "theirs", "payload.idx": "odd"}})
    fl.testing.raw_insert(lab, {**row, "version": 2, "props": {"text": "x", "a": 2}, "klass": "Debts::Noted"})
    frame = stream.df()
    assert list(frame.event) == ["Old::Thing", "Debts::Noted"]
    assert list(frame.a) == [1, 2]
    assert {"theirs", "odd"} & {value for name in frame.columns if "idx" in name for value in frame[name].dropna()}
    assert frame.text[1] == "x"
    assert list(frame.idx) == ["n", "n"]
    assert len(stream.replay(Trail)) == 2


class Basket(BaseModel):
    items: list[str] = []
    by_key: dict[str, list[str]] = {}
    inner: Texts | None = None


class Baskets(fl.Projection[Basket]):
    @fl.interpretation_for(Noted)
    def noted(state, event):
        state.items.append(event.text)
        state.by_key.setdefault("all", []).append(event.text)
        state.inner = state.inner or Texts()
        state.inner.texts.append(event.text)


def test_rows_share_nothing_with_each_other_or_with_the_stream(lab, stream):
    for text in "abc":
        stream.append(noted(text))
    frame = stream.replay(Baskets)
    assert list(frame["items"]) == [["a"], ["a", "b"], ["a", "b", "c"]]
    assert [row["all"] for row in frame.by_key] == [["a"], ["a", "b"], ["a", "b", "c"]]
    assert [getattr(row, "texts", None) or row["texts"] for row in frame.inner] == [["a"], ["a", "b"], ["a", "b", "c"]]
    frame["items"][0].append("mine")
    frame.by_key[0]["all"].append("mine")
    assert frame["items"][1] == ["a", "b"]
    assert frame.by_key[1] == {"all": ["a", "b"]}
    assert stream.replay(Baskets)["items"][0] == ["a"]
    state = stream.projected_with(Baskets)
    state.items.append("mine")
    assert stream.projected_with(Baskets).items == ["a", "b", "c"]
    assert lab.replay(Baskets)["items"][0] == ["a", "b", "c"]


def test_the_journals_frame_shares_nothing_either(lab):
    debt = DebtEventStream.for_("d", lab=lab)
    event = debt.append(paid(5))
    lab.rejections.df().payload[0]["principal_amount"] = "mine"
    assert lab.rejections.df().payload[0]["principal_amount"] == 5
    assert event.rejection.payload["principal_amount"] == 5


def test_a_state_that_does_not_hold_is_in_its_row_as_it_is(lab):
    debt = NoteStream.for_("d", lab=lab)
    debt.append(issued(10))
    debt.append(paid(11))
    debt.append(issued(5))
    assert list(debt.replay(VirtualOutstandingBalance).outstanding_balance) == [10, -1, 5]


def test_frames_filter_by_time_like_projected_with(lab, clock):
    debt = DebtEventStream.for_("d", lab=lab)
    for number, on in enumerate((1, 3, 2)):
        clock.set(day(100 + number))
        debt.append(issued(number + 1, on=on))
    assert list(debt.replay(VirtualOutstandingBalance, at=day(2)).version) == [1, 3]
    assert list(debt.replay(VirtualOutstandingBalance, as_of=day(101)).version) == [1, 2]
    assert list(debt.replay(VirtualOutstandingBalance, at=day(2), as_of=day(101)).version) == [1]
    assert list(debt.read().replay(VirtualOutstandingBalance, at="2026-01-03").version) == [1, 3]


def test_a_filter_that_leaves_nothing_leaves_the_columns_also_of_names_that_no_class_has(lab):
    row = {"idx": "n", "created_at": START, "occurred_at": START, "klass": "Old::Thing", "version": 1}
    lab.load([{**row, "props": {"a": 1, "b": "x", "c": [1]}, "meta_info": {"user_id": 7}}])
    full, empty = lab.log.df(), lab.log.df(at="1999-01-01")
    assert list(full.a) == [1]
    assert dtypes(empty) == dtypes(full)
    assert dtypes(lab.log.df(names="Old::Thing", idx="nowhere")) == dtypes(full)
    assert dtypes(lab.log.df(idx="nowhere", expand=False)) == dtypes(lab.log.df(expand=False))
    assert list(empty.idx.cat.categories) == list(empty.event.cat.categories) == []
