"""The static picture of a lab: the page of streams that is shown, the selected one drawn selected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from funes_lab import formats
from funes_lab.widgets import sentences
from funes_lab.widgets.browser import spark
from funes_lab.widgets.markup import ICONS
from funes_lab.widgets.svg import T1, T3, Sheet, wide

_WIDTH: Final = 960
_ROW: Final = 34
_HEAD: Final = 40
#: Where the columns stand: idx, class, events (its end), line, now (its end), last event, when (its end), refused.
_IDX, _CLASS, _EVENTS, _LINE, _NOW, _LAST, _WHEN, _REFUSED = 12, 150, 334, 344, 544, 558, 812, 828
_COLUMNS: Final = (_IDX, _CLASS, _EVENTS, _LINE, _NOW, _LAST, _WHEN, _REFUSED)
_PANEL: Final = 10


def drawn(data: Mapping[str, Any], label: str) -> str:
    """Draw what a live page shows.

    Parameters
    ----------
    data : mapping
        As `frame.live` gives it.
    label : str
        What it shows, in a sentence.

    Returns
    -------
    str
        The SVG document.
    """
    sheet = Sheet(_WIDTH)
    title = str(data["title"])
    sheet.text(12, 25, title, size=T3, mono=True, bold=True, room=400)
    x = 12 + min(wide(title, size=T3, mono=True, bold=True), 400) + 12
    sheet.text(x, 25, data["counts"], colour="muted", room=_WIDTH - x - 220)
    if data["search"]:
        sheet.text(_WIDTH - 12, 25, f"search: {data['search']}", anchor="end", room=200)
    sheet.line(0, _HEAD - 0.5, _WIDTH, _HEAD - 0.5)
    if data["empty"]:
        sheet.text(12, _HEAD + 24, " ".join(data["empty"]), colour="muted", room=_WIDTH - 24)
        return sheet.svg(_HEAD + 40, label)
    tab = data["panel"]
    y = _panel(sheet, data, tab) if tab else _streams(sheet, data)
    sheet.line(0, y + 0.5, _WIDTH, y + 0.5)
    sheet.text(12, y + 20, tab["told"] if tab else data["told"], colour="muted")
    said = wide(tab["told"] if tab else data["told"]) + 36
    sheet.text(said, y + 20, data["say"], room=_WIDTH - said - 12)
    return sheet.svg(y + 32, label)


def _streams(sheet: Sheet, data: Mapping[str, Any]) -> float:
    for (key, title, kind), x in zip(data["columns"], _COLUMNS, strict=True):
        mark = {key: " ▴", f"-{key}": " ▾"}.get(data["order"], "") if key else ""
        anchor = "end" if kind == "num" else "start"
        sheet.text(x, _HEAD + 17, f"{title}{mark}", size=T1, colour="muted", bold=True, anchor=anchor)
    y = _HEAD + 26.0
    if not data["rows"]:
        sheet.text(12, y + 20, data["nothing"], colour="muted", room=_WIDTH - 24)
        return y + 32
    for row in data["rows"]:
        sheet.line(0, y - 0.5, _WIDTH, y - 0.5)
        if row["idx"] == data["selected"]:
            sheet.rect(1, y, _WIDTH - 2, _ROW - 1, fill="accent-tint")
            sheet.rect(1, y, 3, _ROW - 1, fill="accent")
        _stream(sheet, row, y)
        y += _ROW
    return y


def _stream(sheet: Sheet, row: Mapping[str, Any], y: float) -> None:
    base = y + 21
    sheet.text(_IDX, base, formats.middle(row["shown"], 17), mono=True)
    sheet.text(_CLASS, base, formats.middle(row["classes"][row["cls"]], 21), colour="muted")
    sheet.text(_EVENTS, base, row["events"], anchor="end")
    _line(sheet, row, _LINE, y + 3)
    sheet.text(_NOW, base, row["now"], anchor="end")
    sheet.circle(_LAST + 4, base - 4, 4, fill=row["colour"])
    sheet.text(_LAST + 14, base, formats.middle(row["last"], 22))
    sheet.text(_WHEN, base, row["at"], anchor="end", colour="muted")
    if not row["refused"]:
        sheet.text(_REFUSED, base, formats.NONE, colour="muted")
    x = float(_REFUSED)
    for gate, _, count in row["refused"]:
        tone = gate if gate in sentences.STAGES else "muted"
        sheet.path(ICONS.get(gate, ICONS["own"]), stroke=tone, width=1.6, move=f"{x:g} {base - 10:g}")
        sheet.text(x + 15, base, count, colour=tone)
        x += 15 + wide(count) + 8


def _line(sheet: Sheet, row: Mapping[str, Any], x: float, y: float) -> None:
    if row["unseen"] or not (row["line"] or row["ticks"]):
        sheet.text(x + 4, y + 18, row["unseen"] or formats.NONE, colour="muted", size=T1)
        return
    move = f"{x:g} {y:g}"
    sheet.path(f"M{spark.LEFT} {row['zero']:g}H{spark.RIGHT + 2}", stroke="line", move=move)
    if row["line"]:
        sheet.path(row["line"], stroke="accent", width=1.4, move=move)
    if row["end"]:
        sheet.circle(x + row["end"][0], y + row["end"][1], 2.5, fill="accent")
    for gate, d in row["ticks"]:
        sheet.path(d, stroke=gate if gate in sentences.STAGES else "muted", width=1.6, move=move)


def _panel(sheet: Sheet, data: Mapping[str, Any], panel: Mapping[str, Any]) -> float:
    titles = dict(data["tabs"])
    of = f" of {formats.middle(data['selected'], 60)}" if data["selected"] else ""
    sheet.text(12, _HEAD + 17, f"{titles[data['tab']]}{of}", size=T1, colour="muted", bold=True)
    y = _HEAD + 26.0
    if panel["empty"]:
        sheet.text(12, y + 20, panel["empty"], colour="muted")
        return y + 32
    widths = _shares(panel)
    for cells in [_heads(panel["heads"]), *panel["rows"][:_PANEL]]:
        _cells(sheet, cells, widths, y)
        y += 26
    return y


def _heads(heads: Sequence[Sequence[str]]) -> list[dict[str, str]]:
    return [{"text": title, "class": f"{kind} head"} for title, kind in heads]


def _cells(sheet: Sheet, cells: Sequence[Mapping[str, str]], widths: Sequence[float], y: float) -> None:
    x = 12.0
    for cell, room in zip(cells, widths, strict=True):
        kinds, gate = cell["class"].split(), cell.get("gate", "")
        head, right, mono = "head" in kinds, "num" in kinds, "mono" in kinds
        tone = gate if gate in sentences.STAGES else "muted" if head or "muted" in kinds else "ink"
        glyph = f"{sentences.stage_glyph(gate)} " if gate else ""
        at = x + room - 12 if right else x
        if cell.get("dot"):
            sheet.circle(x + 4, y + 13, 4, fill=cell["dot"])
            at += 14
        sheet.text(
            at, y + 17, f"{glyph}{cell['text']}", size=T1 if head else 12, bold=head, mono=mono, colour=tone,
            anchor="end" if right else "start", room=room - 14,
        )  # fmt: skip
        x += room
    sheet.line(0, y + 25.5, _WIDTH, y + 25.5)


def _shares(panel: Mapping[str, Any]) -> list[float]:
    """The widths of the columns: what they need, and the widest takes what is left."""
    lines = [_heads(panel["heads"]), *panel["rows"][:_PANEL]]
    needed = [
        max(wide(cell["text"], mono="mono" in cell["class"]) for cell in column) + 34
        for column in zip(*lines, strict=True)
    ]
    spare = _WIDTH - 24 - sum(needed)
    widest = needed.index(max(needed))
    needed[widest] = max(120.0, needed[widest] + spare)
    return needed
