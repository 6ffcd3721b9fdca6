"""Values as the scenario files write them, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any


def instant(text: str) -> datetime:
    """A time as the files write it; without an offset it is UTC."""
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


_GIVEN = {"$date": date.fromisoformat, "$datetime": instant, "$time": instant, "$string": str}


def given(value: Any) -> Any:
    """An event's attribute: `{"$date": …}` and its like become what they stand for, the rest stays."""
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in _GIVEN:
        ((kind, text),) = value.items()
        return _GIVEN[kind](text)
    return value


def given_time(value: Any) -> Any:
    """An `at`, `as_of` or `to`: here a plain text is a time."""
    return instant(value) if isinstance(value, str) else given(value)


def written(value: Any) -> Any:
    """One of our values as the files write it: decimals in plain notation, times with six decimals."""
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: written(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [written(inner) for inner in value]
    return value


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        return str(value)
    whole, _, fraction = f"{value.copy_abs():f}".partition(".")
    sign = "-" if value < 0 else ""
    return f"{sign}{whole}.{fraction.rstrip('0') or '0'}"
