"""Small drawings that stand in the page itself: SVG in the tokens of the theme, labelled with what it shows."""

from __future__ import annotations

from typing import Final

from funes_lab.widgets import markup
from funes_lab.widgets.svg import T1

#: The rules that drawings need beside those of the static reprs.
LAYOUT: Final = """
.fl-repr svg.fl-drawn { display: block; }
.fl-repr .fl-scroll + .fl-scroll, .fl-repr .fl-stack + .fl-scroll { border-top: 1px solid var(--fl-line); }
.fl.fl-repr .fl-rule { min-width: 140px; overflow-wrap: anywhere; }
.fl.fl-repr .fl-mid { vertical-align: middle; }
.fl.fl-repr .fl-bars { vertical-align: top; width: 44%; min-width: 240px; padding-left: var(--fl-s3); }
.fl-repr .fl-bars svg { width: 100%; height: 20px; }
.fl-repr .fl-unit { display: none; }
.fl-repr .fl-ends { display: flex; justify-content: space-between; font-size: var(--fl-t1); }
.fl.fl-repr tr.fl-axis td { border: 0; padding-top: 0; }
@container (max-width: 640px) {
  .fl.fl-repr .fl-stack :is(table, tbody, tr) { display: block; width: 100%; }
  .fl.fl-repr .fl-stack :is(thead, .fl-axis td:empty) { display: none; }
  .fl.fl-repr .fl-stack td { display: inline-block; width: auto; height: auto; border: 0; padding: 4px var(--fl-s3) 0; }
  .fl.fl-repr .fl-stack tr + tr:not(.fl-axis) { border-top: 1px solid var(--fl-line); }
  .fl.fl-repr .fl-stack td.fl-line { display: block; width: 100%; padding-bottom: 4px; }
  .fl-repr .fl-stack .fl-unit { display: inline; }
}
"""


def drawing(width: float, height: float, label: str, parts: str, *, stretched: bool = False) -> str:
    """Write an SVG element; a stretched one is as wide as the cell it stands in."""
    size = 'preserveAspectRatio="none"' if stretched else f'width="{width:g}" height="{height:g}"'
    box = f'viewBox="0 0 {width:g} {height:g}"'
    return f'<svg class="fl-drawn" {box} {size} role="img" aria-label="{markup.text(label)}">{parts}</svg>'


def words(x: float, y: float, shown: str, *, colour: str = "ink", bold: bool = False, anchor: str = "middle") -> str:
    """Write a text into a drawing."""
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{T1}" text-anchor="{anchor}" fill="var(--fl-{colour})"{weight}>'
        f"{markup.text(shown)}</text>"
    )


def line(x1: float, x2: float, y: float, *, colour: str = "edge", width: float = 1, dashed: bool = False) -> str:
    """Draw a line from left to right."""
    dash = ' stroke-dasharray="4 3"' if dashed else ""
    return f'<path d="M{x1:g} {y:g}H{x2:g}" stroke="var(--fl-{colour})" stroke-width="{width:g}" fill="none"{dash}/>'


def dot(x: float, y: float, *, colour: str, hollow: bool = False, dashed: bool = False) -> str:
    """Draw an event: solid for a fact, hollow for what is none, dashed for what is left out."""
    token = f"var(--fl-{colour})"
    fill = "var(--fl-surface)" if hollow or dashed else token
    dash = ' stroke-dasharray="3 2"' if dashed else ""
    return f'<circle cx="{x:g}" cy="{y:g}" r="5" fill="{fill}" stroke="{token}" stroke-width="1.6"{dash}/>'


def gate(x: float, y: float, stage: str) -> str:
    """Draw the glyph of the gate that refused, hollow, in its colour."""
    path = markup.ICONS.get(stage, markup.ICONS["own"])
    known = stage if stage in markup.ICONS else "muted"
    place = f'transform="translate({x - 7:g} {y - 7:g}) scale(1.17)"'
    return f'<path d="{path}" {place} fill="var(--fl-surface)" stroke="var(--fl-{known})" stroke-width="1.6"/>'


def scrolling(label: str, drawn: str) -> str:
    """Write the region that a drawing scrolls in where it is too wide."""
    named = f'role="region" tabindex="0" aria-label="{markup.text(label)}"'
    return f'<div class="fl-scroll fl-pad" {named}><div>{drawn}</div></div>'


def stacked(table: str) -> str:
    """Let the cells of a table flow where it is too narrow for columns; one of the class `fl-line` has its own."""
    return f'<div class="fl-stack">{table}</div>'
