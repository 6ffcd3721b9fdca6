"""HTML for notebooks: the pieces that the static reprs are built of.

Whatever comes from a payload or a name goes through `text`, `cut` or `name`; nothing else escapes.

A notebook that nobody trusted, and the viewers of code hosts, show the markup without its style. So a line is a
`div`, which has no margins of its own, side by side is a table, what matters is bold, and words stand apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import islice
from typing import Final

from funes_lab import formats
from funes_lab.widgets import sentences, theme

_NAME = 40  # characters of a name
_WHOLE = 1_000  # characters of a whole value in a title
_TYPES = 8  # colours for event types; the ninth is muted
_CROSS = "M2 2l8 8M10 2l-8 8"
#: The glyphs of the gates and of a verdict, as paths in a box of 12 by 12.
ICONS: Final = {
    "conflict": "M1.5 2 5 6 1.5 10M10.5 2 7 6l3.5 4",
    "state": "M6 .8 11.2 6 6 11.2.8 6z",
    "interpretation": "M6 1.5 11 10.5H1z",
    "own": "M2 2h8v8H2z",
    "accepted": "M1.5 6.5 4.5 9.5 10.5 2.5",
}
# JupyterLab centres tables and sets cells to the right, unless an attribute says otherwise.
_NOT_CENTRED = ' style="margin-left:0"'
_LEFT = ' style="text-align:left"'
_TOP_LEFT = ' style="text-align:left;vertical-align:top"'
_SHARES = (29, 29, 42)  # widths of the three panels, in percent
#: Of the static reprs alone: on a page with widgets these rules are not theirs.
_LAYOUT: Final = """
.fl-repr .dot { display: inline-block; width: 8px; height: 8px; margin-right: 6px; }
.fl.fl.fl-repr .fl-title { min-width: 0; white-space: normal; overflow-wrap: anywhere; }
.fl-repr .fl-head .wide { margin-left: auto; }
.fl.fl-repr thead { border: 0; }
.fl.fl-repr :is(th, td):first-child { padding-left: var(--fl-s3); }
.fl.fl-repr :is(th, td):last-child { padding-right: var(--fl-s3); }
.fl.fl-repr .kv { width: 1%; white-space: nowrap; }
.fl.fl-repr .say { min-width: 280px; }
.fl.fl-repr .say, .fl.fl-repr .kv + td { overflow-wrap: anywhere; }
.fl-repr .fl-note + * { border-top: 1px solid var(--fl-line); }
.fl.fl-repr .fl-group { font-size: var(--fl-t1); font-weight: 600; }
.fl.fl-repr .fl-three { table-layout: fixed; }
.fl.fl-repr .fl-three td { padding: var(--fl-s3); border: 0; overflow-wrap: anywhere; }
.fl.fl-repr .fl-three td + td { border-left: 1px solid var(--fl-line); }
.fl.fl-repr .fl-three .fl-cap { display: block; }
.fl.fl-repr .fl-three div { margin: 0 0 2px; }
@container (max-width: 640px) {
  .fl.fl-repr .fl-three, .fl.fl-repr .fl-three :is(tbody, tr, td) { display: block; width: 100%; }
  .fl.fl-repr .fl-three td + td { border-left: 0; border-top: 1px solid var(--fl-line); }
}
"""


def section(label: str, *parts: str, layout: str = "") -> str:
    """Write a whole picture: its style, with the few rules of its own, and its labelled section."""
    body = "".join(parts)
    style = theme.style(body, _LAYOUT + layout, without=(theme.CONTROLS, theme.PICTURES))
    return f'{style}<section class="fl fl-repr" aria-label="{text(label)}">{body}</section>'


def text(shown: str) -> str:
    """Write a text that is not longer than it may be."""
    return escape(formats.visible(shown))


def cut(shown: str, whole: str, *classes: str) -> str:
    """Write a text that may have been cut, with the whole of it in the title."""
    title = f' title="{text(formats.shorten(whole, _WHOLE))}"' if shown != whole else ""
    names = f' class="{" ".join(classes)}"' if classes else ""
    return f"<span{names}{title}>{text(shown)}</span>" if title or names else text(shown)


def name(whole: str, limit: int = _NAME, *classes: str) -> str:
    """Write a name, cut in its middle if it is too long."""
    return cut(formats.middle(whole, limit), whole, *classes)


def value(v: object, limit: int = 80) -> str:
    """Write a value, cut at its end if it is too long; numbers never are."""
    return cut(formats.value(v, limit=limit), formats.value(v, limit=_WHOLE))


def payload(mapping: Mapping[str, object]) -> str:
    """Write a payload in one line, with the whole of it in the title."""
    shown, whole = formats.pairs(mapping), formats.pairs(mapping, limit=_WHOLE)
    return unbroken(shown) if shown == whole else f'<span title="{text(whole)}">{unbroken(shown)}</span>'


def unbroken(shown: str) -> str:
    """Write a line that may break between two fields, not between a field and its value."""
    pieces = shown.split(", ")
    short = [" " in piece and len(piece) <= _NAME for piece in pieces]
    return ", ".join(
        f'<span class="nw">{text(piece)}</span>' if keep else text(piece)
        for piece, keep in zip(pieces, short, strict=True)
    )


def verdict(glyph: str, tone: str, word: str = "") -> str:
    """Write an outcome: the glyph of a gate, of "accepted" or of "refused", in the colour of a meaning."""
    path = ICONS.get(glyph, _CROSS)
    svg = f'<svg viewBox="0 0 12 12" aria-hidden="true"><path d="{path}"/></svg>'
    known = tone if tone in ICONS else "muted"
    return f'<b class="o {known}">{svg}{text(word)}</b>'


def stage(gate: str) -> str:
    """Write a gate: glyph, word and colour."""
    return verdict(gate, gate, sentences.stage_word(gate))


def note(tone: str, headline: str, reasons: Iterable[tuple[str, str]] = (), *, glyph: str = "refused") -> str:
    """Write the sentence of a verdict, and under it gate and rule of each error."""
    known = tone if tone in ICONS else "muted"
    listed = list(reasons)
    lines = [
        f'<div class="why">{stage(gate)} <span>{text(told)}</span></div>' for gate, told in listed[: formats.FIELDS]
    ]
    if len(listed) > formats.FIELDS:
        more = formats.count(len(listed) - formats.FIELDS, "more error")
        lines.append(f'<div class="why"><span>… {more}</span></div>')
    head = f"<div>{verdict(glyph, tone)}<b>{text(headline)}</b></div>"
    return f'<div class="fl-note {known}">{head}{"".join(lines)}</div>'


def head(title: str, *rest: str, named: bool = True, whole: str | None = None) -> str:
    """Write the head of a picture: its title, a name unless `named` is false, and what stands beside it.

    Notebooks leave it out of their table of contents. `whole` is what the title stands for, if not itself.
    """
    shown = formats.middle(title, 60)
    full = title if whole is None else whole
    tip = f' title="{text(formats.shorten(full, _WHOLE))}"' if shown != full else ""
    classes = f"fl-title{' mono' if named else ''} jp-toc-ignore"
    return " ".join((f'<header class="fl-head"><h3 class="{classes}"{tip}>{text(shown)}</h3>', *rest)) + "</header>"


def empty(sentence: str, way: str) -> str:
    """Write the body of a picture that has nothing to show: a sentence and the code that leads on."""
    return f'<div class="fl-pad muted">{text(sentence)} {code(way)}</div>'


def muted(shown: str) -> str:
    """Write a text that is not the message itself."""
    return f'<span class="muted">{text(shown)}</span>'


def code(line: str) -> str:
    """Write a line of code."""
    return f'<span class="mono">{text(line)}</span>'


def table(label: str, columns: Sequence[tuple[str, str]], rows: Iterable[str]) -> str:
    """Write a table in a region of its own that scrolls when it is too wide.

    `columns` are the heads with their classes; without any the first cell of each row is its head.
    """
    heads = "".join(f"<th{_class(classes)}{_side(classes)}>{text(title)}</th>" for title, classes in columns)
    thead = f"<thead><tr>{heads}</tr></thead>" if columns else ""
    region = f'<div class="fl-scroll" role="region" tabindex="0" aria-label="{text(label)}">'
    return f"{region}<table{_NOT_CENTRED}>{thead}<tbody>{''.join(rows)}</tbody></table></div>"


def panels(three: Iterable[tuple[str, Sequence[str]]]) -> str:
    """Write three captions and the lines under them side by side, or one under the other where it is narrow."""
    cells = "".join(
        f'<td width="{share}%"{_TOP_LEFT}><b class="fl-cap">{n} &nbsp;{caption}</b>{"".join(lines)}</td>'
        for n, share, (caption, lines) in zip((1, 2, 3), _SHARES, three, strict=True)
    )
    table = '<table class="fl-three" role="presentation" width="100%">'
    return f'<div>{table}<tbody><tr valign="top">{cells}</tr></tbody></table></div>'


def line(content: str, classes: str = "") -> str:
    """Write a line of a panel around content that is markup already."""
    return f"<div{_class(classes)}>{content}</div>"


def cell(content: str, classes: str = "") -> str:
    """Write a cell around content that is markup already."""
    return f"<td{_class(classes)}{_side(classes)}>{content}</td>"


def row(*cells: str) -> str:
    """Write a row of cells."""
    return f"<tr>{''.join(cells)}</tr>"


def more_row(left_out: str, way: str, *, across: int, before: int = 0) -> str:
    """Write the row that says what was left out, and the code that shows it, after `before` empty cells."""
    told = f'<td colspan="{across}" class="muted"{_LEFT}>… {text(left_out)}: {code(way)}</td>'
    return row("<td></td>" * before, told)


def caption_row(title: str, *, across: int) -> str:
    """Write the row that heads a group of rows."""
    return row(f'<th colspan="{across}" scope="rowgroup" class="fl-group"{_LEFT}>{text(title)}</th>')


def fields(mapping: Mapping[str, object], way: str) -> str:
    """Write the rows of a payload: a field and its value."""
    rows = [
        row(f'<th class="mono kv"{_LEFT}>{name(k)}</th>', cell(value(v, 200)))
        for k, v in islice(mapping.items(), formats.FIELDS)
    ]
    left = len(mapping) - formats.FIELDS
    if left > 0:
        rows.append(more_row(formats.count(left, "more field"), way, across=2))
    return "".join(rows)


class Dots:
    """The colours of event types: in order of first appearance, never used twice.

    Examples
    --------
    >>> dots = Dots(["Debt::Issued"])
    >>> dots("Debt::FeeCharged")[-40:]
    'cy="4" r="4" fill="var(--fl-c2)"/></svg>'
    """

    def __init__(self, types: Iterable[str]) -> None:
        self._numbers: dict[str, int] = {}
        for event in types:
            self._number(event)

    def __call__(self, event: str) -> str:
        """Draw the dot that stands before the name of an event."""
        number = self._number(event)
        colour = f"c{number}" if number <= _TYPES else "muted"
        circle = f'<circle cx="4" cy="4" r="4" fill="var(--fl-{colour})"/>'
        return f'<svg class="dot" viewBox="0 0 8 8" aria-hidden="true">{circle}</svg>'

    def _number(self, event: str) -> int:
        return self._numbers.setdefault(event, len(self._numbers) + 1)


def _side(classes: str) -> str:
    return "" if "num" in classes else _LEFT


def _class(classes: str) -> str:
    return f' class="{classes}"' if classes else ""
