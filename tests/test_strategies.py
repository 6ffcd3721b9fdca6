"""Valid events, drawn by Hypothesis from their classes."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, NewType
from uuid import UUID

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    Field,
    PositiveInt,
    StringConstraints,
    field_validator,
    model_validator,
)

import funes_lab as fl
from tests.domain import Issued, Noted, NoteStream, PaymentReceived, day

events = fl.testing.events

# What is looked at is each event, not how fast it is drawn on a busy machine.
quickly = settings(max_examples=25, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])


class Suit(Enum):
    HEARTS = "hearts"
    SPADES = 4


class Address(BaseModel):
    street: str = Field(min_length=2, max_length=5, alias="Street")
    postcode: Annotated[str, StringConstraints(pattern=r"^[0-9]{5}$")]


class Tree(BaseModel):
    leaf: int
    branches: list[Tree] = []


def is_even(value: int) -> int:
    if value % 2:
        raise ValueError("must be even")
    return value


Cents = NewType("Cents", int)


class Numbers(fl.Event, name="Strategies::Numbers"):
    amount: Decimal = Field(gt=0)
    rate: Decimal = Field(ge=0, lt=1, decimal_places=3)
    price: Decimal = Field(max_digits=4, decimal_places=2)
    tiny: Decimal = Field(gt=0, lt=Decimal("0.0001"))
    coins: Decimal = Field(multiple_of=Decimal("0.05"), ge=1, le=2)
    whole: Decimal = Field(decimal_places=0, le=-5)
    dozens: int = Field(multiple_of=12, gt=12, lt=100)
    cents: Cents
    share: float = Field(gt=0, le=1)
    free: float
    positive: PositiveInt = 3
    even: Annotated[int, Field(ge=0), AfterValidator(is_even)]


class Times(fl.Event, name="Strategies::Times"):
    at: datetime
    after: datetime = Field(gt=datetime(2150, 1, 1, tzinfo=UTC))
    aware: AwareDatetime
    on: date = Field(ge=date(2020, 1, 1), lt=date(2020, 1, 3))
    clock: time
    span: timedelta = Field(gt=timedelta(0))


class Texts(fl.Event, name="Strategies::Texts"):
    name: str = Field(min_length=1, max_length=3)
    code: str = Field(pattern="^[A-Z]{3}$")
    raw: bytes
    identity: UUID
    suit: Suit
    size: Literal["s", "m", 3]
    either: int | str
    anything: Any


class Nested(fl.Event, name="Strategies::Nested"):
    address: Address | None
    tree: Tree
    numbers: list[Annotated[int, Field(gt=3)]] = Field(min_length=1, max_length=3)
    by_name: Mapping[str, Decimal]
    pair: tuple[int, str]
    days: set[date]
    listed: Sequence[bool]
    fixed: frozenset[Literal["a", "b"]] = frozenset()


class Careful(fl.Event, name="Strategies::Careful"):
    """Validators in Python code, of fields and of the whole."""

    low: int = Field(ge=0, le=50)
    high: int = Field(ge=0, le=50)
    odd: int

    @field_validator("odd")
    @classmethod
    def is_odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError("must be odd")
        return value

    @model_validator(mode="after")
    def in_order(self) -> Careful:
        if self.low > self.high:
            raise ValueError("low must not be above high")
        return self


@pytest.mark.parametrize(
    "cls", [Numbers, Times, Texts, Nested, Careful, Issued, PaymentReceived], ids=lambda c: c.__name__
)
def test_every_event_is_valid_whatever_its_class_asks(cls):
    drawn = []

    @quickly
    @given(events(cls))
    def check(event):
        drawn.append(event)
        assert type(event) is cls
        assert list(event.own_errors) == []

    check()
    assert len(set(drawn)) > 5


@pytest.mark.parametrize("cls", [Numbers, Times, Texts, Nested], ids=lambda c: c.__name__)
def test_every_event_goes_into_a_log_and_comes_back_equal(cls, lab):
    stream = NoteStream.for_("s", lab=lab)

    @quickly
    @given(events(cls))
    def check(event):
        version = stream.append_or_raise(event.model_copy()).version
        (back,) = (known for known in stream.events if known.version == version)
        assert back == event

    check()


def test_times_are_in_utc():
    @quickly
    @given(events(Times))
    def check(event):
        assert event.at.tzinfo is UTC
        assert event.after.tzinfo is UTC
        assert datetime(2000, 1, 1, tzinfo=UTC) <= event.at <= datetime(2100, 1, 1, tzinfo=UTC)

    check()


def test_the_simplest_event_is_simple():
    simplest = find(events(Issued), lambda event: True)
    assert repr(simplest) == repr(Issued(amount=1, interest_rate=0, at="2000-01-01"))
    assert find(events(Nested), lambda event: True, settings=quickly).address is None


def test_decimals_have_decimal_places():
    assert find(events(Issued), lambda event: event.amount % 1 != 0).amount == Decimal("0.01")


def test_attributes_with_a_default_are_left_out_at_times():
    class Greeted(fl.Event, name="Strategies::Greeted"):
        name: str = "you"

    for there in (True, False):
        find(events(Greeted), lambda event, there=there: ("name" in event.model_fields_set) is there)


def test_of_several_classes_each_is_drawn():
    for cls in (Issued, PaymentReceived, Noted):
        find(events(Issued, PaymentReceived, Noted), lambda event, cls=cls: isinstance(event, cls))


def test_a_strategy_can_be_given_for_a_field_of_whichever_class_has_it():
    strategy = events(Issued, PaymentReceived, at=st.just(day(3)), amount=st.decimals(5, 7, places=1))

    @quickly
    @given(strategy)
    def check(event):
        assert event.at == day(3)
        assert not isinstance(event, Issued) or 5 <= event.amount <= 7

    check()


def test_a_strategy_that_is_given_is_held_to_the_constraints_too():
    assert find(events(Issued, amount=st.integers(-5, 5)), lambda event: True).amount == 1


def test_wrong_arguments_are_told_by_name():
    for wrong, message in (
        (events, "events needs an event class"),
        (lambda: events(Address), "events takes event classes"),
        (lambda: events(Issued, amount=5), r"amount must be a Hypothesis strategy, got 5; write st.just\(5\)"),
        (lambda: events(Issued, amuont=st.just(5)), "none of Issued has a field 'amuont'"),
    ):
        with pytest.raises(TypeError, match=message):
            wrong()


def test_a_type_that_nobody_knows_is_told_with_what_to_do():
    class Opaque:
        def __init__(self, secret: Opaque) -> None:
            pass

    class Called(fl.Event, name="Strategies::Called", arbitrary_types_allowed=True):
        by: Callable[[int], int] | None = None

    assert find(events(Called, by=st.none()), lambda event: True).by is None


def test_without_hypothesis_the_extra_is_named(monkeypatch):
    import sys

    for name in [name for name in sys.modules if name.startswith("funes_lab.explore.")]:
        monkeypatch.delitem(sys.modules, name)
    there = builtins.__import__

    def without(name, *arguments, **named):
        if name.split(".")[0] == "hypothesis":
            raise ModuleNotFoundError("No module named 'hypothesis'", name="hypothesis")
        return there(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    for door, ask in (
        ("events", lambda: events(Issued)),
        ("find_breach", lambda: fl.testing.find_breach(NoteStream, bool)),
    ):
        with pytest.raises(ImportError, match=rf'fl.testing.{door} needs .* pip install "funes-lab\[testing\]"'):
            ask()
