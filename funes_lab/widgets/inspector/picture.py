"""The picture of an inspector that needs neither a kernel nor a script: SVG, with the selected attempt told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from funes_lab import formats
from funes_lab.widgets import columns, sentences
from funes_lab.widgets.svg import T1, T3, Sheet, wide

_WIDTH: Final = 960
_LEFT: Final = 12
_RIGHT: Final = _WIDTH - 12
_ROW: Final = 26
_BAR: Final = 60
#: A column of names is never narrower.
_LEAST: Final = 40.0
_NONE_YET: Final = "What a gate refuses is kept here, outside the log:"
_WAY: Final = "stream.append(event)"
_OUTSIDE: Final = "outside the log; nothing here changed a stream"
#: Where the three panels begin; with a winner beside the attempt the third one stands below.
_PANELS: Final = (0, 244, 640, _WIDTH)
_DUEL: Final = (0, 470, _WIDTH)
_GROUNDS: Final = {"bad": "state-tint", "changed": "changed-tint", "attempt": "raised"}


def label_of(data: Mapping[str, Any], selected: int, fault: str = "") -> str:
    """Say what the picture shows."""
    told = data["details"].get(str(selected))
    why = f" {told['note']['headline']}" if told else ""
    return f"{data['title']}: {data['counts']}.{why}" + (f" {fault}" if fault else "")


def drawn(
    data: Mapping[str, Any], filters: Mapping[str, Any], offset: int, selected: int, fault: str = ""
) -> tuple[str, str]:
    """Draw an inspector.

    Parameters
    ----------
    data, filters : mapping
        As the page gets them.
    offset, selected : int
        The first place of the page of rows, and the number of the selected attempt.
    fault : str
        What broke, if something did.

    Returns
    -------
    tuple of (str, str)
        The SVG document, and what it shows in a sentence.
    """
    sheet, label = Sheet(_WIDTH), label_of(data, selected, fault)
    sheet.text(_LEFT, 23, data["title"], size=T3, bold=True)
    sheet.text(_LEFT + wide(data["title"], size=T3, bold=True) + 20, 23, data["counts"], colour="muted")
    sheet.text(_RIGHT, 23, _OUTSIDE, colour="muted", anchor="end")
    y = 36.0
    sheet.line(0, y, _WIDTH, y)
    if fault:
        sheet.text(_LEFT, y + 20, fault, room=_RIGHT - _LEFT)
        y += 32
    if not data["of"]:
        sheet.text(_LEFT, y + 24, _NONE_YET, colour="muted")
        sheet.text(_LEFT + wide(_NONE_YET) + 6, y + 24, _WAY, mono=True)
        return sheet.svg(y + 44, label), label
    y = _rules(sheet, data["rules"], _stages(sheet, data["stages"], filters, y))
    y = _table(sheet, data, offset, selected, y)
    told = data["details"].get(str(selected))
    if told is not None:
        y = _panels(sheet, told, _note(sheet, told["note"], y))
    return sheet.svg(y + 6, label), label


def _stages(sheet: Sheet, stages: Sequence[Mapping[str, Any]], filters: Mapping[str, Any], y: float) -> float:
    """The counts by gate, and what is filtered."""
    x: float = _LEFT
    sheet.rect(1, y + 0.5, _WIDTH - 2, 40, fill="raised")
    for stage in stages:
        tone = _tone(stage["key"])
        word = f"{sentences.stage_glyph(stage['key'])} {stage['word']}".strip()
        bar = 9 + 36 * stage["share"] if stage["share"] else 1
        room = wide(word) + bar + wide(stage["count"], bold=True) + 28
        fill, edge = ("accent-tint", "accent") if stage["on"] else ("surface", "line")
        sheet.rect(x, y + 7, room, 26, fill=fill, stroke=edge, radius=3)
        sheet.text(x + 8, y + 24, word, colour=tone)
        sheet.rect(x + 12 + wide(word), y + 16, bar, 8, fill=tone)
        sheet.text(x + room - 8, y + 24, stage["count"], bold=True, anchor="end")
        x += room + 4
    asked = {name: value for name, value in filters.items() if name not in ("stage", "rule")}
    if asked:
        sheet.text(x + 8, y + 24, f"only {formats.pairs(asked, limit=80)}", room=_RIGHT - x - 8)
    sheet.line(0, y + 41, _WIDTH, y + 41)
    return y + 41


def _rules(sheet: Sheet, rules: Mapping[str, Any], y: float) -> float:
    """The counts by rule."""
    bars, share = rules["bars"], (_RIGHT - _LEFT) / 2
    for n, bar in enumerate(bars):
        x, foot = _LEFT + share * (n % 2), y + 20 + 24 * (n // 2)
        tone = _tone(bar["stage"])
        if bar["on"]:
            sheet.rect(x - 4, foot - 16, share - 8, 24, fill="accent-tint", stroke="accent", radius=3)
        sheet.rect(x, foot - 8, max(2, _BAR * bar["share"]), 8, fill=tone)
        sheet.text(x + _BAR + 44, foot, bar["count"], bold=True, anchor="end")
        left, room = x + _BAR + 52, share - _BAR - 68
        asks = f"{sentences.stage_glyph(bar['stage'])} {bar['asks']}".strip()
        taken = min(wide(asks), room)
        sheet.text(left, foot, asks, room=room)
        if room - taken > 60:
            sheet.text(left + taken + 8, foot, bar["of"], colour="muted", room=room - taken - 8)
    lines = (len(bars) + 1) // 2
    if rules["more"]:
        sheet.text(_LEFT, y + 20 + 24 * lines, rules["more"], colour="muted")
        lines += 1
    y += 24 * lines + (8 if lines else 0)
    sheet.line(0, y, _WIDTH, y)
    return y


def _table(sheet: Sheet, data: Mapping[str, Any], offset: int, selected: int, y: float) -> float:
    """The rows of the page."""
    first = offset - data["base"]
    rows = data["rows"][first : first + data["page"]]
    if not rows:
        sheet.text(_LEFT, y + 24, "No attempt fits these filters.", colour="muted")
        return y + 40
    heads = [("tried, UTC", _LEFT, 132), ("refused by", 148, 122), ("stream", 274, 100), ("event", 382, 172),
             ("why", 558, 326)]  # fmt: skip
    if data["one"]:
        heads = [*heads[:2], ("event", 274, 190), ("why", 470, 414)]
    for title, x, _ in heads:
        sheet.text(x, y + 17, title, size=T1, colour="muted", bold=True)
    sheet.text(_RIGHT, y + 17, "version", size=T1, colour="muted", bold=True, anchor="end")
    y += _ROW
    for row in rows:
        _attempt(sheet, row, heads, chosen=row["n"] == selected, y=y)
        y += _ROW
    if data["total"] > len(rows):
        told = f"{rows[0]['place']}–{rows[-1]['place']} of {data['told']}"
        sheet.line(0, y, _WIDTH, y)
        sheet.text(_LEFT, y + 17, told, colour="muted")
        y += _ROW
    return y


def _attempt(sheet: Sheet, row: Mapping[str, Any], heads: Sequence[Any], *, chosen: bool, y: float) -> None:
    if chosen:
        sheet.rect(1, y, _WIDTH - 2, _ROW, fill="accent-tint")
        sheet.rect(1, y, 3, _ROW, fill="accent")
    sheet.line(0, y, _WIDTH, y)
    tone = _tone(row["stage"])
    shown = {
        "tried, UTC": row["time"], "stream": row["idx"], "event": row["event"], "why": row["why"],
        "refused by": f"{sentences.stage_glyph(row['stage'])} {row['word']}".strip(),
    }  # fmt: skip
    for title, x, room in heads:
        colour = {"tried, UTC": "muted", "refused by": tone}.get(title, "ink")
        mono, bold = title == "stream", title == "refused by"
        sheet.text(x, y + 17, shown[title], colour=colour, mono=mono, bold=bold, room=room)
    sheet.text(_RIGHT, y + 17, row["version"], anchor="end")


def _note(sheet: Sheet, note: Mapping[str, Any], y: float) -> float:
    tone, reasons = _tone(note["tone"]), note["reasons"]
    headline = columns.wrap(note["headline"], int((_RIGHT - 34) / wide("n", size=T3, bold=True)))
    height = 16 + 18 * (len(headline) + len(reasons))
    sheet.rect(1, y, _WIDTH - 2, height, fill="raised" if tone == "muted" else f"{tone}-tint")
    sheet.rect(1, y, 3, height, fill=tone)
    sheet.text(16, y + 21, "✗", size=T3, colour=tone, bold=True)
    line = y + 21
    for part in headline:
        sheet.text(34, line, part, size=T3, bold=True, room=_RIGHT - 34)
        line += 18
    for gate, named, told in reasons:
        word = f"{sentences.stage_glyph(gate)} {named}".strip() if gate else ""
        sheet.text(16, line, word, colour=_tone(gate), bold=True)
        x = 16 + (wide(word, bold=True) + 8 if word else 0)
        sheet.text(x, line, told, room=_RIGHT - x)
        line += 18
    return y + height


def _panels(sheet: Sheet, told: Mapping[str, Any], y: float) -> float:
    places = _DUEL if told["duel"] else _PANELS
    beside, below = told["panels"][: len(places) - 1], told["panels"][len(places) - 1 :]
    bottom = max(
        _panel(sheet, panel, left + _LEFT, end - _LEFT, y)
        for panel, left, end in zip(beside, places, places[1:], strict=False)
    )
    for x in places[1:-1]:
        sheet.line(x, y, x, bottom + 6)
    sheet.line(0, y, _WIDTH, y)
    for panel in below:
        sheet.line(0, bottom + 6, _WIDTH, bottom + 6)
        bottom = _panel(sheet, panel, _LEFT, _RIGHT, bottom + 6)
    return bottom


def _panel(sheet: Sheet, panel: Mapping[str, Any], left: float, right: float, y: float) -> float:
    room = right - left
    y += 20
    sheet.text(left, y, panel["caption"], size=T1, colour="muted", bold=True, room=room)
    for said in panel["said"]:
        y += 18
        sheet.text(left, y, said, colour="muted", room=room)
    if panel["above"]:
        y += 18
        sheet.text(left, y, panel["above"], colour="muted", room=room)
    widths = _widths(panel, room)
    if panel["heads"]:
        y += 20
        for (title, classes), (x, w) in zip(panel["heads"], _columns(widths, left), strict=True):
            _cell(sheet, title, f"{classes} head", x, y, w)
    for row in panel["rows"]:
        if ground := _GROUNDS.get(row["tone"]):
            sheet.rect(left - 4, y + 5, room + 8, 22, fill=ground)
        y += 22
        sheet.line(left, y + 5, right, y + 5)
        for (shown, classes, _), (x, w) in zip(row["cells"], _columns(widths, left), strict=False):
            _cell(sheet, shown, classes, x, y - 2, w)
    if panel["below"]:
        y += 20
        sheet.text(left, y, ("… " if panel["way"] else "") + panel["below"], colour="muted", room=room)
    return y + 6


def _cell(sheet: Sheet, shown: str, classes: str, x: float, y: float, room: float) -> None:
    known = classes.split()
    bold, right = "now" in known or "head" in known, "num" in known
    if "mono" in known and wide(shown, mono=True) > room:
        shown = formats.middle(shown, max(4, int(room / wide("n", mono=True))))
    colour = "state" if "state" in known else "muted" if {"muted", "head"} & {*known} else "ink"
    sheet.text(
        x + room if right else x, y, shown, size=T1 if "head" in known else 12, colour=colour, mono="mono" in known,
        bold=bold, anchor="end" if right else "start", room=None if "keep" in known else room,
    )  # fmt: skip


def _widths(panel: Mapping[str, Any], room: float) -> list[float]:
    """A width a column: what its texts need, the widest ones less where the panel has no room for them."""
    rows = [row["cells"] for row in panel["rows"]] + [[[title, "head", ""] for title, _ in panel["heads"]]]
    count = max((len(cells) for cells in rows), default=0)
    need = [max((_need(cells[n]) for cells in rows if n < len(cells)), default=0.0) for n in range(count)]
    least = [max((_need(cells[n]) for cells in rows if n < len(cells) and "keep" in cells[n][1]), default=_LEAST)
             for n in range(count)]  # fmt: skip
    spare = room - 8 * (count - 1)
    while sum(need) > spare:
        slack = [have - floor for have, floor in zip(need, least, strict=True)]
        widest = max(range(count), key=slack.__getitem__)
        if slack[widest] <= 0:
            break
        need[widest] = max(need[widest] - (sum(need) - spare), least[widest])
    if count:
        need[-1] += max(0.0, spare - sum(need))
    return need


def _need(cell: Sequence[str]) -> float:
    return wide(cell[0], mono="mono" in cell[1], bold="now" in cell[1]) + 1


def _columns(widths: Sequence[float], left: float) -> list[tuple[float, float]]:
    places, x = [], left
    for width in widths:
        places.append((x, width))
        x += width + 8
    return places


def _tone(stage: str) -> str:
    return stage if stage in sentences.STAGES else "muted"
