"""What came in comes out equal, through a file; what a log cannot hold is refused wherever it hides."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from itertools import count
from typing import Any, Literal
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

import funes_lab as fl
from tests.domain import NoteStream, rows_of


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Rank(IntEnum):
    FIRST = 1
    LAST = 99


class Inner(BaseModel):
    price: Decimal
    when: datetime | None = None
    tags: list[str] = []


class Everything(fl.Event, name="TestValues::Everything"):
    amount: Decimal
    at: datetime
    on: date
    span: timedelta
    key: UUID
    data: bytes
    number: int
    share: float
    text: str
    flag: bool
    colour: Colour
    rank: Rank
    size: Literal["S", "M", 3]
    perhaps: Decimal | None
    inner: Inner
    inners: list[Inner]
    by_name: dict[str, Decimal]
    by_number: dict[int, datetime]
    by_day: dict[date, list[timedelta]]
    pair: tuple[int, Decimal]
    many: tuple[datetime, ...]
    names: set[str]
    keys: frozenset[UUID]
    either: int | str
    free: Any


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
decimals = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False),
    st.builds(Decimal, st.from_regex(r"-?[0-9]{1,40}(\.[0-9]{1,40})?(E[+-]?[0-9]{1,3})?", fullmatch=True)),
)
offsets = st.integers(-14 * 3600, 14 * 3600).map(lambda s: timezone(timedelta(seconds=s)))
# the first and the last day of the calendar have no place in every zone
zoned = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.one_of(offsets, st.timezones()))
instants = st.one_of(st.datetimes(timezones=st.just(UTC)), zoned)
floats = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64) | floats | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
inners = st.builds(Inner, price=decimals, when=st.none() | instants, tags=st.lists(text, max_size=2))
payloads = st.fixed_dictionaries(
    {
        "amount": decimals,
        "at": instants,
        "on": st.dates(),
        "span": st.timedeltas(),
        "key": st.uuids(),
        "data": st.binary(max_size=20),
        "number": st.integers(),
        "share": floats,
        "text": text,
        "flag": st.booleans(),
        "colour": st.sampled_from(Colour),
        "rank": st.sampled_from(Rank),
        "size": st.sampled_from(["S", "M", 3]),
        "perhaps": st.none() | decimals,
        "inner": inners,
        "inners": st.lists(inners, max_size=2),
        "by_name": st.dictionaries(text, decimals, max_size=2),
        "by_number": st.dictionaries(st.integers(), instants, max_size=2),
        "by_day": st.dictionaries(st.dates(), st.lists(st.timedeltas(), max_size=2), max_size=2),
        "pair": st.tuples(st.integers(), decimals),
        "many": st.lists(instants, max_size=2).map(tuple),
        "names": st.sets(text, max_size=3),
        "keys": st.frozensets(st.uuids(), max_size=2),
        "either": st.integers() | text,
        "free": json_values,
    }
)


@pytest.fixture(scope="module")
def through_a_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Gives events as they are read from a file; a new stream each time."""
    numbers = count()
    lab = fl.Lab(tmp_path_factory.mktemp("values") / "values.duckdb")

    def appended_and_read(events: list[fl.Event]) -> list[fl.Event]:
        stream = NoteStream.for_(str(next(numbers)), lab=lab)
        for event in events:
            assert stream.append(event).persisted, event.errors
        return stream.events

    yield appended_and_read
    lab.close()


def exactly(value: Any) -> Any:
    """A value with what equality leaves out: the type, the digits of a Decimal, the zone of a time."""
    if isinstance(value, Decimal):
        return ("Decimal", value.as_tuple())
    if isinstance(value, float):
        return ("float", value.hex())
    if isinstance(value, datetime):
        return ("datetime", value.isoformat())
    if isinstance(value, BaseModel):
        return (type(value), exactly(value.__dict__))
    if isinstance(value, dict):
        return {key: exactly(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return (type(value), [exactly(item) for item in value])
    return (type(value), value)


@settings(max_examples=40, deadline=None)
@given(st.lists(payloads, min_size=1, max_size=6))
def test_rule_12_what_came_in_comes_out_equal_from_a_file(through_a_file, values):
    events = [Everything(**one) for one in values]
    for event, one in zip(events, values, strict=True):
        assert event.valid, event.errors
        assert event.amount.as_tuple() == one["amount"].as_tuple()
        assert event.at == one["at"].astimezone(UTC)
        assert event.at.tzinfo is UTC
    back = {event.version: event for event in through_a_file(events)}
    for event in events:
        again = back[event.version]
        assert again == event
        assert hash(again) == hash(event)
        assert exactly(again.payload()) == exactly(event.payload())
        assert (again.occurred_at, again.created_at) == (event.occurred_at, event.created_at)


bad_leaves = st.sampled_from(
    [math.nan, math.inf, -math.inf, Decimal("NaN"), Decimal("Infinity"), "a\x00", "\x00", "\ud800", "x\udfff"]
)


@st.composite
def hidden(draw: st.DrawFn) -> Any:
    """A value that no log can hold, somewhere in lists and mappings."""
    value: Any = draw(bad_leaves)
    for _ in range(draw(st.integers(0, 5))):
        around = draw(st.lists(json_values, max_size=2))
        if draw(st.booleans()):
            value = [*around, value]
        elif isinstance(value, str) and draw(st.booleans()):
            value = {value: around}
        else:
            value = {"before": around, "here": value}
    return value


anything = st.recursive(
    st.none() | st.text() | st.integers() | st.floats() | st.binary() | st.datetimes() | st.decimals(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=5,
)


class Free(fl.Event, name="TestValues::Free"):
    value: Any


@pytest.fixture(scope="module")
def one_lab() -> Iterator[fl.Lab]:
    lab = fl.Lab()
    yield lab
    lab.close()


@settings(max_examples=100, deadline=None)
@given(hidden())
@example([[[[["\x00"]]]]])
def test_what_a_log_cannot_hold_is_an_own_error_at_any_depth_and_stores_nothing(one_lab, value):
    event = NoteStream.for_("bad", lab=one_lab).append(Free(value=value))
    assert not event.persisted
    assert event.own_errors
    assert all(error.source == "own" for error in event.errors)
    assert rows_of(one_lab) == 0
    assert event.rejection.stage == "own"
    assert NoteStream.for_("bad", lab=one_lab).rejections[-1].errors == event.errors


@settings(max_examples=60, deadline=None)
@given(anything)
def test_rule_6_construction_never_raises_whatever_is_given_and_it_can_be_shown_and_refused(one_lab, value):
    event = Everything(amount=value, at=value, inner=value, inners=value, free=value, unknown=value)
    assert not event.valid
    stream = NoteStream.for_("bad", lab=one_lab)
    assert not stream.append(event).persisted
    for text_ in (repr(event), event._repr_html_(), repr(event.errors), repr(event.rejection.explain())):
        assert text_
    assert repr(stream.rejections[-1].explain()) == repr(event.rejection.explain())
    one_lab.rejections.clear()
