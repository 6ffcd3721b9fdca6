"""Single values by chance: numbers, texts, times, within bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final, Self
from uuid import UUID

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
_SPAN: Final = 100  # of a number that is not bounded on both sides
_FINEST: Final = 24  # decimal places


class Empty(Exception):
    """No value is within the bounds; says so."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The constraints of one value, as pydantic names them."""

    gt: Any = None
    ge: Any = None
    lt: Any = None
    le: Any = None
    multiple_of: Any = None
    max_digits: int | None = None
    decimal_places: int | None = None
    min_length: int | None = None
    max_length: int | None = None

    @classmethod
    def of(cls, limits: Mapping[str, Any]) -> Self:
        """Those of a field."""
        return cls(**limits)

    @property
    def low(self) -> Any:
        """The lower end, itself allowed or not."""
        return self.gt if self.ge is None else self.ge if self.gt is None else max(self.gt, self.ge)

    @property
    def high(self) -> Any:
        """The upper end."""
        return self.lt if self.le is None else self.le if self.lt is None else min(self.lt, self.le)

    def allow(self, value: Any) -> bool:
        """Whether a value is between the ends."""
        return (
            (self.gt is None or value > self.gt)
            and (self.ge is None or value >= self.ge)
            and (self.lt is None or value < self.lt)
            and (self.le is None or value <= self.le)
        )

    def told(self) -> str:
        """The bounds in words."""
        signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
        named = [f"{sign} {getattr(self, name)}" for name, sign in signs.items() if getattr(self, name) is not None]
        others = ("multiple_of", "max_digits", "decimal_places", "min_length", "max_length")
        named += [f"{name}={getattr(self, name)}" for name in others if getattr(self, name) is not None]
        return ", ".join(named)


def draws(kind: Any) -> bool:
    """Whether a value of this type can be drawn."""
    return isinstance(kind, type) and kind in _BY_TYPE


def draw(kind: Any, bounds: Bounds, chance: Random) -> Any:
    """Draw a value of a type within its bounds.

    Raises
    ------
    Empty
        If there is none.

    Examples
    --------
    >>> draw(Decimal, Bounds(gt=0, lt=Decimal("0.02"), decimal_places=2), Random(1))
    Decimal('0.01')
    """
    return _BY_TYPE[kind](bounds, chance)


def _int(bounds: Bounds, chance: Random) -> int:
    return int(_on_grid(Decimal(bounds.multiple_of or 1), bounds, chance))


def _float(bounds: Bounds, chance: Random) -> float:
    if bounds.multiple_of is not None:
        return float(_on_grid(Decimal(str(bounds.multiple_of)), bounds, chance))
    low, high = (float(end) for end in _ends(_number(bounds.low), _number(bounds.high)))
    for value in (chance.uniform(low, high), (low + high) / 2, math.nextafter(low, math.inf)):
        if bounds.allow(value):
            return value
    raise Empty(f"no number is {bounds.told()}")


def _decimal(bounds: Bounds, chance: Random) -> Decimal:
    if bounds.multiple_of is not None:
        return _on_grid(Decimal(str(bounds.multiple_of)), bounds, chance)
    places = bounds.decimal_places
    wanted = 2 if bounds.max_digits is None else 0
    finest = _FINEST if places is None else places
    for digits in range(min(wanted, finest) if places is None else places, finest + 1):
        try:
            return _on_grid(Decimal(1).scaleb(-digits), bounds, chance)
        except Empty:
            if digits == finest:
                raise
    raise Empty(f"no number is {bounds.told()}")


def _on_grid(step: Decimal, bounds: Bounds, chance: Random) -> Decimal:
    """A multiple of a step between the ends."""
    low, high = _ends(_number(bounds.low), _number(bounds.high))
    if bounds.max_digits is not None:
        places = max(0, -int(step.as_tuple().exponent))
        whole = max(0, bounds.max_digits - (places if bounds.decimal_places is None else bounds.decimal_places))
        largest = Decimal(10) ** whole - Decimal(1).scaleb(-places)
        low, high = max(low, -largest), min(high, largest)
    first, last = math.ceil(low / step), math.floor(high / step)
    if bounds.gt is not None and first * step <= _number(bounds.gt):
        first += 1
    if bounds.lt is not None and last * step >= _number(bounds.lt):
        last -= 1
    if first > last:
        raise Empty(f"no number is {bounds.told()}")
    return chance.randint(first, last) * step


def _number(end: Any) -> Any:
    return None if end is None else Decimal(str(end))


def _ends(low: Decimal | None, high: Decimal | None) -> tuple[Decimal, Decimal]:
    """Both ends of a range; what is open goes so far that it stays small, and begins at zero where it can."""
    if low is None:
        low = Decimal(0) if high is None or high > 0 else high - _SPAN
    if high is None:
        high = low + _SPAN
    return low, high


def _str(bounds: Bounds, chance: Random) -> str:
    return "".join(chance.choices(_LETTERS, k=_length(bounds, chance, usual=8)))


def _bytes(bounds: Bounds, chance: Random) -> bytes:
    return chance.randbytes(_length(bounds, chance, usual=8))


def _length(bounds: Bounds, chance: Random, usual: int) -> int:
    least = bounds.min_length or 0
    most = max(least, usual) if bounds.max_length is None else min(bounds.max_length, max(least, usual))
    if most < least:
        raise Empty(f"no length is {bounds.told()}")
    return chance.randint(max(least, min(1, most)), most)


def _datetime(bounds: Bounds, chance: Random) -> Any:
    naive = any(end is not None and end.tzinfo is None for end in (bounds.low, bounds.high))
    begin = _BEGIN.replace(tzinfo=None) if naive else _BEGIN
    return _in_span(bounds, begin, timedelta(days=365), timedelta(seconds=1), chance)


def _date(bounds: Bounds, chance: Random) -> Any:
    return _in_span(bounds, _BEGIN.date(), timedelta(days=365), timedelta(days=1), chance)


def _timedelta(bounds: Bounds, chance: Random) -> Any:
    return _in_span(bounds, timedelta(0), timedelta(days=1), timedelta(seconds=1), chance)


def _in_span(bounds: Bounds, begin: Any, span: timedelta, step: timedelta, chance: Random) -> Any:
    """A moment, a day or a length of time: steps after the lower end, or before the upper one."""
    low, high = bounds.low, bounds.high
    if low is None:
        low = begin if high is None or begin < high else high - span
    if high is None:
        high = low + span
    if high < low:
        raise Empty(f"no time is {bounds.told()}")
    for _ in range(3):
        value = low + chance.randint(0, (high - low) // step) * step
        if bounds.allow(value):
            return value
    for value in (low + step, low + (high - low) / 2):
        if bounds.allow(value):
            return value
    raise Empty(f"no time is {bounds.told()}")


def _time(bounds: Bounds, chance: Random) -> time:
    day = datetime.combine(_BEGIN, time())
    for _ in range(1000):
        value = (day + timedelta(seconds=chance.randrange(86_400))).time()
        if bounds.allow(value):
            return value
    raise Empty(f"no time of day is {bounds.told()}")


_BY_TYPE: Final[dict[type, Callable[[Bounds, Random], Any]]] = {
    type(None): lambda bounds, chance: None,
    bool: lambda bounds, chance: chance.random() < 0.5,
    int: _int,
    float: _float,
    Decimal: _decimal,
    str: _str,
    bytes: _bytes,
    datetime: _datetime,
    date: _date,
    time: _time,
    timedelta: _timedelta,
    UUID: lambda bounds, chance: UUID(int=chance.getrandbits(128), version=4),
}
