"""Hypothesis strategies for the types that payloads are made of, by the constraints of their fields.

Hypothesis knows types, and pydantic's constraints only in part: it draws NaN for a Decimal and NUL in a text, which no
log holds, and knows no `decimal_places` and no `pattern`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

import pydantic
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic.fields import FieldInfo

#: A log holds no NUL and no half of a surrogate pair.
CHARACTERS: Final = st.characters(codec="utf-8", exclude_characters="\x00")
_EARLIEST, _LATEST = datetime(2000, 1, 1), datetime(2100, 1, 1)  # noqa: DTZ001  (Hypothesis adds the zone)
#: Most numbers are drawn up to this one.
SCALE: Final = 100
_MOST: Final = 10**12
_PLACES: Final = 2
_FINEST: Final = 30


@dataclass(frozen=True, slots=True)
class Rules:
    """What a field asks of its values, in pydantic's words."""

    gt: Any = None
    ge: Any = None
    lt: Any = None
    le: Any = None
    multiple_of: Any = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: Any = None
    max_digits: int | None = None
    decimal_places: int | None = None
    scale: int | None = None
    near_only: bool = False

    def near(self) -> Rules:
        """The same within the scale, where a number soon meets another one; the same if there is nothing within it."""
        if self.scale is None:
            return self
        low, high = self.units(Fraction(1))
        if (low is not None and low > self.scale) or (high is not None and high < -self.scale):
            return self
        tighter = self if low is not None and low >= -self.scale else replace(self, ge=-self.scale)
        return tighter if high is not None and high <= self.scale else replace(tighter, le=self.scale)

    def and_(self, metadata: Sequence[Any]) -> Rules:
        """These, and those that are written in an annotation."""
        found: dict[str, Any] = {}
        for part in metadata:
            parts = part.metadata if isinstance(part, FieldInfo) else [part]
            found |= {name: value for one in parts for name in RULES if (value := getattr(one, name, None)) is not None}
        return replace(self, **found)

    def units(self, step: Fraction) -> tuple[int | None, int | None]:
        """The least and the greatest number of steps."""
        low = None if self.ge is None else math.ceil(Fraction(self.ge) / step)
        high = None if self.le is None else math.floor(Fraction(self.le) / step)
        if self.gt is not None:
            low = max(math.floor(Fraction(self.gt) / step) + 1, low if low is not None else -math.inf)  # type: ignore[assignment]
        if self.lt is not None:
            high = min(math.ceil(Fraction(self.lt) / step) - 1, high if high is not None else math.inf)  # type: ignore[assignment]
        return low, high

    def span(self, least: Any, most: Any, step: timedelta | None = None) -> tuple[Any, Any]:
        """Bounds of a time; without a step an open end is drawn too, and sorted out."""
        above = None if self.gt is None else self.gt if step is None else self.gt + step
        below = None if self.lt is None else self.lt if step is None else self.lt - step
        lows = [bound for bound in (self.ge, above) if bound is not None]
        highs = [bound for bound in (self.le, below) if bound is not None]
        low, high = max(lows, default=least), min(highs, default=most)
        if low is not None and high is not None and low > high:  # one of them is ours, and gives way
            low, high = (low, low) if not highs else (high, high) if not lows else (low, high)
        return low, high

    def size(self) -> dict[str, Any]:
        """Bounds of a length."""
        return {"min_size": self.min_length or 0, "max_size": self.max_length}


RULES: Final = tuple(name for name in Rules.__dataclass_fields__ if name not in ("scale", "near_only"))


Maker = Callable[[Rules], SearchStrategy[Any]]


def _near_first(make: Maker) -> Maker:
    """Numbers within the scale are drawn more often than others, and they are the simpler ones."""

    def both(rules: Rules) -> SearchStrategy[Any]:
        near = rules.near()
        return make(near) if near is rules or rules.near_only else make(near) | make(rules)

    return both


def _integers(rules: Rules) -> SearchStrategy[int]:
    step = Fraction(1 if rules.multiple_of is None else rules.multiple_of)
    low, high = rules.units(step)
    if low is not None and high is not None and low > high:
        return st.nothing()
    whole = st.integers(low, high)
    return whole if step == 1 else whole.map(lambda n: int(n * step))


def _floats(rules: Rules) -> SearchStrategy[float]:
    if rules.multiple_of is not None:
        step = rules.multiple_of
        return st.integers(*rules.units(Fraction(step))).map(lambda n: float(n * step))
    low, high = rules.span(None, None)
    return st.floats(
        low, high, allow_nan=False, allow_infinity=False, exclude_min=low is not None and low == rules.gt,
        exclude_max=high is not None and high == rules.lt,
    )  # fmt: skip


