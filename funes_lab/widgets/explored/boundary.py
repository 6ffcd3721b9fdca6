"""The boundary for a notebook: the sentence, and for each field a number line with both sides of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from funes_lab import formats
from funes_lab.widgets import markup, sentences, svg
from funes_lab.widgets.explored import drawn
from funes_lab.widgets.explored.drawn import LAYOUT
from funes_lab.widgets.telling import error_row

if TYPE_CHECKING:
    from funes_lab.explore.boundary import Boundary

#: Down to the figures, to the line, to the words; and beside the outermost texts.
_FIGURES, _LINE, _WORDS = 12, 28, 47
_BESIDE: Final = 24


@dataclass(frozen=True)
class FieldLine:
    """One field: what was tried, the two neighbours that the line runs between, and how far they are apart.

    `accepted`, `refused`, `bound` and `step` are None where no value was found that would be accepted.
    """

    field: str
    tried: str
    accepted: str | None
    refused: str | None
    bound: str | None
    step: str | None


@dataclass(frozen=True)
class BoundaryCard:
    """The boundary of some fields of a refused attempt."""

    event: str
    sentence: str
    stage: str
    reason: str
    lines: Sequence[FieldLine]
    probes: int


def boundary_card(boundary: Boundary) -> BoundaryCard:
    """What the answer shows."""
    rejection = boundary.rejection
    frame = pd.DataFrame(boundary)
    return BoundaryCard(
        event=rejection.event,
        sentence=boundary.sentence,
        stage=rejection.stage,
        reason=sentences.gist([error_row(error) for error in rejection.errors]),
        lines=[_field_line(row) for row in frame.to_dict("records")],
        probes=int(frame["probes"].sum()),
    )


def _field_line(row: Mapping[Any, Any]) -> FieldLine:
    tried = formats.value(row["tried"])
    if row["accepted"] is None:
        return FieldLine(row["field"], tried, None, None, None, None)
    step = formats.value(abs(Decimal(str(row["refused"])) - Decimal(str(row["accepted"]))))
    refused = tried if row["refused"] == row["tried"] else formats.value(row["refused"])
    return FieldLine(row["field"], tried, formats.value(row["accepted"]), refused, row["bound"], step)


# --- drawn ----------------------------------------------------------------------------------------------------------


def boundary_html(card: BoundaryCard) -> str:
    """Write the answer: the sentence, and a number line for each field."""
    reasons = [(card.stage, card.reason)] if card.reason else []
    parts = [markup.note(card.stage, card.sentence, reasons, glyph=card.stage)]
    if card.lines:
        heads = (("field", "kv"), ("what would be accepted, not to scale", ""))
        rows = [_row(line, card.stage) for line in card.lines]
        parts.append(drawn.stacked(markup.table("the boundary of each field", heads, rows)))
    tried = f"{formats.count(card.probes, 'value')} tried in memory. " if card.probes else ""
    parts.append(f'<div class="fl-foot">{tried}The log is unchanged.</div>')
    return markup.section(f"What {formats.middle(card.event, 60)} could have been", *parts, layout=LAYOUT)


def _row(line: FieldLine, stage: str) -> str:
    name = markup.cell(markup.name(line.field, 40), "mono kv fl-mid")
    if line.accepted is None:
        return markup.row(name, markup.cell(markup.muted(f"no value found; tried {line.tried}"), "fl-line"))
    return markup.row(name, markup.cell(number_line(line, stage), "fl-line"))


def number_line(line: FieldLine, stage: str) -> str:
    """Draw a number line: accepted to one side, its neighbour that is refused, and farther on what was tried."""
    points = _points(line)
    at_most = line.bound == "at most"
    ordered = points if at_most else points[::-1]
    xs = _places([max(svg.wide(text, bold=True) for text in point) for point in ordered], svg.wide(_apart(line)))
    width = xs[-1] + xs[0]
    at, near, *_, far = (*xs, xs[-1]) if at_most else (*xs[::-1], xs[0])
    known = stage if stage in markup.ICONS else "muted"
    parts = drawn.line(1 if at_most else width - 1, at, _LINE, colour="accepted", width=3)
    parts += drawn.line(at, near, _LINE) + drawn.words((at + near) / 2, _LINE - 5, _apart(line), colour="muted")
    parts += drawn.line(near, far, _LINE, colour=known, dashed=True)
    for x, (figure, word) in zip(xs, ordered, strict=True):
        parts += _point(x, figure, word, "accepted" if word == "accepted" else known)
    said = f"{line.field}: {line.bound} {line.accepted} would be accepted, {line.refused} not; tried {line.tried}"
    return drawn.drawing(width, _WORDS + 6, said, parts)


def _points(line: FieldLine) -> list[tuple[str, str]]:
    """Figure and word of each mark, from what would be accepted to what was tried."""
    accepted = (line.accepted or "", "accepted")
    if line.tried == line.refused:
        return [accepted, (line.tried, "tried")]
    return [accepted, (line.refused or "", "refused"), (line.tried, "tried")]


def _point(x: float, figure: str, word: str, colour: str) -> str:
    fact = word == "accepted"
    mark = drawn.dot(x, _LINE, colour=colour, hollow=not fact)
    below = drawn.words(x, _WORDS, f"{'✓' if fact else '✗'} {word}", colour=colour)
    return mark + drawn.words(x, _FIGURES, figure, bold=True) + below


def _apart(line: FieldLine) -> str:
    return f"{line.step} apart"


def _places(wide: Sequence[float], between: float) -> list[float]:
    """Where the marks stand, so that no two texts touch; to both sides is as much room."""
    beside = _BESIDE + max(wide[0], wide[-1]) / 2
    gaps = (max(between, (one + other) / 2) + 24 for one, other in pairwise(wide))
    return list(accumulate(gaps, initial=beside))
