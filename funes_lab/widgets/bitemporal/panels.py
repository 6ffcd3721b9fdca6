"""Beside the bitemporal map, as an image: the state of the cell, and the events behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from funes_lab import formats
from funes_lab.widgets import svg
from funes_lab.widgets.bitemporal.events import panel
from funes_lab.widgets.bitemporal.fields import BITES
from funes_lab.widgets.svg import T1, Sheet

_ROW: Final = 24

#: Left, top, right.
Place = tuple[float, float, float]


def draw_panels(sheet: Sheet, data: Mapping[str, Any], cell: tuple[int, int], place: Place) -> float:
    """Draw the state and the events of a cell; gives where they end."""
    left, _, right = place
    return _events(sheet, data, cell, (left, _state(sheet, data, cell, place), right))


def _state(sheet: Sheet, data: Mapping[str, Any], cell: tuple[int, int], place: Place) -> float:
    """The state that was believed, and what is known today."""
    column, row = cell
    left, y, right = place
    sheet.text(left, y, "State at this cell", size=T1, colour="muted", bold=True)
    y += 20
    lines = [_state_line(field, column, row) for field in data["fields"]]
    today = max([svg.wide("known today", size=T1, bold=True), *(svg.wide(then) for _, then, _ in lines)])
    edge = right - min(today, 130) - 12
    for x, text, anchor in ((left, "field", "start"), (edge, "believed", "end"), (right, "known today", "end")):
        sheet.text(x, y, text, size=T1, colour="muted", bold=True, anchor=anchor)
    for field, (now, then, is_corrected) in zip(data["fields"], lines, strict=True):
        if is_corrected:
            sheet.rect(left - 8, y + 7, right - left + 16, _ROW, fill="changed-tint")
        y += _ROW
        is_figure = field["kind"] == "ramp"
        room = edge - left - min(svg.wide(now, bold=is_corrected), 130) - 8
        sheet.text(left, y, field["title"], mono=True, colour="muted", room=max(60, room))
        sheet.text(edge, y, now, bold=is_corrected, anchor="end", room=None if is_figure else 130)
        sheet.text(right, y, then, colour="muted", anchor="end", room=None if is_figure else 130)
    sheet.line(left - 12, y + 14, right + 12, y + 14)
    return y + 14


def _state_line(field: Mapping[str, Any], column: int, row: int) -> tuple[str, str, bool]:
    """What was believed of a field, what is known today, and whether that is something else."""
    turn = field["turns"][row][column]
    now = formats.NONE if turn in "nle" else field["values"][field["cells"][row][column]]
    if turn in BITES:
        return now, f"~ {field['values'][field['today'][column]]}", True
    return now, formats.NONE if turn in "ae" else "same", False


def _events(sheet: Sheet, data: Mapping[str, Any], cell: tuple[int, int], place: Place) -> float:
    """The events that had happened by then: those that were known, and those that came late."""
    column, row = cell
    there = panel(data, column, row)
    left, top, right = place
    numbers = [*there["known"], *there["late"]]
    recorded = max([svg.wide("recorded", size=T1), *(svg.wide(data["events"][n]["recorded"]) for n in numbers)])
    happened = max([svg.wide("happened", size=T1), *(svg.wide(data["events"][n]["at"]) for n in numbers)])
    edge = right - recorded - 12
    y = top + 20
    told = f"Events that had happened by {data['at']['short'][column]}"
    sheet.text(left, y, told, size=T1, colour="muted", bold=True)
    y += 20
    for x, text, anchor in ((left, "event", "start"), (edge, "happened", "end"), (right, "recorded", "end")):
        sheet.text(x, y, text, size=T1, colour="muted", bold=True, anchor=anchor)
    for text in filter(None, [there["before"] or ("" if numbers else "none")]):
        y += _ROW
        sheet.text(left, y, text, colour="muted")
    for n in numbers:
        y += _ROW
        _event(sheet, {**data["events"][n], "late": n in there["late"]}, y, (left, edge - happened - 8, edge, right))
    for text in filter(None, [there["more"], there["late"] and f"○ not known yet on {data['as_of']['prose'][row]}"]):
        y += _ROW
        sheet.text(left, y, text, colour="muted", room=right - left)
    return y + 14


def _event(sheet: Sheet, event: Mapping[str, Any], y: float, places: tuple[float, float, float, float]) -> None:
    left, end, edge, right = places
    if event["late"]:
        sheet.circle(left + 4, y - 4, 3.2, stroke="edge", width=1.5)
    else:
        sheet.circle(left + 4, y - 4, 4, fill=event["tone"])
    told = f"{event['name']} {event['payload']}".rstrip()
    sheet.text(left + 14, y, told, colour="muted" if event["late"] else "ink", room=max(40, end - left - 14))
    sheet.text(edge, y, event["at"], anchor="end")
    sheet.text(right, y, event["recorded"], anchor="end", colour="changed" if event["late"] else "ink")
