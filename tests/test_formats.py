"""Every figure and every text that is shown is written by `funes_lab.formats`."""

from __future__ import annotations

import dataclasses
import enum
import uuid
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from funes_lab import formats


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 1_000_000


class Line(BaseModel):
    sku: str
    qty: int


@dataclasses.dataclass
class Point:
    x: int


class Plain:
    pass


@pytest.mark.parametrize(
    ("given_value", "shown"),
    [
        (None, "–"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-1234, "−1,234"),
        (10**20, "100,000,000,000,000,000,000"),
        (Decimal("999999.00"), "999,999.00"),
        (Decimal("-0.50"), "−0.50"),
        (Decimal("1E+3"), "1,000"),
        (Decimal("0E+5"), "0"),
        (Decimal("0.0000000001"), "0.0000000001"),
        (1e6, "1,000,000.0"),
        (1e22, "10,000,000,000,000,000,000,000"),
        (1e-7, "0.0000001"),
        (0.1 + 0.2, "0.30000000000000004"),
        (float("nan"), "not a number"),
        (float("-inf"), "−∞"),
        (Decimal("sNaN"), "not a number"),
        (Decimal("Infinity"), "∞"),
        (Fraction(1, 3), "1/3"),
        (np.float64(1e6), "1,000,000.0"),
        (np.float32(0.1), "0.1"),
        (np.int64(1_000), "1,000"),
        (Colour.RED, "red"),
        (Level.HIGH, "1,000,000"),
        ("as it is", "as it is"),
        ("", ""),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (b"\x00\xff", r"b'\x00\xff'"),
        (date(2026, 10, 1), "2026-10-01"),
        (time(9, 30), "09:30:00"),
        (timedelta(milliseconds=38), "38 ms"),
        (timedelta(days=-1, hours=-2), "−1 d 2 h"),
        (timedelta(0), "0 s"),
        (pd.NaT, "–"),
        (Plain(), "Plain(…)"),
    ],
)
def test_a_value_is_written_in_words(given_value: object, shown: str) -> None:
    assert formats.value(given_value) == shown


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (datetime(2026, 10, 10, 9, tzinfo=UTC), "2026-10-10 09:00"),
        (datetime(2026, 10, 10, 9, 0, 5, tzinfo=UTC), "2026-10-10 09:00:05"),
        (datetime(2026, 10, 10, 9, 0, 5, 250_000, tzinfo=UTC), "2026-10-10 09:00:05.250"),
        (datetime(2026, 10, 10, 9, 0, 5, 250_001, tzinfo=UTC), "2026-10-10 09:00:05.250001"),
        (datetime(2026, 10, 10, 9, tzinfo=timezone(timedelta(hours=2))), "2026-10-10 07:00"),
        (datetime(2026, 10, 10, 9), "2026-10-10 09:00"),
        (datetime(5, 1, 2, tzinfo=UTC), "0005-01-02 00:00"),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=2))), "0001-01-01 00:00"),
        (pd.Timestamp("2026-10-10 09:00", tz="Europe/Lisbon"), "2026-10-10 08:00"),
    ],
)
def test_a_time_is_in_utc_with_seconds_only_where_there_are_some(moment: datetime, shown: str) -> None:
    assert formats.value(moment) == shown


@pytest.mark.parametrize(
    ("given_value", "shown"),
    [
        ({"sku": "A-1", "qty": 1000}, '{"sku": "A-1", "qty": 1000}'),
        ([1000, -2.5, None, True], "[1000, −2.5, null, true]"),
        ([], "[]"),
        ({}, "{}"),
        ((Decimal("1E+3"),), "[1000]"),
        ({"b", "a", "c"}, '["a", "b", "c"]'),
        ([Line(sku="A", qty=1)], '[{"sku": "A", "qty": 1}]'),
        (Point(1), '{"x": 1}'),
        ([Colour.RED, date(2026, 1, 1)], '["red", "2026-01-01"]'),
        ([float("nan")], "[not a number]"),
        ({"quote": 'say "hi"\n'}, r'{"quote": "say \"hi\"\n"}'),
    ],
)
def test_a_nested_value_reads_like_json(given_value: object, shown: str) -> None:
    assert formats.value(given_value) == shown


