"""The picture of every order: each one in time as a row of bars, what became of it, and what the guard prevented."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from funes_lab import formats
from funes_lab.races.race import Race
from funes_lab.widgets import columns
from funes_lab.widgets.race import orders, panels, words
from funes_lab.widgets.race import play as race_play
from funes_lab.widgets.svg import T1, T2, T3, Sheet, wide
from funes_lab.widgets.timeline.picture import GLYPHS
from funes_lab.widgets.twin import Static

_WIDTH: Final = 960
_ROWS: Final = 24  # that are drawn
_PICTURE: Final = 304  # of an order in time, with its number
_ACROSS: Final = 190  # from its first step to its last
_LANE: Final = 22
_FATE: Final = 116
_AFTER: Final = 120
_TICK: Final = "M1.5 6.5 4.5 9.5 10.5 2.5"
_CROSS: Final = "M2 2l8 8M10 2l-8 8"


def of_race(race: Race) -> Static:
    """Run a race in every order and draw them, for a document.

    Parameters
    ----------
    race : Race

    Returns
    -------
    Static
        The first 24 orders; the picture says how many there are.
    """
    scene = race.scene()
    play = race_play.played(scene, race.programs, [], race.textbook())
    found = orders.every(scene, race.programs, panels.field_of(race, play))
    told = "".join(text for text, _ in found.get("sentence", [])) or found["too_many"]
    name = formats.middle(", ".join(formats.middle(idx, 40) for idx in race.streams), 60)
    label = f"Every order of a race of {', '.join(words.writer(one) for one in race.programs)} on {name}: {told}"
    sheet = Sheet(width_of(found))
    sheet.text(16, 24, "Race on ", size=T3, bold=True)
    sheet.text(16 + wide("Race on ", size=T3, bold=True), 24, name, bold=True, mono=True)
    return Static(sheet.svg(draw(sheet, found, "", 36) + 4, label), label)


def width_of(found: Mapping[str, Any]) -> int:
    """How wide a picture of these orders must be."""
    fates = len(found.get("heads", [])) - 2
    return max(_WIDTH, _PICTURE + _FATE * fates + 2 * _AFTER + 48)


def draw(sheet: Sheet, found: Mapping[str, Any], chosen: str, top: float) -> float:
    """Draw the list of orders, the chosen one marked; returns where it ends."""
    sheet.line(0, top, sheet.width, top)
    if "too_many" in found:
        sheet.text(16, top + 22, f"{found['too_many']} {found['way']}", colour="muted")
        return top + 34
    sheet.text(16, top + 22, "Every order", bold=True)
    sheet.text(102, top + 22, found["title"], colour="muted")
    y = _heads(sheet, found["heads"], top + 60)
    for row in found["rows"][:_ROWS]:
        y = _row(sheet, row, y, is_chosen=row["order"] == chosen)
    pieces = [text for text, _ in found["sentence"]]
    left = len(found["rows"]) - _ROWS
    if left > 0:
        pieces.append(f" {formats.count(left, 'more order')} not drawn.")
    sheet.line(0, y, sheet.width, y)
    for line in columns.wrap("".join(pieces), int((sheet.width - 32) / wide("n", size=T2))):
        y += 18
        sheet.text(16, y, line)
    return y + 8


def _places(sheet: Sheet, fates: int) -> tuple[list[float], float, float]:
    """Where the outcomes begin, where the figure ends, and where the last column begins."""
    room = (sheet.width - _PICTURE - 2 * _AFTER - 48) / max(1, fates)
    starts = [_PICTURE + n * max(_FATE, room) for n in range(fates)]
    after = starts[-1] + max(_FATE, room) + _AFTER - 20
    return starts, after, after + 24


def _heads(sheet: Sheet, heads: Sequence[str], y: float) -> float:
    starts, after, last = _places(sheet, len(heads) - 2)
    room = (starts[1] - starts[0] if len(starts) > 1 else after - _AFTER - starts[0]) - 14
    sheet.text(36, y, "#", size=T1, colour="muted", bold=True, anchor="end")
    sheet.text(44, y, "order in time →", size=T1, colour="muted", bold=True)
    for x, told in zip([*starts, after, last], heads, strict=True):
        is_figure = x == after
        wanted = _AFTER + 8 if is_figure else room if x < after else 2 * _AFTER
        lines = columns.wrap(told, max(8, int(wanted / wide("n", size=T1, bold=True))))[:2]
        for n, line in enumerate(lines):
            place = y - 14 * (len(lines) - 1 - n)
            sheet.text(x, place, line, size=T1, colour="muted", bold=True, anchor="end" if is_figure else "start")
    return y + 8


def _row(sheet: Sheet, row: Mapping[str, Any], y: float, *, is_chosen: bool) -> float:
    height = _LANE * len(row["lanes"]) + 6
    if is_chosen:
        sheet.rect(1, y, sheet.width - 2, height, fill="accent-tint")
        sheet.rect(1, y, 3, height, fill="accent")
    sheet.line(0, y, sheet.width, y)
    middle, starts = y + height / 2 + 4, _places(sheet, len(row["fates"]))
    sheet.text(36, middle, row["n"], mono=True, anchor="end")
    _in_time(sheet, row, 44, y + 3)
    for x, (tone, word) in zip(starts[0], row["fates"], strict=True):
        _outcome(sheet, tone, word, x, middle)
    held = row["after"] or "yes"
    if row["held"]:
        sheet.text(starts[1], middle, held, anchor="end")
    else:
        sheet.text(starts[1], middle, f"✗ {row['after'] or 'no'}, broken", colour="state", bold=True, anchor="end")
    tone, word = row["off"]
    _outcome(sheet, tone, word, starts[2], middle)
    return y + height


def _outcome(sheet: Sheet, tone: str, word: str, x: float, y: float) -> None:
    if not tone or tone == "changed":
        sheet.text(x, y, f"~ {word}" if tone else word, colour=tone or "muted")
        return
    shape = _TICK if tone == "accepted" else GLYPHS.get(tone, _CROSS)
    sheet.path(shape, stroke=tone, width=1.6, move=f"{x:g} {y - 10:g}")
    sheet.text(x + 18, y, word, colour=tone, bold=True)


def _in_time(sheet: Sheet, row: Mapping[str, Any], left: float, top: float) -> None:
    gap = _ACROSS / max(1, row["steps"] - 1)

    def at(step: int) -> float:
        return float(left + 34 + (step - 1) * gap)

    for begin, end, one, other in row["both"]:
        high, across = (other - one) * _LANE - 8, at(end) - at(begin)
        box = f"M{at(begin):g} {top + 15 + one * _LANE:g}h{across:g}v{high:g}h{-across:g}z"
        sheet.path(box, fill="conflict-tint", stroke="conflict", dash="2 2")
    for n, lane in enumerate(row["lanes"]):
        y = top + 11 + n * _LANE
        sheet.line(left + 20, y, at(row["steps"]), y)
        sheet.text(left, y + 4, lane["name"], size=T1, bold=True, room=22)
        begin, end = lane["holds"]
        if end:
            sheet.rect(at(begin), y - 4, at(end) - at(begin), 8, fill="accent-tint", stroke="accent")
        for step in lane["reads"]:
            sheet.circle(at(step), y, 4, fill="surface", stroke="accent", width=1.6)
        for step, tone, _, number in lane["marks"]:
            _mark(sheet, at(step), y, tone, number)
        if lane["marks"]:
            step, tone, version, number = lane["marks"][-1]
            told = version if tone == "accepted" and number else "" if tone == "accepted" else "✗"
            sheet.text(at(step) + 11, y + 4, told, size=T1, colour="conflict" if tone == "conflict" else "muted")


def _mark(sheet: Sheet, x: float, y: float, tone: str, number: int) -> None:
    if tone == "accepted" and number:
        sheet.circle(x, y, 6, fill=f"c{number}" if number <= 8 else "muted")
    elif tone == "waits":
        sheet.circle(x, y, 3, fill="surface", stroke="accent", width=1.6)
    else:
        known = tone if tone in GLYPHS or tone == "accepted" else "muted"
        shape = _TICK if tone == "accepted" else GLYPHS.get(tone, _CROSS)
        sheet.path(shape, stroke=known, fill="surface", width=1.6, move=f"{x - 6:g} {y - 6:g}")