def _decimals(rules: Rules) -> SearchStrategy[Decimal]:
    """Whole numbers are the simplest; then so many decimal places as the field has, 2 if it does not say."""
    if rules.multiple_of is not None:
        exact = Decimal(str(rules.multiple_of))
        return _bounded(rules, Fraction(exact)).map(lambda n: _times(n, exact))
    whole = _decimals_with(rules, 0)
    fine = _PLACES if rules.decimal_places is None else rules.decimal_places
    if rules.max_digits is not None:
        fine = min(fine, rules.max_digits)
    parts = _decimals_with(rules, fine)
    while rules.decimal_places is None and parts.is_empty and fine < _FINEST:
        fine += 1
        parts = _decimals_with(rules, fine)
    return whole | parts if fine and not whole.is_empty else parts if not parts.is_empty else whole


def _decimals_with(rules: Rules, places: int) -> SearchStrategy[Decimal]:
    step = Decimal((0, (1,), -places))
    return _bounded(rules, Fraction(step), places).map(lambda n: _times(n, step))


def _bounded(rules: Rules, step: Fraction, places: int = 0) -> SearchStrategy[int]:
    """Numbers of steps within the bounds, and not absurdly many where there is no bound."""
    low, high = rules.units(step)
    most = math.floor(_MOST / step)
    if rules.max_digits is not None:
        digits = 10 ** max(rules.max_digits - (rules.decimal_places or places), 0)
        most = max(math.floor(digits / step) - 1, 0)
        low = -most if low is None else max(low, -most)
        high = most if high is None else min(high, most)
    low = min(-most, high if high is not None else 0) if low is None else low
    high = max(most, low) if high is None else high
    return st.nothing() if low > high else st.integers(low, high)


def _times(n: int, step: Decimal) -> Decimal:
    with localcontext(prec=1000):
        return n * step


def _text(rules: Rules) -> SearchStrategy[str]:
    if rules.pattern is None:
        return st.text(CHARACTERS, **rules.size())
    least, most = rules.min_length or 0, rules.max_length
    # Python's $ lets a line's end follow, pydantic's does not
    pattern = rules.pattern if isinstance(rules.pattern, str) else rules.pattern.pattern
    drawn = st.from_regex(re.sub(r"(?<!\\)\$$", r"\\Z", pattern), alphabet=CHARACTERS)
    return drawn.filter(lambda text: least <= len(text) and (most is None or len(text) <= most))


def _datetimes(rules: Rules) -> SearchStrategy[datetime]:
    ours = (_utc(_EARLIEST), _utc(_LATEST)) if _has_zone(rules) else (_EARLIEST, _LATEST)
    low, high = rules.span(*ours, timedelta(microseconds=1))
    return st.datetimes(_naive(low), _naive(high), timezones=st.just(UTC))


def _has_zone(rules: Rules) -> bool:
    bounds = (rules.gt, rules.ge, rules.lt, rules.le)
    return any(isinstance(bound, datetime) and bound.tzinfo is not None for bound in bounds)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)


def _naive(moment: datetime) -> datetime:
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _dates(rules: Rules) -> SearchStrategy[date]:
    return st.dates(*rules.span(_EARLIEST.date(), _LATEST.date(), timedelta(days=1)))


def _times_of_day(rules: Rules) -> SearchStrategy[time]:
    return st.times(*rules.span(time.min, time.max))


def _durations(rules: Rules) -> SearchStrategy[timedelta]:
    return st.timedeltas(*rules.span(timedelta(days=-10_000), timedelta(days=10_000), timedelta.resolution))


def _kinds() -> Iterator[tuple[Any, Maker]]:
    yield type(None), lambda rules: st.none()
    yield None, lambda rules: st.none()
    yield bool, lambda rules: st.booleans()
    yield int, _near_first(_integers)
    yield float, _near_first(_floats)
    yield Decimal, _near_first(_decimals)
    yield str, _text
    yield bytes, lambda rules: st.binary(**rules.size())
    yield UUID, lambda rules: st.uuids()
    for kind in (datetime, pydantic.AwareDatetime):
        yield kind, _datetimes
    yield pydantic.PastDatetime, lambda rules: _datetimes(Rules(le=_EARLIEST.replace(year=2020)))
    yield pydantic.FutureDatetime, lambda rules: _datetimes(Rules(ge=_LATEST, le=_LATEST.replace(year=2200)))
    yield date, _dates
    yield pydantic.PastDate, lambda rules: st.dates(_EARLIEST.date(), date(2020, 1, 1))
    yield pydantic.FutureDate, lambda rules: st.dates(_LATEST.date(), date(2200, 1, 1))
    yield time, _times_of_day
    yield timedelta, _durations


SIMPLE: Final = dict(_kinds())
