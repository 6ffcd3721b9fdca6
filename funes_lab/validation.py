"""What pydantic found, in the words of a person.

pydantic says "Input should be greater than 0"; an event says "amount must be greater than 0". This page holds
the translation. A type that is not here keeps pydantic's own sentence, with "must be" for "should be".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from pydantic import ValidationError

from funes_lab import formats
from funes_lab.errors import BASE, NOTHING, Error

Context = Mapping[str, Any]

_BLANK = "can't be blank"
_NO_SUCH_ATTRIBUTE = "is not an attribute of {owner}"

#: The kinds of pydantic error that say "this value is no such thing".
_NOT_A = {
    "decimal": "a decimal number",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "datetime": "a date and time (ISO 8601)",
    "timezone": "a time with a time zone",
    "date": "a date (ISO 8601)",
    "time_delta": "a duration (ISO 8601)",
    "time": "a time of day",
    "string": "text",
    "uuid": "a UUID",
    "bytes": "bytes",
    "list": "a list",
    "tuple": "a tuple",
    "set": "a set",
    "frozen_set": "a set",
    "dict": "a mapping",
    "model": "a mapping",
    "model_attributes": "a mapping",
    "json": "JSON",
    "url": "a URL",
}

_RULES: dict[str, Callable[[Context], str]] = {
    "greater_than": lambda c: f"must be greater than {_figure(c['gt'])}",
    "greater_than_equal": lambda c: f"must be greater than or equal to {_figure(c['ge'])}",
    "less_than": lambda c: f"must be less than {_figure(c['lt'])}",
    "less_than_equal": lambda c: f"must be less than or equal to {_figure(c['le'])}",
    "multiple_of": lambda c: f"must be a multiple of {_figure(c['multiple_of'])}",
    "finite_number": lambda c: "must be a finite number",
    "string_too_short": lambda c: f"must have at least {formats.count(c['min_length'], 'character')}",
    "string_too_long": lambda c: f"must have at most {formats.count(c['max_length'], 'character')}",
    "string_pattern_mismatch": lambda c: f"must match {c['pattern']}",
    "string_unicode": lambda c: "must be text that can be written as UTF-8",
    "too_short": lambda c: f"must have at least {formats.count(c['min_length'], 'item')}",
    "too_long": lambda c: f"must have at most {formats.count(c['max_length'], 'item')}",
    "decimal_max_digits": lambda c: f"must have at most {formats.count(c['max_digits'], 'digit')}",
    "decimal_max_places": lambda c: f"must have at most {formats.count(c['decimal_places'], 'decimal place')}",
    "decimal_whole_digits": lambda c: f"must have at most {formats.count(c['whole_digits'], 'digit')} before the point",
    "literal_error": lambda c: f"must be {c['expected']}",
    "enum": lambda c: f"must be {c['expected']}",
    "value_error": lambda c: str(c["error"]),
    "assertion_error": lambda c: str(c["error"]),
    "date_past": lambda c: "must be in the past",
    "date_future": lambda c: "must be in the future",
    "datetime_past": lambda c: "must be in the past",
    "datetime_future": lambda c: "must be in the future",
}


def errors_of(
    failure: ValidationError,
    *,
    source: str,
    owner: str,
    secret: Collection[str] = (),
) -> list[Error]:
    """Translate pydantic's errors, in their order.

    Parameters
    ----------
    failure : ValidationError
        What pydantic raised.
    source : {"own", "state"}
        Who refuses with these errors.
    owner : str
        The name of the event or of the state class; it is the `rule` of each error.
    secret : collection of str
        Names of fields whose values must not be quoted.

    Returns
    -------
    list of Error
    """
    translated = []
    for detail in failure.errors(include_url=False):
        path = [str(part) for part in detail["loc"] if "[" not in str(part)]
        value = formats.FILTERED if any(part in secret for part in path) else detail["input"]
        value = formats.mask({"value": value}, secret)["value"]
        message = _message(detail["type"], detail.get("ctx", {}), value, detail["msg"], owner)
        if detail["type"] == "missing":  # what pydantic gives there is everything that was passed
            value = NOTHING
        translated.append(Error(".".join(path) or BASE, message, source, rule=owner, value=value))
    return translated


def _message(kind: str, context: Context, value: object, original: str, owner: str) -> str:
    if kind == "missing" or (value is None and not kind.endswith("_error")):
        return _BLANK
    if kind == "extra_forbidden":
        return _NO_SUCH_ATTRIBUTE.format(owner=owner)
    if rule := _RULES.get(kind):
        return rule(context)
    stem = re.sub(
        r"_(type|parsing|parsing_size|from_float|from_date_parsing|from_datetime_parsing"
        r"|from_datetime_inexact|invalid|object_invalid|aware|naive)$",
        "",
        kind,
    )
    if thing := _NOT_A.get(re.sub(r"_from$", "", stem)):
        return f"{quoted(value)} is not {thing}"
    return re.sub(r"^(Input|Value|Value error,|.*) should (be|have|match)", r"must \2", original)


def _figure(bound: object) -> str:
    return formats.plain_number(bound) if not isinstance(bound, str) else bound


def quoted(value: object) -> str:
    """A value in a sentence; a text in quotation marks, and never a secret."""
    shown = formats.value(value, limit=40)
    return f"“{shown}”" if isinstance(value, str) and value != formats.FILTERED else shown