def test_a_long_text_is_cut_at_its_end() -> None:
    assert formats.value("x" * 100, limit=10) == "xxxxxxxxx…"
    assert formats.value("x" * 10, limit=10) == "x" * 10


def test_a_long_nested_value_is_cut_between_its_parts_or_in_a_text() -> None:
    assert formats.value([1000] * 99, limit=15) == "[1000, 1000…"
    assert formats.value(["abcdefghijkl"], limit=8) == '["abcde…'
    assert len(formats.value([[["x"] * 9] * 9] * 9, limit=40)) <= 40


def test_a_value_that_contains_itself_comes_to_an_end() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert formats.value(loop) == "[[[[[[[…]]]]]]]"


def test_a_number_of_absurd_size_is_a_power_of_ten_and_loses_no_digit_it_can_show() -> None:
    assert formats.value(Decimal("1.5E+99999")) == "1.5 × 10^99999"
    assert formats.value(Decimal("-1E-99999")) == "−1 × 10^−99999"
    assert formats.value(10**5000 + 7) == "1.… × 10^5000"
    assert len(formats.value(-(10**399) + 1)) > 399
    assert formats.value({10**5000: [10**5000]}) == '{"1 × 10^5000": [1 × 10^5000]}'
    assert formats.count(10**5000, "event") == "1 × 10^5000 events"


@pytest.mark.parametrize("given_value", [Fraction(10**5000, 3), np.array([10**5000], dtype=object), range(10**5000)])
def test_a_value_that_cannot_be_written_is_told_by_its_type(given_value: object) -> None:
    assert formats.value(given_value) == f"{type(given_value).__name__}(…)"


def test_what_steers_a_terminal_or_the_reading_direction_is_shown_as_its_escape() -> None:
    assert formats.value("a\nb\x1b[31m\u202e\ud800\u2028") == r"a\nb\x1b[31m\u202e\ud800\u2028"
    assert formats.value("नमस्ते 👩‍🚀 café") == "नमस्ते 👩‍🚀 café"


def test_pairs_are_whole_and_say_how_many_are_left() -> None:
    fields = {f"field_{n}": n * 1000 for n in range(200)}
    assert formats.pairs({}) == "–"
    assert formats.pairs({"a": 1}) == "a 1"
    assert formats.pairs(fields, limit=50) == "field_0 0, field_1 1,000, … 198 more fields"
    assert formats.pairs(fields, limit=1_000).endswith("field_9 9,000, … 190 more fields")
    assert formats.pairs({"a": 10**50}, limit=20) == "1 field"


def test_times_for_columns_and_sentences() -> None:
    moment = datetime(2026, 10, 1, 14, 2, 11, 5, tzinfo=UTC)
    assert formats.time(moment) == "2026-10-01 14:02"
    assert formats.time(moment, seconds=True) == "2026-10-01 14:02:11"
    assert formats.long_time(moment) == "1 Oct 2026 14:02:11 UTC"
    assert formats.time(None) == formats.long_time(None) == "–"


def test_a_duration_is_exact_and_roughly_is_its_largest_unit() -> None:
    span = timedelta(days=1000, hours=3, milliseconds=4, microseconds=5)
    assert formats.duration(span) == "1,000 d 3 h 4 ms 5 µs"
    assert formats.roughly(span) == "1,000 d"


def test_a_bound_is_written_as_one_would_type_it() -> None:
    assert formats.plain_number(Decimal("-1234567.50")) == "-1234567.50"
    assert formats.plain_number(10**15) == "1000000000000000"
    assert formats.plain_number(date(2026, 1, 1)) == "2026-01-01"
    assert formats.plain_number(True) == "true"


@pytest.mark.parametrize(
    ("attribute", "words"),
    [
        ("interest_rate", "Interest rate"),
        ("customer_id", "Customer"),
        ("lines.0.sku", "Lines 0 sku"),
        ("IBAN", "IBAN"),
        ("_id", "_id"),
    ],
)
def test_an_attribute_begins_a_sentence(attribute: str, words: str) -> None:
    assert formats.humanize(attribute) == words


