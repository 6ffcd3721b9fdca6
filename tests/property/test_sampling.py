"""Whatever the constraints of a field, what is drawn for it keeps them; so does the one that is drawn first."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from random import Random
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, BeforeValidator, Field, PositiveInt, SecretStr, TypeAdapter, constr, field_validator

import funes_lab as fl
from funes_lab.races.sampling import BEGIN, CannotSample, sample, sampler, value_of
from tests.domain import DebtEventStream, NoteStream

SEEDS = st.integers(0, 2**32)


def bounded(least: st.SearchStrategy[Any], room: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Bounds with room between them, open at either end or at both."""

    def ends(low: Any, more: Any, lower: str, upper: str) -> dict[str, Any]:
        return {name: end for name, end in ((lower, low), (upper, low + more)) if name}

    return st.builds(ends, least, room, st.sampled_from(["", "gt", "ge"]), st.sampled_from(["", "lt", "le"]))


WHOLE = bounded(st.integers(-1000, 1000), st.integers(2, 500))
CENTS = st.integers(-100_000, 100_000).map(lambda cents: Decimal(cents) / 100)
EXACT = bounded(CENTS, st.integers(2, 10_000).map(lambda cents: Decimal(cents) / 100))
FLOATS = bounded(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
TIMES = bounded(
    st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)),
    st.timedeltas(timedelta(seconds=1), timedelta(days=4000)),
)
DAYS = bounded(st.dates(date(1990, 1, 1), date(2060, 1, 1)), st.integers(2, 900).map(lambda n: timedelta(days=n)))
SPANS = bounded(
    st.timedeltas(timedelta(days=-9), timedelta(days=9)), st.timedeltas(timedelta(seconds=1), timedelta(days=9))
)


def lengths(most: int) -> st.SearchStrategy[dict[str, int]]:
    pairs = st.tuples(st.integers(0, most), st.integers(0, most)).map(sorted)
    return st.one_of(
        pairs.map(lambda two: {"min_length": two[0], "max_length": two[1]}),
        pairs.map(lambda two: {"min_length": two[1]}),
        pairs.map(lambda two: {"max_length": two[0]}),
    )


FIELDS = st.one_of(
    st.tuples(st.just(int), WHOLE),
    st.tuples(
        st.just(int), st.builds(lambda k, n: {"multiple_of": k, "ge": n}, st.integers(1, 60), st.integers(-90, 90))
    ),
    st.tuples(st.just(Decimal), EXACT),
    st.tuples(st.just(Decimal), EXACT.map(lambda bounds: {**bounds, "decimal_places": 2})),
    st.tuples(
        st.just(Decimal),
        st.tuples(st.integers(0, 6), st.integers(0, 6))
        .map(sorted)
        .filter(lambda two: two[1] > 0)
        .map(lambda two: {"decimal_places": two[0], "max_digits": two[1]}),
    ),
    st.tuples(st.just(Decimal), st.integers(1, 9).map(lambda digits: {"max_digits": digits})),
    st.tuples(st.just(float), FLOATS),
    st.tuples(st.just(datetime), TIMES),
    st.tuples(st.just(date), DAYS),
    st.tuples(st.just(timedelta), SPANS),
    st.tuples(st.sampled_from([str, bytes, list[int], tuple[str, ...], set[int], dict[str, bool]]), lengths(12)),
)


@given(field=FIELDS, seed=SEEDS)
def test_what_is_drawn_keeps_the_constraints_of_its_field(field, seed):
    kind, constraints = field
    annotated = Annotated[kind, Field(**constraints)]
    value = value_of(annotated, (), Random(seed))
    assert TypeAdapter(annotated).validate_python(value, strict=True) == value


