"""Values, times and counts in words.

Every figure that funes_lab shows, in a terminal, a notebook or a picture, is written here and once: comma
groups and the decimals that came in, a true minus, UTC. Payloads are untrusted: what would steer a terminal
or turn the reading direction is shown as its escape, and a huge value is cut before it is written out.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from itertools import islice
from numbers import Integral, Rational, Real
from typing import Final

from pydantic import BaseModel

#: What stands for a secret value.
FILTERED: Final = "[FILTERED]"
#: What stands for no value.
NONE: Final = "–"
#: How many fields of a payload or a state are written before "… 190 more fields".
FIELDS: Final = 10

_MINUS = "−"
_NAME = 40  # characters of a field's name
_IN_PAIRS = 40  # characters of a text among other fields
_DIGITS = 400  # beyond, a number is written as a power of ten: a double has at most 309 before its point
_DEPTH = 6
_UNITS = ("d", "h", "min", "s", "ms", "µs")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Controls, line separators, changes of reading direction, lone surrogates, byte order mark.
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")


def value(v: object, *, limit: int = 80) -> str:
    """Write one value of a payload or a state.

    Parameters
    ----------
    v : object
        Any value: numbers, texts, times, enums, None, nested models, dicts and lists.
    limit : int, default 80
        Characters after which a text, or a nested value, is cut. A number is never cut.

    Returns
    -------
    str
        One line.

    Examples
    --------
    >>> value(-1234567.5), value(Decimal("1E+3")), value(None)
    ('−1,234,567.5', '1,000', '–')
    >>> value({"sku": "A-1", "qty": 2})
    '{"sku": "A-1", "qty": 2}'
    """
    if isinstance(v, Enum):
        return value(v.value, limit=limit)
    if v is None or _is_not_a_time(v):
        return NONE
    scalar = _scalar(v, grouped=True)
    if scalar is not None:
        return scalar
    if isinstance(v, str):
        return shorten(v, limit)
    return _joined(_tokens(v, limit, 0), limit) if _is_nested(v) else shorten(_words(v), limit)


def pairs(mapping: Mapping[str, object], *, limit: int = 120) -> str:
    """Write a payload in one line: the fields that fit, whole, and how many more there are.

    Parameters
    ----------
    mapping : mapping
        Names to values.
    limit : int, default 120
        Characters of the line; ten fields at most are written.

    Returns
    -------
    str
        "–" for a payload without fields.

    Examples
    --------
    >>> pairs({"amount": Decimal("600.00"), "interest_rate": Decimal("0.05")})
    'amount 600.00, interest_rate 0.05'
    >>> pairs({f"field_{n}": n for n in range(200)}, limit=40)
    'field_0 0, field_1 1, … 198 more fields'
    """
    line, left = "", len(mapping)
    for name, v in islice(mapping.items(), FIELDS):
        head = f"{', ' if line else ''}{middle(name, _NAME)} "
        room = limit - len(line) - len(head) - (len(_more(left - 1)) + 2 if left > 1 else 0)
        shown = value(v, limit=max(8, min(_IN_PAIRS, room)))
        if len(shown) > room:
            break
        line, left = line + head + shown, left - 1
    if not left:
        return line or NONE
    return f"{line}, {_more(left)}" if line else count(left, "field")


def time(moment: dt.datetime | None, *, seconds: bool = False) -> str:
    """Write a moment to the minute, in UTC, for a column of them.

    Parameters
    ----------
    moment : datetime, optional
        A naive one counts as UTC.
    seconds : bool, default False
        To the second: for attempts and races, where it decides.

    Returns
    -------
    str
        "–" for None.

    Examples
    --------
    >>> time(dt.datetime(2026, 10, 10, 9, 0, tzinfo=dt.UTC))
    '2026-10-10 09:00'
    """
    if moment is None:
        return NONE
    return _utc(moment).isoformat(sep=" ", timespec="seconds" if seconds else "minutes")


def long_time(moment: dt.datetime | None) -> str:
    """Write a moment to the second, in UTC, for a sentence.

    Examples
    --------
    >>> long_time(dt.datetime(2026, 10, 10, 14, 2, 11, tzinfo=dt.UTC))
    '10 Oct 2026 14:02:11 UTC'
    """
    if moment is None:
        return NONE
    there = _utc(moment)
    return f"{there.day} {_MONTHS[there.month - 1]} {there.year} {there.time().isoformat('seconds')} UTC"


def duration(span: dt.timedelta) -> str:
    """Write a span of time, exactly, with its units.

    Examples
    --------
    >>> duration(dt.timedelta(milliseconds=38)), duration(dt.timedelta(days=2, hours=3))
    ('38 ms', '2 d 3 h')
    """
    whole = abs(span)
    seconds, micro = whole.seconds, whole.microseconds
    figures = (whole.days, seconds // 3600, seconds // 60 % 60, seconds % 60, micro // 1000, micro % 1000)
    parts = [f"{n:,} {unit}" for n, unit in zip(figures, _UNITS, strict=True) if n]
    return (_MINUS if span < dt.timedelta(0) else "") + (" ".join(parts) or "0 s")


def roughly(span: dt.timedelta) -> str:
    """Write a span of time in its largest unit, for a sentence.

    Examples
    --------
    >>> roughly(dt.timedelta(milliseconds=38, microseconds=412))
    '38 ms'
    """
    return " ".join(duration(span).split(" ")[:2])


def count(n: int, noun: str) -> str:
    """Write a count and its noun.

    Examples
    --------
    >>> count(1, "event"), count(31204, "event")
    ('1 event', '31,204 events')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def humanize(attribute: str) -> str:
    """Write the name of an attribute as the beginning of a sentence.

    Examples
    --------
    >>> humanize("interest_rate"), humanize("customer_id"), humanize("address.street")
    ('Interest rate', 'Customer', 'Address street')
    """
    words = re.sub(r"[._]+", " ", attribute.removesuffix("_id")).strip() or attribute
    return words[:1].upper() + words[1:]


