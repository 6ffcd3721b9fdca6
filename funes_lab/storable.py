"""What a log can hold, and what cannot change behind its back.

JSON has no NaN and no Infinity, a text in a database has no NUL and no half of a surrogate pair, a time has a
zone. `settle` makes a value fit to be a fact: times in UTC, containers copied, so that nobody else holds a
reference to them; what cannot be stored is reported, never repaired.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping
from copy import copy as shallow_copy
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel

#: Reports that the value at a path cannot be stored, and why.
Report = Callable[[str, str], None]

#: A point in time as people write it: a datetime, a date (00:00 UTC), or ISO 8601 text.
Moment = datetime | date | str

_FIXED: Final = (type(None), bool, int, float, str, bytes, Decimal, date, datetime, time, timedelta, UUID)
MAX_INT_BITS: Final = 14_000
_DEEPEST: Final = 200


def is_immutable(annotation: object) -> bool:
    """Tell whether no value of this type can be changed in place."""
    annotation = _bare(annotation)
    origin = get_origin(annotation)
    if origin is Literal:
        return True
    if origin in (Union, types.UnionType, frozenset, tuple):
        return all(arg is Ellipsis or is_immutable(arg) for arg in get_args(annotation))
    return isinstance(annotation, type) and (annotation in _FIXED or issubclass(annotation, Enum))


def is_plain(annotation: object) -> bool:
    """Tell whether every value of this type comes back from JSON as it went in."""
    annotation = _bare(annotation)
    origin = get_origin(annotation)
    if origin is Literal:
        return True
    if origin in (Union, types.UnionType):
        # a union of two texts-in-JSON types may come back as the other one
        others = [arg for arg in get_args(annotation) if arg is not type(None)]
        return len(others) == 1 and is_plain(others[0])
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return all(isinstance(member.value, (str, int, float, type(None))) for member in annotation)
    return annotation in _FIXED


def may_hold(annotation: object, kind: type, seen: frozenset[object] = frozenset()) -> bool:
    """Tell whether a value of this type may be of another kind, or hold something that is."""
    annotation = _bare(annotation)
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Literal or annotation in seen or annotation in _FIXED or annotation is Ellipsis:
        return False
    if args:
        return any(may_hold(arg, kind, seen) for arg in args)
    if not isinstance(annotation, type) or not issubclass(annotation, BaseModel) or issubclass(annotation, kind):
        return not (isinstance(annotation, type) and issubclass(annotation, Enum))
    inner = seen | {annotation}
    is_open = annotation.model_config.get("extra") == "allow"
    return is_open or any(may_hold(info.annotation, kind, inner) for info in annotation.model_fields.values())


def _bare(annotation: object) -> object:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def unconstrained(annotation: Any) -> Any:
    """The type without what `Annotated` adds to it, at any depth: `list[Annotated[int, Gt(0)]]` is `list[int]`."""
    annotation = _bare(annotation)
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (None, Literal) or not args:
        return annotation
    parts = tuple(
        [unconstrained(arg) for arg in item] if isinstance(item, list) else unconstrained(item) for item in args
    )
    if origin is types.UnionType:
        return Union[parts]  # noqa: UP007  (of a tuple)
    return annotation.copy_with(parts) if hasattr(annotation, "copy_with") else origin[parts]


def utc(moment: datetime) -> datetime:
    """The same instant in UTC; a time without a zone is taken as UTC."""
    if moment.tzinfo is UTC:
        return moment
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def text_problem(text: str) -> str | None:
    """Why a text cannot be stored, or None."""
    if "\x00" in text:
        return "must not contain a NUL character"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "must not contain half of a surrogate pair"
    return None


def settle(value: Any, path: str, report: Report, depth: int = 0) -> Any:
    """Give the value as a fact holds it: independent of the caller's objects, its times in UTC.

    Parameters
    ----------
    value : object
        A validated value.
    path : str
        Its name, for the report.
    report : callable
        Called with `(path, message)` for what cannot be stored.

    Returns
    -------
    object
        The value itself where it cannot change, else a copy.
    """
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        problem = None if isinstance(value, Enum) else text_problem(value)
        if problem:
            report(path, problem)
    elif isinstance(value, datetime):
        return _settle_time(value, path, report)
    elif isinstance(value, (float, Decimal)):
        if not (math.isfinite(value) if isinstance(value, float) else value.is_finite()):
            report(path, "must be a finite number")
    elif isinstance(value, int):
        if value.bit_length() > MAX_INT_BITS:
            report(path, "must have at most 4,200 digits")
    elif depth > _DEEPEST:
        report(path, f"must not be nested deeper than {_DEEPEST} levels")
    else:
        return _settle_container(value, path, report, depth + 1)
    return value


def unshared(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same values in containers of their own, whatever else may be wrong with them."""
    copied: Mapping[str, Any] = settle(dict(values), "", lambda _path, _message: None)
    return copied


def _settle_time(value: datetime, path: str, report: Report) -> datetime:
    if value != value:  # a NaT calls itself a datetime
        report(path, "must be a time, not NaT")
        return value
    if getattr(value, "nanosecond", 0):
        report(path, "must be a time in whole microseconds")
    try:
        return utc(plain_datetime(value))
    except OverflowError:
        report(path, "must lie between the years 1 and 9999 in UTC")
        return value


def plain_datetime(value: datetime) -> datetime:
    """The same time as a datetime of the standard library (a pandas Timestamp is a subclass)."""
    if type(value) is datetime:
        return value
    return datetime(value.year, value.month, value.day, value.hour, value.minute, value.second,
                    value.microsecond, value.tzinfo, fold=value.fold)  # fmt: skip


def _settle_container(value: Any, path: str, report: Report, depth: int) -> Any:
    if isinstance(value, dict):
        for key in value:
            settle(key, f"{path}.{key}", report, depth)
        return {key: settle(item, f"{path}.{key}", report, depth) for key, item in value.items()}
    if isinstance(value, (list, set, frozenset)) or type(value) is tuple:
        items = [settle(item, f"{path}.{number}", report, depth) for number, item in enumerate(value)]
        return type(value)(items) if type(value) in (list, set, frozenset, tuple) else value
    if isinstance(value, BaseModel):
        copy = value.model_copy()
        for name, item in list(copy.__dict__.items()):
            copy.__dict__[name] = settle(item, f"{path}.{name}", report, depth)
        return copy
    if is_dataclass(value) and not isinstance(value, type):
        twin = shallow_copy(value)
        for part in fields(value):
            object.__setattr__(twin, part.name, settle(getattr(value, part.name), f"{path}.{part.name}", report, depth))
        return twin
    return value


def instant(value: object, argument: str) -> datetime:
    """A point in time as people write it: a datetime, a date (00:00 UTC), or ISO 8601 text.

    Raises
    ------
    TypeError
        For anything else.
    ValueError
        For text that is not ISO 8601, a NaT, fractions of a microsecond, or a time outside the years 1 to 9999.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(
                f"{argument} must be ISO 8601, such as '2026-03-01' or '2026-03-01T09:30:00Z', got {value!r}"
            ) from None
    if not isinstance(value, date):
        raise TypeError(f"{argument} must be a datetime, a date or ISO 8601 text, got {value!r}")
    problems: list[str] = []
    if isinstance(value, datetime):
        settled = _settle_time(value, argument, lambda _, message: problems.append(message))
    else:
        settled = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if problems:
        raise ValueError(f"{argument} {problems[0]}, got {value!r}")
    return settled
