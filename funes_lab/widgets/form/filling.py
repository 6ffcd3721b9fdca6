"""A payload into the controls of a form, as far as it fits: what was refused may hold anything."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel

from funes_lab import formats
from funes_lab.widgets.form import fields
from funes_lab.widgets.form.fields import Field

#: What stands in an empty field whose value was secret.
SECRET: Final = "secret, fill it in again"


def filled(
    listed: Sequence[Field], payload: Mapping[str, Any], secret: Collection[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """What the controls hold for a payload, and why others stay as they are.

    Parameters
    ----------
    listed : sequence of Field
    payload : mapping
    secret : collection of str
        Names of fields, at any depth, whose values are left out.

    Returns
    -------
    tuple of (dict, dict)
        What controls hold, by name; and the paths of the fields that stay empty, with the reason.

    Examples
    --------
    >>> import funes_lab as fl
    >>> class Paid(fl.Event, name="Example::PaidByCard"):
    ...     amount: int
    ...     pin: str
    >>> filled(fields.fields_of(Paid), {"amount": "ten", "pin": "1234", "colour": "red"}, ["pin"])
    ({'amount': 'ten'}, {'pin': 'secret, fill it in again', 'colour': 'not in the form'})
    """
    left: dict[str, str] = {}
    holds = _holds(listed, payload, frozenset(secret), left)
    known = {field.name for field in listed}
    left |= {name: "not in the form" for name in payload if name not in known}
    return holds, left


def _holds(
    listed: Sequence[Field], payload: Mapping[str, Any], secret: frozenset[str], left: dict[str, str]
) -> dict[str, Any]:
    found = {}
    for field in listed:
        if field.name in payload:
            value = payload[field.name]
            holds = _held(field, field.path, value, secret, left)
            if holds is not fields.MISSING:
                found[field.name] = holds
    return found


def _held(field: Field, path: str, value: Any, secret: frozenset[str], left: dict[str, str]) -> Any:
    given = dict(value.__dict__) if isinstance(value, BaseModel) else value
    if field.kind == "group" and isinstance(given, Mapping):
        inner = _holds(field.parts, given, secret, left)
        blank = {part.name: fields.blank(part) for part in field.parts}
        left.update({f"{path}.{name}": "not in the form" for name in given if name not in blank})
        return {**blank, **inner}
    if field.secret or formats.mask({field.name: value}, secret)[field.name] is not value:
        left[path] = SECRET
        return fields.MISSING
    try:
        return fields.held(field, value)
    except ValueError as failure:
        left[path] = str(failure).removeprefix(f"{field.path} ")
        return fields.MISSING