def plain_number(v: object) -> str:
    """Write the bound of a rule: a number in full, without comma groups, as one would type it.

    What is no number is written as `value` does.

    Examples
    --------
    >>> plain_number(Decimal("1E+3")), plain_number(-0.5)
    ('1000', '-0.5')
    """
    if isinstance(v, Real | Decimal) and not isinstance(v, bool | Enum):
        plain = _scalar(v, grouped=False)
        if plain is not None:
            return plain.replace(_MINUS, "-")
    return value(v)


def shorten(text: str, limit: int) -> str:
    """Write a text in one line, cut at its end.

    Examples
    --------
    >>> shorten("the receipt is attached as a photograph", 20)
    'the receipt is atta…'
    """
    shown = visible(text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1].rstrip() + "…"


def middle(name: str, limit: int) -> str:
    """Write a name in one line, cut in its middle: both ends of a name tell.

    Examples
    --------
    >>> middle("tenant-eu-west-1/customer-00000000-5f1c/debts-123", 37)
    'tenant-eu-west-1/custome…1c/debts-123'
    """
    tail = (limit - 1) // 3
    head = limit - 1 - tail
    short = name if len(name) <= limit else f"{name[:head]}…{name[len(name) - tail :]}"
    shown = visible(short)
    return shown if len(shown) <= limit else f"{shown[:head]}…{shown[len(shown) - tail :]}"


def visible(text: str) -> str:
    r"""Write the characters that would steer a terminal or a page as escapes.

    Examples
    --------
    >>> visible("two\nlines")
    'two\\nlines'
    """
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def mask(mapping: Mapping[str, object], names: Collection[str]) -> dict[str, object]:
    """Replace the secret values of a payload.

    Parameters
    ----------
    mapping : mapping
        The payload; it stays as it is.
    names : collection of str
        Names of fields, at any depth, whose values are secret.

    Returns
    -------
    dict
        What holds no secret is the very object of the payload.

    Examples
    --------
    >>> mask({"name": "Ada", "card": {"pan": "4111"}}, ["pan"])
    {'name': 'Ada', 'card': {'pan': '[FILTERED]'}}
    """
    secret = frozenset(names)
    return {k: FILTERED if k in secret else _masked(v, secret) for k, v in mapping.items()}


def _masked(v: object, secret: frozenset[str]) -> object:
    if _is_mapping(v):
        items = list(_items(v))
        masked = {k: FILTERED if k in secret else _masked(x, secret) for k, x in items}
        return v if all(masked[k] is x for k, x in items) else masked
    if isinstance(v, list | tuple):
        parts = [_masked(x, secret) for x in v]
        if all(new is old for new, old in zip(parts, v, strict=True)):
            return v
        return parts if isinstance(v, list) else tuple(parts)
    return v


def _more(n: int) -> str:
    return f"… {count(n, 'more field')}"


def _is_not_a_time(v: object) -> bool:
    # pandas' NaT is a datetime that equals nothing
    return isinstance(v, dt.datetime) and v != v


def _scalar(v: object, *, grouped: bool) -> str | None:
    """Write a number, a truth or a time; None for everything else."""
    match v:
        case bool():
            return "true" if v else "false"
        case Integral():
            return _number(Decimal(int(v)), grouped=grouped)
        case Decimal():
            return _number(v, grouped=grouped)
        case float():
            return _number(Decimal(float.__repr__(v)), grouped=grouped)
        case Real() if not isinstance(v, Rational):
            return _number(Decimal(str(v)), grouped=grouped)
        case dt.datetime():
            return _moment(v)
        case dt.date() | dt.time():
            return v.isoformat()
        case dt.timedelta():
            return duration(v)
    return None