@given(field=FIELDS, seed=SEEDS)
def test_constraints_are_kept_in_lists_and_beside_none_too(field, seed):
    kind, constraints = field
    annotated = Annotated[kind, Field(**constraints)]
    for around in (list[annotated], annotated | None, tuple[annotated, annotated]):
        value = value_of(around, (), Random(seed))
        assert TypeAdapter(around).validate_python(value, strict=True) == value


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    street: constr(min_length=2) = Field(alias="str")
    floor: Literal["ground", 1, 2] = "ground"
    next: Address | None = None


class Everything(fl.Event, name="Sampling::Everything"):
    count: PositiveInt
    rate: Annotated[Decimal, Field(gt=0, lt=Decimal("0.001"))]
    colour: Colour
    address: Address
    addresses: list[Address] = Field(min_length=1)
    either: int | str
    pages: dict[Literal["a", "b"], Decimal] = Field(min_length=1)
    few: set[Literal[1, 2, 3]] = Field(min_length=2)
    pair: tuple[bool, float] | None
    even: int

    @field_validator("even")
    @classmethod
    def _is_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("must be even")
        return value


@given(seed=SEEDS)
def test_a_seed_gives_the_same_event_each_time_and_its_own_rules_let_it_pass(seed):
    first, again = sample(Everything, Random(seed)), sample(Everything, Random(seed))
    assert first == again
    assert not first.own_errors


def test_different_seeds_give_different_events():
    assert len({str(sample(Everything, Random(seed))) for seed in range(20)}) == 20


def test_none_is_drawn_where_it_may_be_but_not_always():
    class Maybe(fl.Event, name="Sampling::Maybe"):
        number: int | None

    drawn = {sample(Maybe, Random(seed)).number is None for seed in range(60)}
    assert drawn == {True, False}


def test_the_actual_time_is_later_with_each_number():
    make = sampler(DebtEventStream)
    assert [make(Random(1), number).at - BEGIN for number in range(3)] == [timedelta(seconds=n) for n in range(3)]


def test_all_event_types_that_the_projections_interpret_are_drawn():
    make, chance = sampler(DebtEventStream), Random(1)
    names = {make(chance, number).event_name for number in range(60)}
    assert names == {"Debts::Issued", "Debts::PaymentReceived", "Debts::Forgiven"}


def _never(value: object) -> object:
    raise ValueError("never")


@pytest.mark.parametrize(
    ("annotation", "told"),
    [
        (Annotated[str, Field(pattern="a+")], "no text is drawn by a pattern"),
        (Any, "Any says too little"),
        (SecretStr, "SecretStr says too little"),
        (Annotated[int, Field(gt=3, lt=4)], "no number is > 3, < 4"),
        (Annotated[Decimal, Field(gt=1, lt=Decimal("1.1"), decimal_places=1)], "no number is > 1, < 1.1"),
        (Annotated[str, Field(min_length=3, max_length=2)], "no length is"),
        (Annotated[set[bool], Field(min_length=3)], "there are not 3 different ones"),
        (Annotated[int, BeforeValidator(_never)], "its own rules let pass .*never"),
    ],
)
def test_what_cannot_be_drawn_is_told_with_the_field_and_the_way_out(annotation, told):
    class Odd(fl.Event, name="Sampling::Odd"):
        field: annotation

    with pytest.raises(ValueError, match=rf"Odd.*{told}.*give storm events="):
        sample(Odd, Random(1))


def test_a_model_that_holds_itself_without_end_is_told():
    class Endless(BaseModel):
        inner: Endless

    with pytest.raises(CannotSample, match="Endless"):
        value_of(Endless, (), Random(1))


def test_what_has_a_default_and_cannot_be_drawn_keeps_it():
    class Kept(fl.Event, name="Sampling::Kept"):
        code: str = Field(default="aaa", pattern="^a+$")

    assert sample(Kept, Random(1)).code == "aaa"


def test_a_stream_without_projections_says_no_type():
    with pytest.raises(ValueError, match="no projection of NoteStream names an event type; give storm events="):
        sampler(NoteStream)
