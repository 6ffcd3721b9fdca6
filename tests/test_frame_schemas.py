"""The rules of all frames, as schemas: index, key columns, fields with the dtypes that annotations promise."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import pandas as pd
import pandera.pandas as pa
import pytest
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, computed_field

import funes_lab as fl
from tests.domain import START, NoteStream, Texts, day

KEYS = {
    "idx": "category",
    "version": "int64",
    "event": "category",
    "occurred_at": "datetime64[us, UTC]",
    "created_at": "datetime64[us, UTC]",
}
TIME = "datetime64[us, UTC]"


def is_dtype(dtype: str) -> pa.Check:
    """Exactly this one: pandera takes a column of objects for one of texts."""

    def check(series: pd.Series[Any]) -> bool:
        texts = dtype != "category" or str(series.cat.categories.dtype) == "str"
        return str(series.dtype) == dtype and texts

    return pa.Check(check, error=f"is {dtype}")


def only(kind: type) -> pa.Check:
    return pa.Check(lambda series: all(isinstance(v, kind) for v in series.dropna()), error=f"holds {kind.__name__}s")


def schema(fields: Mapping[str, str], keys: Mapping[str, str] = KEYS) -> pa.DataFrameSchema:
    """Keys, then fields; "decimal" promises Decimals in a column of objects."""
    columns = {}
    for name, kind in {**keys, **fields}.items():
        dtype = "object" if kind == "decimal" else kind
        checks = [is_dtype(dtype), *([only(Decimal)] if kind == "decimal" else [])]
        columns[name] = pa.Column(dtype, checks, nullable=name not in keys)
    return pa.DataFrameSchema(columns, index=pa.Index("int64"), strict=True, ordered=True, coerce=False)


def fits(frame: pd.DataFrame, fields: Mapping[str, str], keys: Mapping[str, str] = KEYS) -> None:
    assert isinstance(frame.index, pd.RangeIndex)
    assert (frame.index.start, frame.index.step) == (0, 1)
    schema(fields, keys).validate(frame)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"a": pd.Series(["x"], dtype="object")}),
        pd.DataFrame({"a": pd.Series(["x"], dtype="str"), "b": [1]}),
        pd.DataFrame({"b": [1], "a": pd.Series(["x"], dtype="str")}),
        pd.DataFrame({"a": pd.Categorical(pd.Series(["x"], dtype="str"))}),
    ],
)
def test_the_schema_refuses_what_it_should(frame):
    with pytest.raises((pa.errors.SchemaError, pa.errors.SchemaErrors)):
        fits(frame, {"a": "str"}, keys={})


# --- a field of every kind --------------------------------------------------------------------------------------


class Colour(Enum):
    RED = "red"


class Size(int, Enum):
    SMALL = 1


class Point(BaseModel):
    x: int = 0
    labels: list[str] = []


class Everything(BaseModel):
    flag: bool = True
    maybe_flag: bool | None = None
    whole: int = 1
    maybe_whole: int | None = None
    bounded: Annotated[int, Field(ge=0)] = 1
    maybe_bounded: Annotated[int, Field(ge=0)] | None = None
    share: float = 0.5
    maybe_share: float | None = None
    text: str = "x"
    maybe_text: str | None = None
    money: Decimal = Decimal("1.10")
    maybe_money: Annotated[Decimal, Field(ge=0)] | None = None
    moment: datetime = START
    maybe_moment: datetime | None = None
    aware: AwareDatetime = START
    span: timedelta = timedelta(hours=1)
    maybe_span: timedelta | None = None
    on: date = date(2026, 1, 1)
    hour: time = time(1)
    key: UUID = UUID(int=1)
    raw: bytes = b"x"
    word: Literal["a", "b"] = "a"
    number: Literal[1, 2] | None = 1
    either: Literal["a", 1] = "a"
    mixed: int | str = 1
    colour: Colour = Colour.RED
    size: Size = Size.SMALL
    listed: list[int] = [1]
    mapped: dict[str, int] = {"a": 1}
    point: Point = Point()
    maybe_point: Point | None = None
    anything: Any = None


PROMISED = {
    "flag": "boolean", "maybe_flag": "boolean", "whole": "Int64", "maybe_whole": "Int64", "bounded": "Int64",
    "maybe_bounded": "Int64", "share": "float64", "maybe_share": "float64", "text": "str", "maybe_text": "str",
    "money": "decimal", "maybe_money": "decimal", "moment": TIME, "maybe_moment": TIME, "aware": TIME,
    "span": "timedelta64[us]", "maybe_span": "timedelta64[us]", "on": "object", "hour": "object", "key": "object",
    "raw": "object", "word": "str", "number": "Int64", "either": "object", "mixed": "object", "colour": "object",
    "size": "object", "listed": "object", "mapped": "object", "point": "object", "maybe_point": "object",
    "anything": "object",
}  # fmt: skip

FULL: dict[str, Any] = {
    "maybe_flag": False, "maybe_whole": 2, "maybe_bounded": 2, "maybe_share": 1.5, "maybe_text": "y",
    "maybe_money": "2.20", "maybe_moment": START, "maybe_span": timedelta(days=1), "number": None,
    "maybe_point": Point(x=1), "anything": {"a": [1]},
}  # fmt: skip


class Happened(fl.Event, Everything, name="TestFrameSchemas::Happened"):
    """An event with the same attributes as the state."""


class Copied(fl.Projection[Everything]):
    @fl.interpretation_for(Happened)
    def happened(state, event):
        for name, value in event.payload().items():
            setattr(state, name, value)


@pytest.fixture
def stream(lab: fl.Lab) -> NoteStream:
    return NoteStream.for_("n", lab=lab)


HOW_MANY = pytest.mark.parametrize("count", [0, 1, 5], ids=["no event", "one event", "many events"])


def fill(lab: fl.Lab, count: int) -> None:
    for number in range(count):
        event = Happened(**FULL) if number % 2 else Happened()
        assert NoteStream.for_("n" if number < 3 else "m", lab=lab).append(event).persisted


Ask = Callable[[fl.Lab], pd.DataFrame]

OF_EVENTS: dict[str, Ask] = {
    "log.df": lambda lab: lab.log.df(names=Happened),
    "log.df of a name": lambda lab: lab.log.df(names="TestFrameSchemas::Happened"),
    "log.df of names from a generator": lambda lab: lab.log.df(names=(cls for cls in [Happened])),
    "log.df of a stream": lambda lab: lab.log.df(Happened, "n"),
    "log.df of a pattern": lambda lab: lab.log.df(Happened, "*"),
    "log.df that nothing is left of, by at": lambda lab: lab.log.df(Happened, at="1900-01-01"),
    "log.df that nothing is left of, by as_of": lambda lab: lab.log.df(Happened, as_of="1900-01-01"),
    "log.df that nothing is left of, by idx": lambda lab: lab.log.df(Happened, ["nowhere"]),
    "log.df that nothing is left of, by no idx": lambda lab: lab.log.df(Happened, []),
}


@HOW_MANY
@pytest.mark.parametrize("ask", OF_EVENTS.values(), ids=OF_EVENTS)
def test_a_frame_of_events_is_as_their_classes_promise(lab, count, ask):
    fill(lab, count)
    fits(ask(lab), PROMISED)


@pytest.mark.parametrize("count", [1, 5])
def test_streams_readings_and_the_whole_log_give_the_same_shape(lab, stream, count):
    fill(lab, count)
    for frame in (stream.df(), stream.read().df(), lab.log.df(), lab.log.df(at="1900-01-01")):
        fits(frame, PROMISED)


def test_what_has_no_event_has_the_keys(lab, stream):
    for frame in (stream.df(), stream.read().df(), lab.log.df(), lab.log.df(names="Nobody::Knows")):
        fits(frame, {})


@HOW_MANY
@pytest.mark.parametrize("idx", [None, "n", "nowhere"])
def test_a_frame_of_events_as_stored_has_their_texts(lab, count, idx):
    fill(lab, count)
    frame = lab.log.df(idx=idx, expand=False)
    fits(frame, {"payload": "str", "meta_info": "str"})
    assert all(json.loads(text)["whole"] == 1 for text in frame.payload)


OF_STATES: dict[str, Ask] = {
    "stream.replay": lambda lab: NoteStream.for_("n", lab=lab).replay(Copied),
    "stream.replay to the end": lambda lab: NoteStream.for_("n", lab=lab).replay(Copied, steps=False),
    "reading.replay": lambda lab: NoteStream.for_("n", lab=lab).read().replay(Copied),
    "lab.replay": lambda lab: lab.replay(Copied),
    "lab.replay of all": lambda lab: lab.replay(Copied, all=True),
    "lab.replay with steps": lambda lab: lab.replay(Copied, steps=True),
    "lab.replay of a stream": lambda lab: lab.replay(Copied, "n"),
    "lab.replay of a pattern": lambda lab: lab.replay(Copied, "?", steps=True),
    "lab.replay of a list": lambda lab: lab.replay(Copied, ["n", "m", "n"]),
    "lab.replay of nothing": lambda lab: lab.replay(Copied, []),
    "lab.replay before": lambda lab: lab.replay(Copied, at="1900-01-01", steps=True),
    "lab.replay unknown": lambda lab: lab.replay(Copied, as_of="1900-01-01"),
}


@HOW_MANY
@pytest.mark.parametrize("ask", OF_STATES.values(), ids=OF_STATES)
def test_a_frame_of_states_is_as_their_class_promises(lab, count, ask):
    fill(lab, count)
    fits(ask(lab), PROMISED)


@HOW_MANY
def test_decimals_are_exact_objects_or_floats(lab, stream, count):
    fill(lab, count)
    floats = {name: "float64" if kind == "decimal" else kind for name, kind in PROMISED.items()}
    frames = [lab.log.df(Happened, decimals="float"), lab.replay(Copied, decimals="float")]
    frames += [stream.replay(Copied, decimals="float")]
    if count:
        frames += [stream.df(decimals="float"), stream.read().df(decimals="float")]
        assert stream.df().money[0].as_tuple() == Decimal("1.10").as_tuple()
        assert stream.replay(Copied).money[0].as_tuple() == Decimal("1.10").as_tuple()
    for frame in frames:
        fits(frame, floats)
        assert frame.money.tolist() == [1.1] * len(frame)


@HOW_MANY
@pytest.mark.parametrize("on_error", ["stop", "skip"])
@pytest.mark.parametrize("steps", [True, False])
def test_a_replay_that_goes_on_has_a_column_for_what_broke(lab, stream, count, on_error, steps):
    fill(lab, count)
    for frame in (
        lab.replay(Copied, steps=steps, on_error=on_error),
        stream.replay(Copied, steps=steps, on_error=on_error),
    ):
        fits(frame, {**PROMISED, "error": "str"})
        assert frame.error.isna().all()


@HOW_MANY
def test_changes_have_the_dtype_of_their_field(lab, stream, count):
    fill(lab, count)
    moves = {f"{name}_{side}": kind for name, kind in PROMISED.items() for side in ("before", "after")}
    for frame in (lab.replay(Copied, steps=True, changes=True), stream.replay(Copied, changes=True)):
        fits(frame, {**PROMISED, **moves})
    frame = stream.replay(Copied, changes=True, on_error="skip", decimals="float")
    assert list(frame.columns) == [*KEYS, *PROMISED, *moves, "error"]
    assert str(frame.money_after.dtype) == "float64"


# --- other frames -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("field", PROMISED)
def test_a_grid_has_times_on_both_sides_and_the_dtype_of_its_field(lab, count, field):
    fill(lab, count)
    frame = lab.bitemporal(Copied, "n", field)
    wanted = "object" if PROMISED[field] == "decimal" else PROMISED[field]
    for axis, name in ((frame.index, "as_of"), (frame.columns, "at")):
        assert isinstance(axis, pd.DatetimeIndex)
        assert (axis.name, str(axis.dtype)) == (name, TIME)
    assert [str(dtype) for dtype in frame.dtypes] == [wanted] * len(frame.columns)
    nowhere = lab.bitemporal(Copied, "n", field, at=["1900-01-01", "1901-01-01"], as_of=[])
    assert nowhere.shape == (0, 2)
    assert [str(dtype) for dtype in nowhere.dtypes] == [wanted] * 2
    early = lab.bitemporal(Copied, "n", field, at="1900-01-01", as_of="1900-01-01")
    assert early.shape == (1, 1)
    assert early.isna().all(axis=None)
    assert [str(dtype) for dtype in early.dtypes] == [wanted]


def test_a_grid_of_no_times_is_empty(lab):
    fill(lab, 1)
    frame = lab.bitemporal(Copied, "n", "whole", at=[], as_of=[])
    assert frame.shape == (0, 0)
    assert (str(frame.index.dtype), str(frame.columns.dtype)) == (TIME, TIME)


class Rounded(Copied):
    @fl.final_state
    def end(state):
        state.whole += 1
        state.money += 1
        state.listed = [*state.listed, 2]


@HOW_MANY
def test_differences_are_objects_beside_their_stream_and_field(lab, count):
    fill(lab, count)
    keys = {"idx": "category", "field": "category"}
    frame = lab.diff(Copied, Rounded)
    fits(frame, {"left": "object", "right": "object"}, keys)
    assert set(frame.field) == ({"whole", "money", "listed"} if count else set())
    assert list(frame.field.cat.categories) == list(PROMISED)
    fits(lab.diff(Copied, Copied), {"left": "object", "right": "object"}, keys)
    floats = lab.diff(Copied, Rounded, decimals="float")
    assert not any(isinstance(value, Decimal) for value in [*floats.left, *floats.right])


REJECTIONS = {"idx": "category", "event": "category", "time": TIME, "stage": "category", "errors": "str"}
OF_REJECTIONS = {
    "payload": "object", "at": TIME, "version_read": "int64", "projection": "str", "stream_class": "str",
    "state_before": "object", "state_after": "object", "winner": "str", "meta_info": "object",
}  # fmt: skip


class NeverRed(fl.Projection[Texts]):
    @fl.interpretation_for(Happened)
    def happened(state, event):
        event.errors.add("colour", "must not be red")


class NeverRedStream(fl.EventStream):
    consistency_projection = NeverRed


def test_the_journal_has_one_shape(lab):
    stream = NeverRedStream.for_("a", lab=lab)
    fits(lab.rejections.df(), OF_REJECTIONS, REJECTIONS)
    fits(stream.rejections.df(), OF_REJECTIONS, REJECTIONS)
    for event in (Happened(), Happened(whole="many"), Happened(unknown=1)):
        assert not stream.append(event).persisted
        fits(lab.rejections.df(), OF_REJECTIONS, REJECTIONS)
    first, second = (NoteStream.for_("b", lab=lab).read() for _ in range(2))
    first.append(Happened())
    assert second.append(Happened()).rejection.stage == "conflict"
    fits(lab.rejections.df(), OF_REJECTIONS, REJECTIONS)
    assert lab.rejections.df().winner.iloc[-1] == "1 TestFrameSchemas::Happened"


JOBS = {"job": "int64", "status": "category"}
OF_JOBS = {
    "stream": "str", "idx": "str", "projection": "str", "queue": "str", "at": TIME, "queued_at": TIME,
    "finished_at": TIME, "error": "str",
}  # fmt: skip


class Kept(BaseModel):
    whole: int = 0
    maybe: int | None = None
    flag: bool = False
    money: Decimal = Field(default=Decimal(0), decimal_places=2, max_digits=10)
    moment: datetime | None = None
    text: str | None = None


class Keeping(fl.Projection[Kept]):
    table = "kept"

    @fl.interpretation_for(Happened)
    def happened(state, event):
        state.whole, state.money, state.moment = event.whole, event.money, event.moment


class KeepingStream(fl.EventStream):
    transactional_projections = (Keeping,)
    async_projections = (fl.Async(Keeping),)


def test_jobs_and_tables_have_one_shape(lab):
    fits(lab.jobs.df(), OF_JOBS, JOBS)
    KeepingStream.for_("a", lab=lab).append(Happened())
    lab.jobs.wait()
    fits(lab.jobs.df(), OF_JOBS, JOBS)
    frame = lab.table("kept")
    assert isinstance(frame.index, pd.RangeIndex)
    assert list(frame.columns) == ["idx", *Kept.model_fields]
    assert str(frame.dtypes["idx"]) == str(frame.dtypes["text"]) == "str"
    assert str(frame.dtypes["moment"]) == TIME
    assert (str(frame.dtypes["maybe"]), str(frame.dtypes["money"])) == ("Int64", "object")
    assert frame.money[0].as_tuple() == Decimal("1.10").as_tuple()


STREAMS = {"idx": "str", "events": "int64", "version": "int64"}
OF_STREAMS = {"first_at": TIME, "last_at": TIME, "last_event": "str", "refused": "int64"}


def test_streams_have_one_shape_with_and_without_refused_attempts(lab):
    fits(lab.log.streams(), OF_STREAMS, STREAMS)
    NeverRedStream.for_("only refused", lab=lab).append(Happened())
    fits(lab.log.streams(), OF_STREAMS, STREAMS)
    fill(lab, 3)
    fits(lab.log.streams(), OF_STREAMS, STREAMS)


@pytest.mark.parametrize("rows", ["event_entries", "event_entries WHERE false"])
def test_what_sql_gives_keeps_decimals_times_and_spans(lab, rows):
    fill(lab, 2)
    query = f"SELECT idx, version, created_at, 1.50 AS money, INTERVAL 1 DAY AS span, true AS flag FROM {rows}"
    keys = {"idx": "str", "version": "int64", "created_at": TIME}
    fits(lab.sql(query), {"money": "decimal", "span": "timedelta64[us]", "flag": "bool"}, keys)


def test_columns_of_one_name_in_sql_keep_their_own_values(lab):
    frame = lab.sql("SELECT 1 AS a, NULL::INT AS a, INTERVAL 2 DAY AS a")
    assert frame.iloc[0].tolist()[0] == 1
    assert pd.isna(frame.iloc[0, 1])
    assert [str(dtype) for dtype in frame.dtypes] == ["int32", "Int64", "timedelta64[us]"]


# --- what annotations do not promise ----------------------------------------------------------------------------


def insert(lab: fl.Lab, *payloads: Any, klass: str = "TestFrameSchemas::Happened", **more: Any) -> None:
    start = NoteStream.for_("n", lab=lab).version
    for version, props in enumerate(payloads, start + 1):
        row = {"klass": klass, "idx": "n", "version": version, "props": props, **more}
        fl.testing.raw_insert(lab, {"created_at": START, "occurred_at": START, **row})


UNFIT = {
    "flag": "perhaps", "whole": "many", "share": "half", "text": 5, "money": "much", "moment": "once", "span": "long",
    "word": "z",
}  # fmt: skip


@pytest.mark.parametrize(("field", "value"), UNFIT.items())
def test_a_value_that_does_not_fit_any_more_is_kept_and_its_column_is_one_of_objects(lab, stream, field, value):
    insert(lab, {}, {field: value})
    after = {**PROMISED, field: "str" if field == "word" else "object"}
    for frame in (stream.df(), lab.log.df(), lab.replay(Copied, steps=True), stream.replay(Copied)):
        fits(frame, after)
        assert frame[field][1] == value
    fits(lab.replay(Copied), after)


@pytest.mark.parametrize("number", [2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**40])
@pytest.mark.parametrize("other", [1, -1, None])
def test_whole_numbers_beyond_64_bits_are_exact(lab, stream, number, other):
    stream.append_all([Happened(maybe_whole=number), Happened(maybe_whole=other)])
    for frame in (stream.df(), stream.replay(Copied)):
        fits(frame, {**PROMISED, "maybe_whole": "object"})
        assert frame.maybe_whole.tolist() == [number, other]


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 2**53 + 1])
def test_whole_numbers_of_64_bits_are_exact_beside_nothing(lab, stream, number):
    stream.append_all([Happened(maybe_whole=number), Happened()])
    for frame in (stream.df(), stream.replay(Copied)):
        fits(frame, PROMISED)
        assert int(frame.maybe_whole[0]) == number
        assert frame.maybe_whole[1] is pd.NA


@pytest.mark.parametrize("span", [timedelta.max, timedelta.min, timedelta(microseconds=2**63)])
def test_spans_beyond_64_bits_are_exact(lab, stream, span):
    insert(lab, {}, klass="Other::Thing")
    frame = NoteStream.for_("n", lab=lab).replay(spanning(span))
    assert str(frame.span.dtype) == "object"
    assert frame.span[0] == span


def spanning(longest: timedelta) -> type[fl.Projection[Any]]:
    class Spans(BaseModel):
        span: timedelta = longest

    class Spanning(fl.Projection[Spans]):
        @fl.interpretation_for(Happened)
        def happened(state, event):
            pass

    return Spanning


@pytest.mark.parametrize("span", [timedelta(microseconds=2**63 - 1), timedelta(microseconds=1 - 2**63), timedelta(0)])
def test_spans_of_64_bits_are_exact(lab, stream, span):
    stream.append(Happened())
    frame = stream.replay(spanning(span))
    assert str(frame.span.dtype) == "timedelta64[us]"
    assert frame.span[0].to_pytimedelta() == span


@pytest.mark.parametrize("moment", [datetime.min, datetime.max, datetime(1969, 12, 31, 23, 59, 59, 999999)])
def test_the_first_and_the_last_times_are_exact(lab, stream, moment):
    there = moment.replace(tzinfo=UTC)
    stream.append(Happened(moment=there, aware=there), at=there)
    for frame in (stream.df(), lab.log.df(), stream.replay(Copied), lab.replay(Copied)):
        fits(frame, PROMISED)
        assert {frame[name][0].to_pydatetime() for name in ("moment", "aware", "occurred_at")} == {there}
    grid = lab.bitemporal(Copied, "n", "moment", at=[datetime.min, datetime.max])
    assert grid.iloc[0, 1].to_pydatetime() == there
    assert len(lab.log.df(at=datetime.max, as_of=datetime.max)) == 1
    assert len(lab.log.df(as_of=datetime.min)) == 0


class Floats(BaseModel):
    plain: float | None = None
    infinite: float | None = None


class Floating(fl.Projection[Floats]):
    @fl.interpretation_for(Happened)
    def happened(state, event):
        state.plain = event.maybe_share
        state.infinite = float("nan") if event.maybe_share is None else float("inf")


def test_nothing_and_nan_are_both_nan_in_floats(stream):
    stream.append_all([Happened(), Happened(maybe_share=1.0)])
    frame = stream.replay(Floating, changes=True)
    moves = {f"{name}_{side}": "float64" for name in Floats.model_fields for side in ("before", "after")}
    fits(frame, {"plain": "float64", "infinite": "float64", **moves})
    assert frame.plain.isna().tolist() == [True, False]
    assert frame.infinite.isna().tolist() == [True, False]
    assert frame.infinite[1] == float("inf")


class Halved(fl.Projection[Kept]):
    """Half of a surrogate pair, which a text of Python can have and one of Arrow cannot."""

    @fl.interpretation_for(Happened)
    def happened(state, event):
        state.text = event.text[0] + chr(0xD800)


def test_half_of_a_surrogate_pair_in_a_state_is_kept(lab, stream):
    stream.append(Happened())
    for frame in (stream.replay(Halved), lab.replay(Halved)):
        assert str(frame.text.dtype) == "object"
        assert frame.text[0] == "x" + chr(0xD800)


def test_whole_numbers_too_large_for_a_float_stay_themselves_beside_floats(stream, lab):
    insert(lab, {"n": 2**53 + 1}, {"n": 0.5}, klass="Foreign::Counted")
    assert stream.df().n.tolist() == [2**53 + 1, 0.5]
    insert(lab, {"m": 1}, {"m": 0.5}, klass="Foreign::Other")
    fits(stream.df(), {"n": "object", "m": "float64"})


# --- names that nobody knows, names that meet -------------------------------------------------------------------


def test_attributes_of_unknown_names_tell_their_own_dtypes(lab, stream):
    insert(
        lab,
        {"i": 1, "f": 0.5, "b": True, "t": "x", "none": None, "l": [1], "o": {"a": 1}, "mix": 1},
        {"i": None, "b": None, "mix": "one"},
        {},
        klass="Foreign::Happened",
    )
    wanted = {"i": "Int64", "f": "float64", "b": "boolean", "t": "str", "none": "object", "l": "object", "o": "object"}
    for frame in (stream.df(), lab.log.df(), lab.log.df("Foreign::Happened")):
        fits(frame, {**wanted, "mix": "object"})


@pytest.mark.parametrize("props", [[1, 2], "text", 5, None, True])
def test_a_payload_that_is_no_object_stands_under_the_name_of_its_column(lab, stream, props):
    insert(lab, props, klass="Foreign::Odd")
    frame = stream.df()
    assert list(frame.columns) == [*KEYS, "props"]
    assert frame.props[0] == props if props is not None else pd.isna(frame.props[0])


@pytest.mark.parametrize(
    "payload",
    [
        {"idx": "theirs", "payload.idx": "odd"},
        {"payload.idx": "odd", "idx": "theirs"},
        {"idx": "theirs", "payload.idx": "odd", "payload.payload.idx": "odder"},
        {"version": 1, "event": 2, "occurred_at": 3, "created_at": 4, "idx": 5},
        {"": 1, "index": 2, "payload": 3, "state": 4, "meta_info": 5, "meta_info.user": 6},
    ],
)
def test_every_value_of_a_payload_is_in_a_column_of_its_own_whatever_it_is_called(lab, stream, payload):
    insert(lab, payload, {}, klass="Foreign::Named", meta_info={"user": "me"})
    frame = stream.df()
    assert frame.columns.is_unique
    assert list(frame.columns[:5]) == list(KEYS)
    others = frame.iloc[0, 5:].tolist()
    assert sorted(map(str, others)) == sorted(map(str, [*payload.values(), "me"]))
    for name, value in payload.items():
        if name not in {*KEYS, "meta_info.user"} and not name.startswith("payload."):
            assert frame[name][0] == value
    assert frame["meta_info.user"].tolist() == ["me", "me"]


class Met(BaseModel):
    model_config = ConfigDict(extra="allow")
    idx: str = "mine"
    version: float = 0.5
    x: int = 0
    x_before: str = "taken"
    error: bool | None = None


class Meets(fl.Projection[Met]):
    @fl.interpretation_for(Happened)
    def happened(state, event):
        state.x += 1
        state.idx_before = state.x


MET = {"state.idx": "str", "state.version": "float64", "x": "Int64"}


def test_fields_called_like_columns_are_told_apart(lab, stream):
    stream.append_all([Happened(), Happened()])
    for frame in (stream.replay(Meets), lab.replay(Meets)):
        fits(frame, {**MET, "x_before": "str", "error": "boolean", "idx_before": "Int64"})
    frame = stream.replay(Meets, on_error="skip")
    fits(frame, {**MET, "x_before": "str", "state.error": "boolean", "idx_before": "Int64", "error": "str"})
    frame = stream.replay(Meets, changes=True, on_error="stop")
    assert frame.columns.is_unique
    assert list(frame.columns[5:11]) == [*MET, "state.x_before", "state.error", "state.idx_before"]
    assert frame["state.x_before"].tolist() == ["taken"] * 2
    assert frame.x_before.tolist() == [0, 1]
    assert frame.idx_before_before.isna().tolist() == [True, False]


class Same(fl.Event, name="TestFrameSchemas::Same"):
    whole: str = "text"
    money: int = 1
    share: float | None = None
    listed: tuple[int, ...] = (1,)


def test_an_attribute_that_classes_promise_differently_is_one_of_objects(lab, stream):
    stream.append_all([Happened(), Same()])
    wanted = {**PROMISED, "whole": "object", "money": "object"}
    for frame in (stream.df(), lab.log.df(), lab.log.df([Happened, Same]), lab.log.df([Happened, Same], "nowhere")):
        fits(frame, wanted)
    assert stream.df().whole.tolist() == [1, "text"]


def test_metainformation_has_columns_after_the_payload(clock):
    class Context(BaseModel):
        user: int | None = None
        tags: list[str] = []
        secret: str = "x"

    lab = fl.Lab(clock=clock, metainformation_model=Context)
    stream = NoteStream.for_("n", lab=lab)
    with lab.metainformation(user=7, tags=["a"]):
        stream.append(Same())
    stream.append(Same())
    same = {"whole": "str", "money": "Int64", "share": "float64", "listed": "object"}
    meta = {"meta_info.user": "Int64", "meta_info.tags": "object", "meta_info.secret": "str"}
    fits(stream.df(), {**same, **meta})
    assert stream.df()["meta_info.user"].tolist() == [7, pd.NA]


# --- states -----------------------------------------------------------------------------------------------------


class Richer(BaseModel):
    model_config = ConfigDict(extra="allow")
    needed: int
    needed_time: datetime
    total: int = 0

    @computed_field  # type: ignore[prop-decorator]
    @property
    def double(self) -> int:
        return 2 * self.total


class Enriched(fl.Projection[Richer]):
    @fl.interpretation_for(Happened)
    def happened(state, event):
        state.total += 1
        if state.total == 2:
            state.found = event.moment
            state.listed = [1]
        if state.total == 3:
            state.needed = 5


def test_what_a_state_has_beyond_its_fields_follows_and_what_it_lacks_is_nothing(lab, stream):
    fields = {"needed": "Int64", "needed_time": TIME, "total": "Int64"}
    fits(stream.replay(Enriched), fields)
    stream.append(Happened())
    fits(stream.replay(Enriched), fields)
    stream.append_all([Happened(), Happened()])
    for frame in (stream.replay(Enriched), lab.replay(Enriched, steps=True)):
        fits(frame, {**fields, "found": TIME, "listed": "object"})
        assert frame.found.isna().tolist() == [True, False, False]
        assert frame.needed.isna().tolist() == [True, True, False]
        assert frame.needed_time.isna().all()
    fits(lab.replay(Enriched), {**fields, "found": TIME, "listed": "object"})


# --- secrets ----------------------------------------------------------------------------------------------------

SECRET = "4111-swordfish-4111"


class Card(BaseModel):
    pan: str
    holder: str = "Ada"


class Charged(fl.Event, name="TestFrameSchemas::Charged"):
    filter_attributes: ClassVar[Any] = ("pin", "pan")
    pin: int | str | None = None
    amount: int = 1
    card: Card | None = None
    notes: dict[str, Any] = {}


class Account(BaseModel):
    filter_attributes: ClassVar[Any] = ("pin", "pan")
    pin: str = ""
    total: int = 0
    card: Card | None = None
    notes: dict[str, Any] = {}


class Accounts(fl.Projection[Account]):
    @fl.interpretation_for(Charged)
    def charged(state, event):
        state.pin, state.card, state.notes = str(event.pin), event.card, event.notes
        if event.amount == 13:
            raise RuntimeError("unlucky")
        state.total += event.amount


class Others(Accounts):
    @fl.final_state
    def end(state):
        state.pin = state.pin[::-1]
        state.card = Card(pan=SECRET, holder="Bob")
        state.notes = {**state.notes, "pan": SECRET + "!"}
        state.total += 1


def test_secrets_are_in_no_frame_also_nested_and_in_errors(lab, stream):
    nested = {"card": Card(pan=SECRET), "notes": {"deep": [{"pan": SECRET}], "n": 1}}
    for amount in (1, 13, 5):
        stream.append(Charged(pin=SECRET, amount=amount, **nested))
    NoteStream.for_("unbroken", lab=lab).append(Charged(pin=SECRET, **nested))
    events = {"pin": "str", "amount": "Int64", "card": "object", "notes": "object"}
    states = {"pin": "str", "total": "Int64", "card": "object", "notes": "object"}
    moves = {f"{name}_{side}": kind for name, kind in states.items() for side in ("before", "after")}
    frames = [stream.df(), stream.read().df(), lab.log.df(), lab.log.df(Charged)]
    for frame in frames:
        fits(frame, events)
    fits(lab.log.df(Charged, "nowhere"), events)
    told = [lab.replay(Accounts, on_error=on, steps=steps) for on in ("stop", "skip") for steps in (True, False)]
    told += [stream.replay(Accounts, on_error="skip")]
    for frame in told:
        fits(frame, {**states, "error": "str"})
        assert "unlucky" in frame.error.dropna().iloc[0]
    frame = lab.replay(Accounts, steps=True, changes=True, on_error="skip")
    fits(frame, {**states, **moves, "error": "str"})
    grids = [lab.bitemporal(Accounts, "unbroken", field) for field in ("pin", "card", "notes")]
    difference = lab.diff(Accounts, Others, "unbroken")
    assert set(difference.field) == {"pin", "total", "card", "notes"}
    stored = lab.log.df(expand=False)
    for shown in [*frames, *told, frame, *grids, difference, stored, lab.rejections.df()]:
        written = shown.to_csv() + repr(shown.to_dict("records"))
        assert SECRET not in written
        assert SECRET[::-1] not in written
    assert stream.df().pin.tolist() == ["[FILTERED]"] * 3
    assert stream.df().notes[0] == {"deep": [{"pan": "[FILTERED]"}], "n": 1}
    assert grids[0].iloc[0, 0] == "[FILTERED]"
    assert str(grids[0].dtypes.iloc[0]) == "str"


# --- what is given away is nobody else's ------------------------------------------------------------------------


def test_nested_values_in_frames_alias_nothing(lab, stream):
    stream.append_all([Happened(**FULL), Happened(**FULL)])
    asked: list[Callable[[], pd.DataFrame]] = [
        stream.df, lab.log.df, lambda: stream.replay(Copied), lambda: lab.replay(Copied, steps=True),
        lambda: stream.replay(Copied, changes=True), lambda: lab.replay(Copied),
    ]  # fmt: skip
    for ask in asked:
        frame = ask()
        frame["listed"][0].append("mine")
        frame["anything"][0]["a"].append("mine")
        frame["mapped"][0]["mine"] = 1
        for again in (frame.iloc[1:], ask()):
            for row in again.itertuples():
                assert (row.listed, row.anything, row.mapped) == ([1], {"a": [1]}, {"a": 1})
    frame = stream.replay(Copied, changes=True)
    frame["anything"][0]["a"].append("mine")
    assert frame["anything_after"][0] == {"a": [1]}
    grid = lab.bitemporal(Copied, "n", "listed", at=day(1000), as_of=[day(1000), day(1001)])
    grid.iloc[0, 0].append("mine")
    assert grid.iloc[1, 0] == [1]
