"""Rates as horizontal bars: a pure function from figures to SVG text, in the look of the widgets, light and dark.

The axis is linear and begins at zero: a bar twice as long is twice as fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

from funes_lab.widgets import theme

_WIDTH: Final = 800
_LEFT, _RIGHT = 256, 600
_ROW, _BAR = 26, 14
_TICKS: Final = 4

#: Who is measured, by the first word of a label: a colour and a mark of its own, since colour never speaks alone.
_MARKS: Final = {
    "funes_lab": ("c1", '<circle cx="{x}" cy="{y}" r="4.5"/>'),
    "by": ("ref", '<rect x="{left}" y="{top}" width="8" height="8"/>'),
    "eventsourcing": ("c2", '<path d="M{left} {low}h9l-4.5-9z"/>'),
    "DuckDB": ("c3", '<path d="M{x} {top}l5 5-5 5-5-5z" transform="translate(0 -1)"/>'),
}

_LAYOUT = (
    ".fl text { font: var(--fl-t2) var(--fl-font); fill: var(--fl-ink); font-variant-numeric: tabular-nums; }"
    ".fl .ground { fill: var(--fl-surface); }"
    ".fl .grid { stroke: var(--fl-line); } .fl .axis { stroke: var(--fl-edge); }"
    ".fl .title { font-size: var(--fl-t3); font-weight: 600; } .fl .b { font-weight: 600; }"
    ".fl .mu { fill: var(--fl-muted); font-size: var(--fl-t1); } .fl .cap { font-weight: 600; }"
    ".fl .mid { text-anchor: middle; } .fl .end { text-anchor: end; }"
    ".fl .c1 { fill: var(--fl-c1); } .fl .c2 { fill: var(--fl-c2); }"
    ".fl .c3 { fill: var(--fl-c3); } .fl .ref { fill: var(--fl-edge); }"
    # a figure stands clear of the lines behind it
    ".fl .figure { paint-order: stroke; stroke: var(--fl-surface); stroke-width: 4px; }"
)
#: Parts of the style sheet that belong to HTML, or to a picture inside of it.
_WITHOUT = [part for part in theme.parts() if part != "tokens"]


class Bar(NamedTuple):
    """One rate: its label, events/s, a word on it that stands behind the figure, and whether a bar is drawn.

    What is of another kind than the rest, and so fast that it would press all others flat, is told without a bar.
    """

    label: str
    rate: float
    note: str = ""
    drawn: bool = True


class Group(NamedTuple):
    """Bars that are compared with each other."""

    title: str
    bars: Sequence[Bar]


def bars(title: str, groups: Sequence[Group], foot: Sequence[str]) -> str:
    """Draw groups of bars below each other, on one axis.

    Parameters
    ----------
    title : str
    groups : sequence of Group
        Each label begins with who it is: funes_lab, by hand, eventsourcing or DuckDB.
    foot : sequence of str
        Lines below the picture.

    Returns
    -------
    str
        An SVG document; the same bytes for the same arguments.
    """
    most = max(bar.rate for group in groups for bar in group.bars if bar.drawn)
    ticks = _ticks(most)
    drawn: list[str] = []
    top = 44
    for group in groups:
        drawn.append(f'<text class="mu cap" x="16" y="{top + 14}">{escape(group.title)}</text>')
        top += 22
        for bar in group.bars:
            drawn.append(_drawn(bar, top, ticks[-1]))
            top += _ROW
        top += 8
    axis = "".join(_tick(rate, top, ticks[-1]) for rate in ticks)
    axis += f'<text class="mu" x="{_RIGHT + 44}" y="{top + 16}">events/s</text>'
    for number, line in enumerate(foot):
        drawn.append(f'<text class="mu" x="16" y="{top + 42 + 16 * number}">{escape(line)}</text>')
    height = top + 42 + 16 * len(foot)
    return _document(title, _told(groups), axis + "".join(drawn), height)


def _drawn(bar: Bar, top: int, longest: float) -> str:
    token, mark = _MARKS[bar.label.split()[0].rstrip(",")]
    middle = top + _ROW / 2
    places = {"x": 20.5, "y": middle, "left": 16.5, "top": middle - 4, "low": middle + 4.5}
    end = _x(bar.rate, longest) if bar.drawn else _LEFT
    shape = f'<rect x="{_LEFT}" y="{middle - _BAR / 2:g}" width="{end - _LEFT:.1f}" height="{_BAR}"/>'
    figure = f'<tspan class="b">{bar.rate:,.0f}</tspan>'
    if note := " · ".join(part for part in (bar.note, "" if bar.drawn else "beyond this axis") if part):
        figure += f' <tspan class="mu" dx="4">{escape(note)}</tspan>'
    return (
        f'<g class="{token}">{mark.format(**places)}{shape if bar.drawn else ""}</g>'
        f'<text x="32" y="{middle + 4:g}">{escape(bar.label)}</text>'
        f'<text class="figure" x="{end + 8:.1f}" y="{middle + 4:g}">{figure}</text>'
    )


def _tick(rate: float, bottom: int, longest: float) -> str:
    x, kind = _x(rate, longest), "grid" if rate else "axis"
    return (
        f'<path class="{kind}" d="M{x:.1f} 62V{bottom}"/>'
        f'<text class="mu mid" x="{x:.1f}" y="{bottom + 16}">{rate:,.0f}</text>'
    )


def _x(rate: float, longest: float) -> float:
    return _LEFT + (_RIGHT - _LEFT) * rate / longest


def _ticks(most: float) -> list[float]:
    """Round figures from zero to the first one that is not below `most`."""
    power = 10.0 ** (len(str(int(most / _TICKS))) - 1)
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor * _TICKS >= most)
    count = next(n for n in range(1, _TICKS + 1) if n * step >= most)
    return [number * step for number in range(count + 1)]


def _told(groups: Sequence[Group]) -> str:
    """All figures in words, for who does not see them."""
    return " ".join(
        f"{group.title}: " + ", ".join(f"{bar.label} {bar.rate:,.0f}" for bar in group.bars) + " events/s."
        for group in groups
    )


def _document(title: str, told: str, drawn: str, height: int) -> str:
    inside = (
        f'<title id="t">{escape(title)}</title><desc id="d">{escape(told)}</desc>'
        f'<rect class="ground" width="{_WIDTH}" height="{height}"/>'
        f'<text class="title" x="16" y="26">{escape(title)}</text>{drawn}'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="fl" role="img" aria-labelledby="t d" '
        f'width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}">'
        f"{theme.style(inside, _LAYOUT, without=_WITHOUT)}{inside}</svg>\n"
    )