def _number(v: Decimal, *, grouped: bool) -> str:
    if v.is_nan():
        return "not a number"
    if v.is_infinite():
        return _MINUS + "∞" if v.is_signed() else "∞"
    sign, digits, exponent = v.as_tuple()
    assert isinstance(exponent, int)  # only the infinite ones have a letter
    if max(len(digits), v.adjusted(), -exponent) > _DIGITS:
        text = _power_of_ten(sign, digits, exponent)
    else:
        text = f"{v:,f}" if grouped else f"{v:f}"
    return text.replace("-", _MINUS)


def _power_of_ten(sign: int, digits: Sequence[int], exponent: int) -> str:
    lead = "".join(map(str, digits[:20]))
    rest = lead[1:].rstrip("0")
    cut = "…" if any(digits[20:]) else ""
    power = exponent + len(digits) - 1
    return f"{'-' * sign}{lead[0]}{'.' if rest or cut else ''}{rest}{cut} × 10^{power}"


def _utc(moment: dt.datetime) -> dt.datetime:
    """Tell the moment in UTC, without its zone."""
    if moment.tzinfo is None:
        return moment
    try:
        return moment.astimezone(dt.UTC).replace(tzinfo=None)
    except OverflowError:  # the first and the last day of the calendar, in another zone
        return moment.replace(tzinfo=None)


def _moment(moment: dt.datetime) -> str:
    there = _utc(moment)
    if not there.microsecond:
        return there.isoformat(sep=" ", timespec="seconds" if there.second else "minutes")
    return there.isoformat(sep=" ", timespec="microseconds" if there.microsecond % 1000 else "milliseconds")


def _words(v: object) -> str:
    if isinstance(v, bytes | bytearray | memoryview):
        return repr(bytes(v[:_DIGITS]))
    if type(v).__str__ is object.__str__ and type(v).__repr__ is object.__repr__:
        return f"{type(v).__name__}(…)"  # object's own repr has an address, which differs from run to run
    return str(v)


def _is_mapping(v: object) -> bool:
    return isinstance(v, Mapping | BaseModel) or (is_dataclass(v) and not isinstance(v, type))


def _is_nested(v: object) -> bool:
    return _is_mapping(v) or isinstance(v, list | tuple | Set)


def _items(v: object) -> Iterable[tuple[object, object]]:
    if isinstance(v, Mapping):
        return v.items()
    if isinstance(v, BaseModel):
        return iter(v)
    return ((field.name, getattr(v, field.name)) for field in fields(v))  # type: ignore[arg-type]


def _tokens(v: object, limit: int, depth: int) -> Iterator[str]:
    """Write a nested value piece by piece, so that nobody writes what will be cut."""
    if isinstance(v, Enum):
        yield from _tokens(v.value, limit, depth)
    elif depth > _DEPTH:
        yield "…"
    elif _is_mapping(v):
        yield "{"
        for n, (k, x) in enumerate(_items(v)):
            yield f"{', ' if n else ''}{_quoted(str(k), limit)}: "
            yield from _tokens(x, limit, depth + 1)
        yield "}"
    elif isinstance(v, list | tuple):
        yield "["
        for n, x in enumerate(v):
            yield ", " if n else ""
            yield from _tokens(x, limit, depth + 1)
        yield "]"
    elif isinstance(v, Set):
        # a set has no order of its own, and the same set must always read the same
        yield from _tokens(sorted(v, key=value), limit, depth)
    else:
        yield _leaf(v, limit)


def _leaf(v: object, limit: int) -> str:
    if v is None:
        return "null"
    # no comma groups: in a list a comma separates
    scalar = _scalar(v, grouped=False)
    if scalar is None:
        return _quoted(v if isinstance(v, str) else _words(v), limit)
    return scalar if isinstance(v, Real | Decimal) else f'"{scalar}"'


def _quoted(text: str, limit: int) -> str:
    return visible(json.dumps(text[: limit + 1], ensure_ascii=False))


def _joined(tokens: Iterable[str], limit: int) -> str:
    line = kept = ""
    for token in tokens:
        line += token
        if len(line) < limit:
            kept = line
        elif len(line) > limit:
            rest = line[len(kept) :]
            # a text may be cut where the room ends; a number or a bracket goes as a whole
            cut = rest[: limit - 1 - len(kept)] if '"' in rest[:3] else ""
            return f"{kept}{cut}".rstrip(", ") + "…"
    return line