def test_counts() -> None:
    assert [formats.count(n, "event") for n in (0, 1, 12345)] == ["0 events", "1 event", "12,345 events"]


def test_names_are_cut_in_their_middle() -> None:
    assert formats.middle("short", 10) == "short"
    assert formats.middle("a" * 50 + "the-end", 21) == "a" * 14 + "…he-end"


def test_a_payload_of_ten_megabytes_is_cut_before_it_is_written() -> None:
    huge = "x" * 10_000_000
    for value in (huge, [huge], {huge: huge}, [1] * 1_000_000, huge.encode()):
        assert len(formats.value(value)) <= 80
    assert len(formats.pairs({huge: huge})) <= 120


# --- properties --------------------------------------------------------------------------------------------

numbers = st.one_of(
    st.integers(), st.floats(), st.decimals(), st.floats(width=32).map(np.float32), st.integers().map(Decimal)
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.sampled_from("abcd"), children, max_size=4),
    max_leaves=20,
)


@given(numbers)
def test_no_number_is_ever_nan_or_has_an_exponent(number: object) -> None:
    for shown in (formats.value(number), formats.value([number]), formats.plain_number(number)):
        assert not any(bad in shown.lower() for bad in ("nan", "e+", "e-", "inf"))
        assert shown.isascii() or set(shown) - {chr(c) for c in range(128)} <= set("−∞×…")


@given(st.decimals(allow_nan=False, allow_infinity=False, places=None))
def test_no_digit_of_a_decimal_is_lost(number: Decimal) -> None:
    shown = formats.value(number)
    if "×" not in shown:
        back = Decimal(shown.replace(",", "").replace("−", "-"))
        assert back == number
        assert number.as_tuple().exponent > 0 or back.as_tuple() == number.as_tuple()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_no_digit_of_a_float_is_lost(number: float) -> None:
    assert float(formats.value(number).replace(",", "").replace("−", "-")) == number


@given(st.text(), st.integers(1, 200))
def test_a_text_fits_its_limit_and_is_one_line(text: str, limit: int) -> None:
    for shown in (formats.value(text, limit=limit), formats.middle(text, limit)):
        assert len(shown) <= limit
        assert len(shown.splitlines()) <= 1
        shown.encode("utf-8")


@given(json_values, st.integers(10, 100))
def test_a_nested_value_fits_its_limit(value: object, limit: int) -> None:
    if isinstance(value, dict | list):
        assert len(formats.value(value, limit=limit)) <= limit


@given(st.dictionaries(st.text(max_size=20), json_values, max_size=30), st.integers(20, 200))
def test_pairs_fit_their_limit(mapping: dict[str, object], limit: int) -> None:
    assert len(formats.pairs(mapping, limit=limit)) <= limit


def _shown(value: object, names: set[str]) -> bool:
    """Whether a value under one of the names is anything but filtered, at any depth."""
    if isinstance(value, dict):
        return any((k in names and v != formats.FILTERED) or _shown(v, names) for k, v in value.items())
    return isinstance(value, list | tuple) and any(_shown(v, names) for v in value)


@given(st.dictionaries(st.sampled_from("abcd"), json_values), st.sets(st.sampled_from("abcd")))
def test_secrets_are_masked_at_every_depth(payload: dict[str, Any], names: set[str]) -> None:
    before = repr(payload)
    masked = formats.mask(payload, names)
    assert not _shown(masked, names)
    assert repr(payload) == before
    assert list(masked) == list(payload)
    if not names:
        assert masked == payload


def test_secrets_in_models_and_tuples_are_masked_too_and_the_rest_is_left_alone() -> None:
    line, secret = Line(sku="A", qty=1), Line(sku="B", qty=2)
    masked = formats.mask({"line": line, "pair": (1, {"qty": 3}), "deep": [secret]}, ["qty"])
    assert masked == {
        "line": {"sku": "A", "qty": "[FILTERED]"},
        "pair": (1, {"qty": "[FILTERED]"}),
        "deep": [{"sku": "B", "qty": "[FILTERED]"}],
    }
    assert formats.mask({"line": line}, ["pan"])["line"] is line
