"""Each error at the field that it is about."""

from __future__ import annotations

from collections.abc import Mapping

from funes_lab.errors import NOTHING, Error
from funes_lab.event import Event
from funes_lab.widgets.form import fields
from funes_lab.widgets.form.controls import Control, Parts


def place(event: Event, page: Parts, *, pressed: bool) -> tuple[int, int]:
    """Show each error of an event at its field.

    Parameters
    ----------
    event : Event
        What is in the form.
    page : Parts
        The controls.
    pressed : bool
        Whether somebody tried to append it: before, nothing is said of a field that is still empty.

    Returns
    -------
    tuple of (int, int)
        How many fields are to fill and how many to mend.
    """
    there = {control.path: control for control in page.within()}
    found: dict[str, list[tuple[str, str]]] = {}
    to_fill = set[str]()
    for error in event.own_errors:
        path = _nearest(error.attribute, there)
        if path is not None and error.source == "own" and _is_empty(error, there[path]):
            to_fill.add(path)
        if path is not None and (pressed or path not in to_fill):
            found.setdefault(path, []).append((error.source, error.message))
    mend = {path for path, told in found.items() if any(gate == "own" for gate, _ in told)} - to_fill
    mend |= {"" for error in event.own_errors if error.source == "own" and _nearest(error.attribute, there) is None}
    for path, control in there.items():
        if problem := fields.problem(control.field, control.holds):
            found[path] = [("own", problem)]
            mend.add(path)
        control.tell(found.get(path, []))
    return len(to_fill), len(mend)


def _nearest(attribute: str, there: Mapping[str, Control]) -> str | None:
    """The control that an error is about, or the one around it."""
    while attribute:
        if attribute in there:
            return attribute
        attribute = attribute.rpartition(".")[0]
    return None


def _is_empty(error: Error, control: Control) -> bool:
    return error.value is NOTHING or control.holds in ("", -1, None)
