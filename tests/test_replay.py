"""Replays, rule by rule: which streams, until when, what becomes of what breaks, what moved, where two differ."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar

import pandas as pd
import pytest
from pydantic import BaseModel

import funes_lab as fl
from funes_lab.store import scan
from tests.domain import (
    START,
    DebtEventStream,
    Forgiven,
    Issued,
    Noted,
    NoteStream,
    Texts,
    Trail,
    day,
    issued,
    noted,
)


@pytest.fixture
def stream(lab: fl.Lab) -> NoteStream:
    return NoteStream.for_("n", lab=lab)


@pytest.fixture(params=[1, 3, 250_000], ids=lambda rows: f"partitions of {rows}")
def partitions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(scan, "PARTITION", request.param)
    return int(request.param)


def write(lab: fl.Lab, *streams: str, texts: str = "ab") -> None:
    """The same notes in each stream."""
    for idx in streams:
        for text in texts:
            assert NoteStream.for_(idx, lab=lab).append(noted(text)).persisted


def notes(frame: pd.DataFrame) -> dict[str, list[str]]:
    """The texts of each stream, from a frame with a row a stream."""
    return dict(zip(frame.idx, frame.texts, strict=True))


# --- which streams ----------------------------------------------------------------------------------------------

NAMES = ["a", "a-1", "a-2", "ab", "a*", "a?", "a[1]", "[", "A-1", "é", "%", "_", "a'b", 'a"b', "\\"]


@pytest.mark.parametrize(
    ("idx", "expected"),
    [
        (None, NAMES),
        ("a", ["a"]),
        ("a-1", ["a-1"]),
        ("a-*", ["a-1", "a-2"]),
        ("a-[1-9]", ["a-1", "a-2"]),
        ("a-[!1]", ["a-2"]),
        ("a?", ["ab", "a*", "a?"]),
        ("*", NAMES),
        ("a*", [name for name in NAMES if name.startswith("a")]),
        (["a*"], ["a*"]),
        (["a?", "a[1]"], ["a?", "a[1]"]),
        ("a[1]", ["a[1]"]),
        ("[", ["["]),
        ("é", ["é"]),
        ("?", ["a", "[", "é", "%", "_", "\\"]),
        ("%", ["%"]),
        ("_", ["_"]),
        ("a'b", ["a'b"]),
        ('a"b', ['a"b']),
        ("\\", ["\\"]),
        (["ab", "a", "ab", "nowhere"], ["a", "ab"]),
        (dict.fromkeys(["ab", "a"]).keys(), ["a", "ab"]),
        (pd.Series(["ab", "a"]), ["a", "ab"]),
        ({"ab"}, ["ab"]),
        ([], []),
        ("[é[]", ["[", "é"]),
        ("[!a-z]", ["[", "é", "%", "_", "\\"]),
        ("\\*", ["\\"]),
        ("[z-a]", []),
        ("nowhere", []),
        ("nowhere-*", []),
        ("x[", []),
    ],
    ids=repr,
)
def test_idx_is_a_stream_a_pattern_or_a_list(lab, idx, expected):
    write(lab, *NAMES, texts="x")
    listed = idx if idx is None or isinstance(idx, str) else list(idx)
    for frame in (lab.replay(Trail, listed), lab.replay(Trail, listed, steps=True), lab.log.df(idx=listed)):
        assert list(frame.idx) == sorted(expected)
    assert list(lab.diff(Trail, Loud, listed).idx) == sorted(expected)


def test_an_iterable_is_read_once(lab):
    write(lab, "a", "b")
    assert list(lab.replay(Trail, (name for name in "ba")).idx) == ["a", "b"]
    assert list(lab.log.df(names=iter([Noted]), idx=iter("a")).idx) == ["a", "a"]


def test_all_adds_the_streams_that_the_projection_has_nothing_to_say_of(lab, partitions):
    write(lab, "notes")
    DebtEventStream.for_("debt", lab=lab).append(issued(5))
    assert list(lab.replay(Trail).idx) == ["notes"]
    frame = lab.replay(Trail, all=True)
    assert notes(frame) == {"debt": [], "notes": ["a", "b"]}
    assert list(frame.version) == [1, 2]
    assert list(lab.replay(Trail, steps=True, all=True).idx) == ["debt", "notes", "notes"]
    assert list(lab.replay(Trail, "d*", all=True).idx) == ["debt"]
    assert list(lab.replay(Trail, "d*").idx) == []


def test_a_stream_replays_also_what_the_projection_has_nothing_to_say_of(lab):
    debt = DebtEventStream.for_("debt", lab=lab)
    debt.append(issued(5))
    assert list(debt.replay(Trail).texts) == [[]]
    assert list(debt.replay(Trail, steps=False).texts) == [[]]


# --- until when -------------------------------------------------------------------------------------------------


@pytest.fixture
def backdated(lab: fl.Lab, clock: fl.testing.Clock) -> NoteStream:
    """Recorded on days 10, 11 and 12; what happened on days 3, 1 and 2."""
    stream = NoteStream.for_("n", lab=lab)
    for recorded, (text, happened) in zip((10, 11, 12), (("three", 3), ("one", 1), ("two", 2)), strict=True):
        clock.set(day(recorded))
        stream.append(noted(text), at=day(happened))
    return stream


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({}, ["one", "two", "three"]),
        ({"at": day(2)}, ["one", "two"]),
        ({"at": day(2) - timedelta(microseconds=1)}, ["one"]),
        ({"at": "2026-01-03"}, ["one", "two"]),
        ({"at": day(2).date()}, ["one", "two"]),
        ({"as_of": day(11)}, ["one", "three"]),
        ({"as_of": day(11) - timedelta(microseconds=1)}, ["three"]),
        ({"at": day(1), "as_of": day(12)}, ["one"]),
        ({"at": day(2), "as_of": day(11)}, ["one"]),
        ({"at": datetime.max, "as_of": datetime.max}, ["one", "two", "three"]),
        ({"at": datetime.min}, []),
        ({"as_of": datetime.min}, []),
    ],
    ids=repr,
)
def test_at_and_as_of_are_inclusive_in_every_frame(lab, backdated, when, expected):
    assert lab.log.df(**when).reindex(columns=["text"]).text.tolist() == expected
    for frame in (lab.replay(Trail, **when), backdated.replay(Trail, steps=False, **when)):
        assert frame.texts.tolist() == ([expected] if expected else [])
    for frame in (lab.replay(Trail, steps=True, **when), backdated.replay(Trail, **when)):
        assert frame.texts.tolist() == [expected[: k + 1] for k in range(len(expected))]


class Asked(BaseModel):
    began: datetime | None = None
    ended: datetime | None = None
    count: int = 0


class Asking(fl.Projection[Asked]):
    """It keeps the times that its blocks get."""

    @fl.initial_state
    def begin(state, at):
        state.began = at

    @fl.interpretation_for(Noted)
    def noted(state, event, at):
        state.count += 1

    @fl.final_state
    def end(state, at):
        state.ended = at


def test_blocks_get_the_time_of_the_row_with_steps_and_else_that_of_the_query(lab, backdated):
    frame = lab.replay(Asking, steps=True, at=day(20))
    assert frame.began.tolist() == frame.ended.tolist() == frame.occurred_at.tolist() == [day(1), day(2), day(3)]
    assert frame["count"].tolist() == [1, 2, 3]
    for last in (lab.replay(Asking, at=day(20)), backdated.replay(Asking, at=day(20), steps=False)):
        assert (last.began[0], last.ended[0], last["count"][0]) == (day(20), day(20), 3)
    assert lab.replay(Asking).ended[0] > day(12)


# --- changes ----------------------------------------------------------------------------------------------------


class Level(BaseModel):
    level: int | None = None
    calls: int = 0


class Levels(fl.Projection[Level]):
    @fl.interpretation_for(Noted)
    def noted(state, event):
        state.level = None if event.text == "none" else int(event.text)
        state.calls += event.text == "7"


def moves(frame: pd.DataFrame, field: str) -> list[tuple[Any, Any]]:
    pairs = zip(frame[f"{field}_before"], frame[f"{field}_after"], strict=True)
    return [tuple(None if pd.isna(value) else value for value in pair) for pair in pairs]


def test_changes_tell_what_an_event_moved_and_nothing_else(lab, stream):
    for text, on in [("5", 1), ("5", 2), ("none", 3), ("7", 4), ("6", 2.5)]:
        stream.append(noted(text), at=day(on))
    for frame in (stream.replay(Levels, changes=True), lab.replay(Levels, steps=True, changes=True)):
        assert frame.level.tolist() == [5, 5, 6, pd.NA, 7]
        assert moves(frame, "level") == [(None, 5), (None, None), (5, 6), (6, None), (None, 7)]
        assert moves(frame, "calls") == [(None, None)] * 4 + [(0, 1)]


def test_changes_begin_anew_in_every_stream(lab, partitions):
    for idx, texts in (("a", "12"), ("b", "2"), ("c", "2")):
        for text in texts:
            NoteStream.for_(idx, lab=lab).append(noted(text))
    frame = lab.replay(Levels, steps=True, changes=True)
    assert moves(frame, "level") == [(None, 1), (1, 2), (None, 2), (None, 2)]


class Owned(BaseModel):
    total: Decimal = Decimal(100)


class Owning(fl.Projection[Owned]):
    @fl.interpretation_for(Noted)
    def noted(state, event):
        state.total = Decimal(event.text)


def test_what_has_another_number_of_digits_has_not_moved(stream):
    for text in ("100.00", "100", "100.0", "99.9"):
        stream.append(noted(text))
    frame = stream.replay(Owning, changes=True)
    assert [str(value) for value in frame.total] == ["100.00", "100", "100.0", "99.9"]
    assert moves(frame, "total") == [(None, None)] * 3 + [(Decimal("100.0"), Decimal("99.9"))]


def test_changes_at_what_broke_are_none(stream):
    for text in ("5", "x", "6"):
        stream.append(noted(text))
    frame = stream.replay(Levels, changes=True, on_error="skip")
    assert moves(frame, "level") == [(None, 5), (None, None), (5, 6)]
    assert frame.error.notna().tolist() == [False, True, False]


# --- what breaks ------------------------------------------------------------------------------------------------


class Marks(BaseModel):
    texts: list[str] = []
    count: int = 0


class Marking(fl.Projection[Marks]):
    """It changes its state before it breaks."""

    @fl.interpretation_for(Noted)
    def noted(state, event):
        state.texts.append(event.text)
        state.count += 1
        if event.text.isupper():
            raise LookupError(f"no {event.text}")


class Counted(BaseModel):
    count: int = 0


class Counting(fl.Projection[Counted]):
    """The same with a state that is never copied."""

    @fl.interpretation_for(Noted)
    def noted(state, event):
        state.count += 1
        if event.text.isupper():
            raise LookupError(f"no {event.text}")


@pytest.mark.parametrize(
    ("texts", "skipped", "stopped"),
    [
        ("Xab", [0, 1, 2], [0]),
        ("aXb", [1, 1, 2], [1, 1]),
        ("abX", [1, 2, 2], [1, 2, 2]),
        ("XYZ", [0, 0, 0], [0]),
        ("X", [0], [0]),
        ("aXbYc", [1, 1, 2, 2, 3], [1, 1]),
        ("abc", [1, 2, 3], [1, 2, 3]),
    ],
)
@pytest.mark.parametrize("projection", [Marking, Counting])
def test_an_event_that_breaks_a_block_is_left_out_or_the_last_one(lab, partitions, texts, skipped, stopped, projection):
    write(lab, "a", texts="xyz")
    write(lab, "m", texts=texts)
    write(lab, "z", texts="x")
    stream = NoteStream.for_("m", lab=lab)
    breaks = [text.isupper() for text in texts]
    for on_error, counts in (("skip", skipped), ("stop", stopped)):
        whole = lab.replay(projection, steps=True, on_error=on_error)
        assert whole[whole.idx != "m"]["count"].tolist() == [1, 2, 3, 1]
        assert whole[whole.idx != "m"].error.isna().all()
        for frame in (whole[whole.idx == "m"], stream.replay(projection, on_error=on_error)):
            assert frame["count"].tolist() == counts
            assert frame.version.tolist() == list(range(1, len(counts) + 1))
            assert frame.error.notna().tolist() == breaks[: len(counts)]
            for text, error in zip(texts, frame.error, strict=False):
                if text.isupper():
                    assert "broke at Debts::Noted" in error
                    assert f"LookupError: no {text}" in error
        last = lab.replay(projection, on_error=on_error)
        assert last["count"].tolist() == [3, counts[-1], 1]
        assert last.version.tolist() == [3, len(counts), 1]
        told = [text for text in texts[: len(counts)] if text.isupper()]
        assert (last.error[1] if told else "").count("LookupError") == len(told)
        assert last.error[[0, 2]].isna().all()
    if any(breaks):
        for ask in (stream.replay, lab.replay):
            with pytest.raises(fl.ProjectionError, match=f"Debts::Noted #{breaks.index(True) + 1}"):
                ask(projection)


def test_a_list_that_a_broken_block_changed_is_as_it_was(lab, stream):
    write(lab, "n", texts="aXbYc")
    for frame in (stream.replay(Marking, on_error="skip"), lab.replay(Marking, steps=True, on_error="skip")):
        assert frame.texts.tolist() == [["a"], ["a"], ["a", "b"], ["a", "b"], ["a", "b", "c"]]
    assert lab.replay(Marking, on_error="skip").texts.tolist() == [["a", "b", "c"]]
    assert lab.replay(Marking, on_error="stop").texts.tolist() == [["a"]]


class BreakingStart(Marking):
    @fl.initial_state
    def begin(state):
        state.count = 5
        raise RuntimeError("cannot begin")


class BreakingEnd(Marking):
    @fl.final_state
    def end(state):
        state.texts.append("end")
        state.count = 100
        if state.texts == ["a", "end"]:
            raise RuntimeError("cannot end")


class BreakingLater(Marking):
    @fl.initial_state
    def begin(state, at):
        if at > day(1):
            raise RuntimeError("too late to begin")
        state.texts = ["begun"]


class CountingFrom(Counting):
    @fl.initial_state
    def begin(state):
        raise RuntimeError("cannot begin")


@pytest.mark.parametrize("on_error", ["stop", "skip"])
@pytest.mark.parametrize("projection", [BreakingStart, CountingFrom])
def test_where_the_beginning_breaks_there_is_no_state(lab, stream, on_error, projection):
    write(lab, "n", texts="abc")
    for frame in (stream.replay(projection, on_error=on_error), lab.replay(projection, steps=True, on_error=on_error)):
        assert len(frame) == (1 if on_error == "stop" else 3)
        assert frame["count"].isna().all()
        assert frame.error.str.contains("cannot begin").all()
    last = lab.replay(projection, on_error=on_error)
    assert last["count"].isna().all()
    assert last.error[0].count("cannot begin") == 1
    with pytest.raises(fl.ProjectionError, match="cannot begin"):
        lab.replay(projection)


@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_where_the_end_breaks_the_state_is_the_one_before_it(lab, stream, on_error):
    write(lab, "n", texts="ab")
    frame = stream.replay(BreakingEnd, on_error=on_error)
    assert frame.texts.tolist() == [["a"], ["a", "b", "end"]]
    assert frame["count"].tolist() == [1, 100]
    assert frame.error.notna().tolist() == [True, False]
    write(lab, "m", texts="a")
    last = lab.replay(BreakingEnd, on_error=on_error)
    assert last.texts.tolist() == [["a"], ["a", "b", "end"]]
    assert "cannot end" in last.error[0]


def test_a_beginning_that_breaks_at_a_later_time_is_told_in_its_rows(lab, stream):
    for text, on in (("a", 1), ("b", 2)):
        stream.append(noted(text), at=day(on))
    frame = stream.replay(BreakingLater, on_error="skip")
    assert frame.texts[0] == ["begun", "a"]
    assert frame.error.notna().tolist() == [False, True]


class StrictMarking(Marking):
    strict = True


def test_a_strict_projection_breaks_at_what_it_does_not_know(lab, stream, partitions):
    stream.append(noted("a"))
    stream.append(Forgiven(reason="x", at=START), at=day(400))
    stream.append(noted("b"), at=day(401))
    NoteStream.for_("other", lab=lab).append(issued(1))
    for ask in (stream.replay, lab.replay):
        with pytest.raises(fl.UnknownEventError, match="Debts::Forgiven #2"):
            ask(StrictMarking)
    frame = lab.replay(StrictMarking, steps=True, on_error="skip")
    assert frame.texts.tolist() == [["a"], ["a"], ["a", "b"]]
    assert "is strict" in frame.error[1]
    assert lab.replay(StrictMarking, on_error="stop").texts.tolist() == [["a"]]


class Mistyped(fl.Projection[Marks]):
    @fl.interpretation_for(Noted)
    def noted(state, event):
        if state.texts:
            state.cuont = 1
        state.texts.append(event.text)


class MistypedCount(fl.Projection[Counted]):
    @fl.interpretation_for(Noted)
    def noted(state, event):
        if state.count:
            state.cuont = 1
        state.count += 1


class MistypedTimed(Mistyped):
    @fl.initial_state
    def begin(state, at):
        state.count = at.year


@pytest.mark.parametrize("projection", [Mistyped, MistypedCount, MistypedTimed])
@pytest.mark.parametrize("steps", [True, False])
def test_a_field_that_the_state_does_not_have_is_named_with_the_event_at_which_a_block_set_it(
    lab, stream, projection, steps
):
    write(lab, "n", texts="abc")
    for ask in (stream.replay, lab.replay):
        with pytest.raises(fl.ProjectionError, match=r"noted at Debts::Noted #2 .* set 'cuont'"):
            ask(projection, steps=steps)
        frame = ask(projection, steps=steps, on_error="stop")
        assert "set 'cuont'" in frame.error.iloc[-1]
        assert frame.version.iloc[-1] == 2
        frame = ask(projection, steps=True, on_error="skip")
        assert frame.error.notna().tolist() == [False, True, True]


# --- what blocks see --------------------------------------------------------------------------------------------


class Timed(fl.Event, name="TestReplay::Timed"):
    at: datetime
    maybe: datetime | None = None
    more: list[datetime] = []


class Looked(BaseModel):
    seen: list[str] = []


class Looking(fl.Projection[Looked]):
    """It writes down what a block can ask of its event."""

    @fl.interpretation_for(Timed)
    def timed(state, event, at):
        times = [event.at, event.maybe, *event.more]
        state.seen.append(f"{event.version} {event.occurred_at} {event.meta_info} {sorted(event.kept_aside)} {at}")
        state.seen.append(" ".join(t.isoformat() if isinstance(t, datetime) else repr(t) for t in times))


class Plainly(fl.Event, name="TestReplay::Plainly"):
    at: datetime
    maybe: datetime | None = None


class Hours(BaseModel):
    hour: int = -1
    maybe: int | None = None
    version: int | None = None


class Hour(fl.Projection[Hours]):
    @fl.interpretation_for(Plainly)
    def plainly(state, event):
        state.hour = event.at.hour
        state.maybe = event.maybe and event.maybe.hour
        state.version = event.version


ODD_TIMES = [
    {"at": "2026-01-01T00:00:00+02:00"},
    {"at": "2026-01-01T00:00:00"},
    {"at": "2026-01-01T00:00:00Z", "maybe": "2026-01-01T00:00:00-05:30"},
    {"at": "2026-01-01T00:00:00Z", "maybe": "2026-01-01T00:00:00"},
    {"at": "2026-01-01T00:00:00Z", "maybe": None},
    {"at": 1767225600},
    {"at": "2026-01-01T00:00:00Z", "gone": 1},
    {"at": "once upon a time"},
]


def foreign(lab: fl.Lab, klass: str, payloads: list[dict[str, Any]], idx: str = "n") -> None:
    for version, props in enumerate(payloads, start=NoteStream.for_(idx, lab=lab).version + 1):
        row = {"klass": klass, "idx": idx, "version": version, "props": props, "meta_info": {"who": "me"}}
        fl.testing.raw_insert(lab, {**row, "created_at": day(1), "occurred_at": day(1)})


NESTED_TIMES = [{"at": START.isoformat(), "more": [f"2026-01-01T00:00:00{zone}"]} for zone in ("", "Z", "+02:00")]


@pytest.mark.parametrize("payload", [*ODD_TIMES, *NESTED_TIMES], ids=repr)
def test_a_block_sees_an_event_as_the_stream_gives_it(lab, stream, payload):
    foreign(lab, "TestReplay::Timed", [payload])
    wanted = stream.projected_with(Looking).seen
    assert "1 2026" in wanted[0]
    assert "{'who': 'me'}" in wanted[0]
    for frame in (stream.replay(Looking), lab.replay(Looking), lab.replay(Looking, steps=True)):
        assert frame.seen[0] == wanted


@pytest.mark.parametrize("payload", ODD_TIMES[:-1], ids=repr)
def test_also_where_nothing_of_it_can_hold_another_time(lab, stream, payload):
    foreign(lab, "TestReplay::Plainly", [payload])
    wanted = stream.projected_with(Hour).model_dump()
    assert wanted["version"] == 1
    for frame in (stream.replay(Hour), lab.replay(Hour), lab.replay(Hour, steps=True)):
        found = frame.iloc[0][["hour", "maybe"]].to_dict()
        assert {name: None if pd.isna(value) else value for name, value in found.items()} == {
            "hour": wanted["hour"], "maybe": wanted["maybe"]
        }  # fmt: skip
        assert frame["state.version"][0] == 1


class Remembering(BaseModel):
    last: Any = None
    versions: list[Any] = []


class Gaps(fl.Projection[Remembering]):
    """It keeps the event and asks it later."""

    @fl.interpretation_for(Noted)
    def noted(state, event):
        state.versions.append(None if state.last is None else (state.last.version, state.last.text))
        state.last = event


class Pair(BaseModel):
    left: int = 0
    sums: int = 0

    @cached_property
    def double(self) -> int:
        return self.left * 2


class Doubled(fl.Projection[Pair]):
    @fl.interpretation_for(Noted)
    def noted(state, event):
        state.left += 1
        state.sums += state.double


class Openly(BaseModel, extra="allow"):
    pass


class OpenGaps(fl.Projection[Openly]):
    @fl.interpretation_for(Noted)
    def noted(state, event):
        last = getattr(state, "last", None)
        state.versions = [*getattr(state, "versions", []), last and last.version]
        state.last = event


def test_an_event_that_a_state_keeps_knows_its_version_later(lab, stream):
    write(lab, "n", texts="abc")
    wanted = stream.projected_with(Gaps).versions
    assert wanted == [None, (1, "a"), (2, "b")]
    for frame in (stream.replay(Gaps), lab.replay(Gaps), lab.replay(Gaps, steps=True)):
        assert frame.versions.iloc[-1] == wanted
    assert lab.replay(OpenGaps).versions[0] == stream.projected_with(OpenGaps).versions == [None, 1, 2]


def test_a_cached_property_does_not_outlive_the_event_that_asked_for_it(lab, stream):
    write(lab, "n", texts="abc")
    assert stream.projected_with(Doubled).sums == 2 + 4 + 6
    assert lab.replay(Doubled).sums.tolist() == [12]
    for frame in (stream.replay(Doubled), lab.replay(Doubled, steps=True)):
        assert frame.sums.tolist() == [2, 6, 12]
        assert "double" not in frame.columns


class Sharp(fl.Event, name="TestReplay::Sharp"):
    tags: list[str] = []


class Spoiled(fl.Projection[Marks]):
    """It keeps a list of the event and goes on with it."""

    @fl.interpretation_for(Sharp)
    def sharp(state, event):
        event.tags.append("spoiled")
        state.texts = event.tags


def test_what_a_block_does_to_its_event_is_seen_by_nobody(lab, stream):
    stream.append(Sharp(tags=["a"]))
    for frame in (stream.replay(Spoiled), lab.replay(Spoiled), stream.replay(Spoiled)):
        assert frame.texts[0] == ["a", "spoiled"]
    assert stream.df().tags[0] == ["a"]


# --- partitions -------------------------------------------------------------------------------------------------


class Kept(BaseModel):
    total: int = 0


class Keeping(fl.Projection[Kept]):
    table = "test_replay_kept"

    @fl.interpretation_for(Noted)
    def noted(state, event):
        state.total += 1


def test_a_rebuilt_table_is_the_same_in_any_partition(lab, partitions):
    for number, idx in enumerate(["a", "b", "c", "long"], start=1):
        write(lab, idx, texts="x" * number * 2)
    assert lab.rebuild(Keeping, progress=False) == 4
    assert dict(zip(*lab.table("test_replay_kept")[["idx", "total"]].to_dict("list").values(), strict=True)) == {
        "a": 2, "b": 4, "c": 6, "long": 8,
    }  # fmt: skip


def test_no_stream_is_in_two_partitions_however_long_it_is(lab, partitions):
    write(lab, "a", texts="a")
    write(lab, "long", texts="abcdefgh")
    write(lab, "z", texts="z")
    with lab.store.scan() as found:
        tables = list(found)
        assert found.rows == sum(table.num_rows for table in tables) == 10
    held = [set(table["idx"].to_pylist()) for table in tables]
    assert sum(map(len, held)) == 3
    assert all(table.num_rows <= partitions or len(streams) == 1 for table, streams in zip(tables, held, strict=True))
    assert notes(lab.replay(Trail)) == {"a": ["a"], "long": list("abcdefgh"), "z": ["z"]}


def test_filters_hold_in_every_partition(lab, partitions):
    write(lab, "a-1", "a-2", "b-1", texts="abcd")
    assert list(lab.replay(Trail, "a-*", steps=True).idx) == ["a-1"] * 4 + ["a-2"] * 4
    assert list(lab.log.df(Noted, ["a-2", "b-1"]).idx) == ["a-2"] * 4 + ["b-1"] * 4
    assert len(lab.log.df(Issued)) == 0


# --- others who write and those who stop --------------------------------------------------------------------------


class Meddling(BaseModel):
    texts: list[str] = []


meddle: list[Callable[[], object]] = []


class Meddler(fl.Projection[Meddling]):
    """Its block does something else the first time that it runs."""

    @fl.interpretation_for(Noted)
    def noted(state, event):
        if meddle:
            meddle.pop()()
        state.texts.append(event.text)


@pytest.fixture
def _unmeddled() -> Iterator[None]:
    yield
    meddle.clear()


def in_a_thread(work: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    return run


@pytest.mark.usefixtures("_unmeddled")
@pytest.mark.parametrize("steps", [True, False])
def test_what_another_thread_appends_during_a_replay_is_not_in_it(any_lab, partitions, steps):
    write(any_lab, "a", "m", "z", texts="ab")

    def append() -> None:
        for idx in ("a", "m", "z", "zz"):
            assert NoteStream.for_(idx, lab=any_lab).append(noted("late")).persisted

    meddle.append(in_a_thread(append))
    frame = any_lab.replay(Meddler, steps=steps)
    assert not meddle
    assert "late" not in {text for texts in frame.texts for text in texts}
    assert set(frame.idx) == {"a", "m", "z"}
    after = any_lab.replay(Meddler)
    assert notes(after) == {"zz": ["late"], **{idx: ["a", "b", "late"] for idx in "amz"}}


def test_a_replay_in_a_transaction_sees_what_is_not_committed_and_leaves_it_usable(any_lab, partitions):
    write(any_lab, "a", "b")
    with any_lab.transaction() as tx:
        write(any_lab, "a", "c", texts="c")
        assert notes(any_lab.replay(Trail)) == {"a": ["a", "b", "c"], "b": ["a", "b"], "c": ["c"]}
        assert len(any_lab.log.df()) == len(any_lab.replay(Trail, steps=True)) == 6
        assert NoteStream.for_("c", lab=any_lab).replay(Trail).texts.tolist() == [["c"]]
        assert any_lab.bitemporal(Trail, "c", "texts").iloc[0, 0] == ["c"]
        with pytest.raises(fl.ProjectionError):
            any_lab.replay(Always)
        tx.execute("CREATE TABLE mine AS SELECT 1 AS n")
        write(any_lab, "d", texts="d")
        assert set(any_lab.replay(Trail).idx) == set("abcd")
        seen_outside: list[int] = []
        in_a_thread(lambda: seen_outside.append(len(any_lab.replay(Trail, steps=True))))()
        assert seen_outside == [4]
    assert notes(any_lab.replay(Trail))["d"] == ["d"]
    assert any_lab.sql("SELECT n FROM mine").n[0] == 1
    with any_lab.transaction():
        write(any_lab, "e")
        assert "e" in set(any_lab.replay(Trail).idx)
        raise fl.Rollback
    assert "e" not in set(any_lab.replay(Trail).idx)


class Always(fl.Projection[Texts]):
    @fl.interpretation_for(Noted)
    def noted(state, event):
        raise RuntimeError("always")


@pytest.mark.usefixtures("_unmeddled")
@pytest.mark.parametrize("on_error", ["raise", "stop", "skip"])
@pytest.mark.parametrize("inside", [False, True], ids=["outside", "in a transaction"])
def test_an_interrupt_leaves_the_lab_usable(any_lab, partitions, on_error, inside):
    write(any_lab, "a", "b")

    def interrupt() -> None:
        raise KeyboardInterrupt

    def interrupted() -> None:
        for ask in (
            lambda: any_lab.replay(Meddler, on_error=on_error),
            lambda: any_lab.replay(Meddler, steps=True, on_error=on_error),
            lambda: NoteStream.for_("a", lab=any_lab).replay(Meddler, on_error=on_error),
            lambda: any_lab.diff(Meddler, Trail),
            lambda: any_lab.bitemporal(Meddler, "a", "texts"),
        ):
            meddle.append(interrupt)
            with pytest.raises(KeyboardInterrupt):
                ask()
            assert notes(any_lab.replay(Meddler)) == {"a": ["a", "b"], "b": ["a", "b"]}

    if inside:
        with any_lab.transaction():
            interrupted()
            write(any_lab, "c")
    else:
        interrupted()
        write(any_lab, "c")
    assert len(any_lab.log.df()) == 6
    event = noted("x")
    with pytest.raises(fl.FunesLabError):  # nobody listens to the errors of events any more
        event.errors.add("text", "is late")


def test_a_read_only_lab_replays(path, partitions):
    with fl.Lab(path) as lab:
        write(lab, "a", "b")
        whole = [lab.replay(Trail), lab.replay(Trail, steps=True), lab.log.df(), lab.diff(Trail, Loud)]
    with fl.Lab(path, read_only=True) as lab:
        again = [lab.replay(Trail), lab.replay(Trail, steps=True), lab.log.df(), lab.diff(Trail, Loud)]
        for one, other in zip(whole, again, strict=True):
            pd.testing.assert_frame_equal(one, other)
        assert lab.bitemporal(Trail, "a", "texts").iloc[-1, -1] == ["a", "b"]


def test_a_closed_lab_says_so(path):
    with fl.Lab(path) as lab:
        write(lab, "a")
        stream = NoteStream.for_("a", lab=lab)
    for ask in (
        lambda: lab.replay(Trail), lab.log.df, lambda: stream.replay(Trail), lambda: lab.diff(Trail, Loud),
        lambda: lab.bitemporal(Trail, "a", "texts"), lab.log.streams,
    ):  # fmt: skip
        with pytest.raises(fl.ClosedError, match="is closed"):
            ask()


# --- older shapes and older names ---------------------------------------------------------------------------------


def test_older_shapes_and_names_are_replayed_as_todays_events(lab, partitions):
    class Received(fl.Event, name="TestReplay::Received", aliases=["TestReplay::Got"]):
        amount: int

    class Interest(fl.Event, name="TestReplay::Interest"):
        amount: int

    @fl.upcast(Received, from_version=1)
    def part(payload):
        return [{"amount": payload["sum"] - 1}, Interest(amount=1)]

    class Sums(BaseModel):
        principal: int = 0
        interest: int = 0
        events: int = 0

    class Summed(fl.Projection[Sums]):
        strict = True

        @fl.interpretation_for(Received)
        def received(state, event):
            state.principal += event.amount
            state.events += event.version

        @fl.interpretation_for(Interest)
        def interest(state, event):
            state.interest += event.amount

    class OnlyInterest(fl.Projection[Sums]):
        @fl.interpretation_for(Interest)
        def interest(state, event):
            state.interest += event.amount

    foreign(lab, "TestReplay::Got", [{"sum": 10}], idx="old")
    foreign(lab, "TestReplay::Received", [{"sum": 20}], idx="old")
    old, new = (NoteStream.for_(idx, lab=lab) for idx in ("old", "new"))
    for stream in (old, new):
        stream.append(Received(amount=5))
    frame = lab.replay(Summed)
    assert frame[["idx", "principal", "interest", "events"]].to_dict("list") == {
        "idx": ["new", "old"], "principal": [5, 33], "interest": [0, 2], "events": [1, 6]
    }  # fmt: skip
    assert frame.event.tolist() == ["TestReplay::Received"] * 2
    steps = lab.replay(Summed, steps=True)
    assert steps.principal.tolist() == [5, 9, 28, 33]
    assert steps.event.tolist() == ["TestReplay::Received"] * 4
    assert old.replay(Summed).principal.tolist() == [9, 28, 33]
    assert list(lab.replay(OnlyInterest).idx) == ["old"]
    assert lab.replay(OnlyInterest, all=True).interest.tolist() == [0, 2]
    assert lab.bitemporal(Summed, "old", "interest").iloc[-1, -1] == 2
    assert lab.diff(Summed, OnlyInterest, "old")[["field", "left", "right"]].to_dict("records") == [
        {"field": "principal", "left": 33, "right": 0}, {"field": "events", "left": 6, "right": 0}
    ]  # fmt: skip
    assert old.df().event.tolist() == [*["TestReplay::Received", "TestReplay::Interest"] * 2, "TestReplay::Received"]
    assert lab.log.df(Received).amount.tolist() == [5, 9, 1, 19, 1, 5]
    assert lab.log.df("TestReplay::Got", "old", expand=False).event.tolist() == [
        "TestReplay::Got", "TestReplay::Received", "TestReplay::Received"
    ]  # fmt: skip


# --- two projections ----------------------------------------------------------------------------------------------


class Loud(fl.Projection[Texts]):
    @fl.interpretation_for(Noted)
    def noted(state, event):
        state.texts.append(event.text.upper() + "!")


class Money(BaseModel):
    filter_attributes: ClassVar[Any] = ("pin",)
    money: Decimal = Decimal(0)
    share: float = 0
    pin: str = ""
    only_left: int = 1


class OtherMoney(BaseModel):
    money: Decimal = Decimal(0)
    share: float = 0
    pin: str = ""
    only_right: int = 2


class Left(fl.Projection[Money]):
    @fl.interpretation_for(Noted)
    def noted(state, event):
        state.money, state.share, state.pin = Decimal("1.0"), float("nan"), "secret-left"

    @fl.interpretation_for(Forgiven)
    def forgiven(state, event):
        state.money = Decimal(5)


class Right(fl.Projection[OtherMoney]):
    @fl.interpretation_for(Noted)
    def noted(state, event):
        state.money, state.share, state.pin = Decimal(1), float("nan"), "secret-right"


def test_a_difference_is_in_the_value_not_in_its_digits_and_secrets_stay_secret(lab, partitions):
    write(lab, "n")
    for one, other in ((Left, Right), (Right, Left)):
        frame = lab.diff(one, other)
        assert frame.to_dict("records") == [{"idx": "n", "field": "pin", "left": "[FILTERED]", "right": "[FILTERED]"}]
        assert list(frame.field.cat.categories) == ["money", "share", "pin"]


def test_where_only_one_side_has_a_state_the_other_has_nothing(lab, partitions):
    write(lab, "n")
    NoteStream.for_("gone", lab=lab).append(Forgiven(reason="x", at=START))
    frame = lab.diff(Left, Right, "gone")
    assert frame.field.tolist() == ["money", "share", "pin"]
    assert frame.left.tolist() == [5, 0, "[FILTERED]"]
    assert frame.right.tolist() == [None, None, None]
    assert list(lab.diff(Left, Right).idx) == ["gone", "gone", "gone", "n"]


def test_differences_are_seen_at_both_times(lab, backdated):
    assert lab.diff(Trail, Loud, at=day(1)).to_dict("records") == [
        {"idx": "n", "field": "texts", "left": ["one"], "right": ["ONE!"]}
    ]
    assert lab.diff(Trail, Loud, as_of=day(10)).left.tolist() == [["three"]]
    assert len(lab.diff(Trail, Loud, at=day(0))) == 0


def test_two_states_without_a_field_in_common_cannot_be_compared(lab):
    with pytest.raises(ValueError, match=r"Trail \(texts\) and Levels \(level, calls\) have no field in common"):
        lab.diff(Trail, Levels)


# --- the grid -----------------------------------------------------------------------------------------------------


def test_a_grid_takes_its_times_from_the_stream(lab, backdated):
    grid = lab.bitemporal(Trail, "n", "texts")
    assert list(grid.columns) == [day(1), day(2), day(3)]
    assert list(grid.index) == [day(10), day(11), day(12)]
    assert grid.loc[day(10)].tolist() == [None, None, ["three"]]
    assert grid.loc[day(12)].tolist() == [["one"], ["one", "two"], ["one", "two", "three"]]


def test_a_grid_takes_its_times_as_they_are_given(lab, backdated):
    grid = lab.bitemporal(Trail, "n", "texts", at=[day(3), "2026-01-02", day(3)], as_of=day(11))
    assert grid.shape == (1, 3)
    assert [len(cell) for cell in grid.iloc[0]] == [2, 1, 2]


# --- wrong arguments ----------------------------------------------------------------------------------------------

WRONG: list[tuple[type[Exception], str, Callable[[fl.Lab], object]]] = [
    (TypeError, r"projection must be a subclass of fl.Projection\[State\], got 5", lambda lab: lab.replay(5)),
    (TypeError, r"idx must be a str .* got 5", lambda lab: lab.replay(Trail, 5)),
    (TypeError, r"idx must be a str .* got b'a'", lambda lab: lab.replay(Trail, b"a")),
    (TypeError, r"idx must be .*got 5", lambda lab: lab.replay(Trail, ["a", 5])),
    (ValueError, r"idx must not be empty", lambda lab: lab.replay(Trail, "")),
    (ValueError, r"idx must not be empty", lambda lab: lab.log.df(idx=["a", ""])),
    (ValueError, r"at must be ISO 8601, .* got 'soon'", lambda lab: lab.replay(Trail, at="soon")),
    (TypeError, r"at must be a datetime, .* got 5", lambda lab: lab.replay(Trail, at=5)),
    (ValueError, r"as_of must be a time, not NaT, got NaT", lambda lab: lab.replay(Trail, as_of=pd.NaT)),
    (TypeError, r"as_of must be a datetime, .* got \[\]", lambda lab: lab.log.df(as_of=[])),
    (ValueError, r"on_error must be 'raise', 'stop' or 'skip', got 'ignore'",
     lambda lab: lab.replay(Trail, on_error="ignore")),
    (ValueError, r"on_error must be .* got None", lambda lab: lab.replay(Trail, on_error=None)),
    (ValueError, r"decimals must be 'exact' .* got 'text'", lambda lab: lab.replay(Trail, decimals="text")),
    (ValueError, r"decimals must be 'exact' .* got \[\]", lambda lab: lab.log.df(decimals=[])),
    (ValueError, r"decimals must be 'exact' .* got 2", lambda lab: lab.diff(Trail, Loud, decimals=2)),
    (ValueError, r"decimals must be 'exact' .* got 2", lambda lab: lab.bitemporal(Trail, "n", "texts", decimals=2)),
    (ValueError, r"decimals must be 'exact' .* got 2", lambda lab: NoteStream.for_("n", lab=lab).df(decimals=2)),
    (ValueError, r"changes=True .* needs steps=True", lambda lab: lab.replay(Trail, changes=True)),
    (ValueError, r"changes=True .* needs steps=True",
     lambda lab: NoteStream.for_("n", lab=lab).replay(Trail, steps=False, changes=True)),
    (TypeError, r"names must be names of events or their classes, got 5", lambda lab: lab.log.df(names=[5])),
    (TypeError, r"names must be a name of an event, .* got 5", lambda lab: lab.log.df(names=5)),
    (TypeError, r"names must be names of events or their classes, got <class 'int'>",
     lambda lab: lab.log.df(names=int)),
    (TypeError, r"left must be a subclass of fl.Projection\[State\], got None", lambda lab: lab.diff(None, Trail)),
    (TypeError, r"right must be a subclass of fl.Projection\[State\], got 'Trail'",
     lambda lab: lab.diff(Trail, "Trail")),
    (ValueError, r"field must be one of texts, .* got 'tests'", lambda lab: lab.bitemporal(Trail, "n", "tests")),
    (ValueError, r"field must be one of texts, .* got \['texts'\]", lambda lab: lab.bitemporal(Trail, "n", ["texts"])),
    (TypeError, r"at must be a time or a list of times, got 5", lambda lab: lab.bitemporal(Trail, "n", "texts", at=5)),
    (ValueError, r"as_of must be ISO 8601, .* got 'x'", lambda lab: lab.bitemporal(Trail, "n", "texts", as_of=["x"])),
    (fl.StreamNotFound, r"idx must be a stream that has events, got 'm'",
     lambda lab: lab.bitemporal(Trail, "m", "texts")),
    (TypeError, r"idx must be .* got 5", lambda lab: lab.bitemporal(Trail, 5, "texts")),
    (ValueError, r"on_error must be .* got 'x'", lambda lab: NoteStream.for_("n", lab=lab).replay(Trail, on_error="x")),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "message", "ask"), WRONG, ids=[message for _, message, _ in WRONG])
def test_a_wrong_argument_is_named_with_its_value(lab, kind, message, ask):
    write(lab, "n")
    with pytest.raises(kind, match=message):
        ask(lab)
