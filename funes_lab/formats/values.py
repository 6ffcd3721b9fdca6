"""One value, and a payload of them, in one line."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from itertools import islice
from numbers import Real
from typing import Final

from funes_lab.formats.figures import MINUS, NONE, scalar
from funes_lab.formats.nested import is_nested, words, written
from funes_lab.formats.texts import count, middle, shorten

#: How many fields of a payload or a state are written before "… 190 more fields".
FIELDS: Final = 10

_NAME = 40  # characters of a field's name
_IN_PAIRS = 40  # characters of a text among other fields


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
    figure = scalar(v, grouped=True)
    if figure is not None:
        return figure
    if isinstance(v, str):
        return shorten(v, limit)
    return written(v, limit) if is_nested(v) else shorten(words(v), limit)


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


def plain_number(v: object) -> str:
    """Write the bound of a rule: a number in full, without comma groups, as one would type it.

    What is no number is written as `value` does.

    Examples
    --------
    >>> plain_number(Decimal("1E+3")), plain_number(-0.5)
    ('1000', '-0.5')
    """
    if isinstance(v, Real | Decimal) and not isinstance(v, bool | Enum):
        plain = scalar(v, grouped=False)
        if plain is not None:
            return plain.replace(MINUS, "-")
    return value(v)


def _more(n: int) -> str:
    return f"… {count(n, 'more field')}"


def _is_not_a_time(v: object) -> bool:
    # pandas' NaT is a datetime that equals nothing
    return isinstance(v, dt.datetime) and v != v
