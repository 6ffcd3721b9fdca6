"""Why not, for a notebook: the sentence, the line of the stream without the events in the way, and those events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import pandas as pd

from funes_lab import formats
from funes_lab.widgets import markup, sentences
from funes_lab.widgets.cards import EventRow
from funes_lab.widgets.explored import drawn
from funes_lab.widgets.explored.drawn import LAYOUT
from funes_lab.widgets.telling import error_row

if TYPE_CHECKING:
    from funes_lab.explore.why import Why

#: So many events are shown in a table; a line with more marks leaves out what lies between.
_EVENTS, _MARKS = 10, 20
#: Pixels from mark to mark, beside a gap more, to the first one, and down to the line.
_STEP, _GAP, _LEFT, _LINE = 34, 12, 20, 16


@dataclass(frozen=True)
class Mark:
    """One mark of the line: `kind` is kept, out, tried or gap; `shown` its version, or how many are left out."""

    kind: str
    shown: str


@dataclass(frozen=True)
class WhyCard:
    """Why not: the sentence, what refused, the events in the way, and the line of the stream."""

    event: str
    idx: str
    sentence: str
    stage: str
    reason: str
    probes: int
    types: Sequence[str]
    marks: Sequence[Mark]
    rows: Sequence[EventRow]
    more: int


def why_card(why: Why) -> WhyCard:
    """What the answer shows."""
    rejection = why.rejection
    frame = pd.DataFrame(why)
    rows = [
        EventRow(
            row["version"], row["event"], row["payload"], row["occurred_at"].to_pydatetime(),
            row["created_at"].to_pydatetime(),
        )
        for row in frame.head(_EVENTS).to_dict("records")
    ]  # fmt: skip
    versions = [version for version, _ in why.seen]
    place = len(versions) if rejection.place is None else 1 + _index(versions, rejection.place)
    return WhyCard(
        event=rejection.event,
        idx=rejection.idx,
        sentence=why.sentence,
        stage=rejection.stage,
        reason=sentences.gist([error_row(error) for error in rejection.errors]),
        probes=why.probes,
        types=list(dict.fromkeys(name for _, name in why.seen)),
        marks=marks_of(versions, set(frame["version"]), place),
        rows=rows,
        more=len(frame) - len(rows),
    )


def _index(versions: Sequence[int], version: int) -> int:
    return versions.index(version) if version in versions else -1


def marks_of(versions: Sequence[int], out: set[int], place: int) -> list[Mark]:
    """The marks of a line: all of a short one; of a long one those that matter, with their neighbours.

    Parameters
    ----------
    versions : sequence of int
        The events in replay order.
    out : set of int
        Those without which the attempt would be accepted.
    place : int
        How many of them come before the attempt.

    Examples
    --------
    >>> [mark.shown for mark in marks_of([1, 2, 3], {2}, 3)]
    ['#1', '#2', '#3', 'tried']
    """
    shown = set(range(len(versions)))
    if len(versions) > _MARKS:
        hits = [n for n, version in enumerate(versions) if version in out][: _MARKS // 2]
        around = {n + step for n in [*hits, place] for step in (-1, 0)} | {n + 1 for n in hits}
        shown &= {0, len(versions) - 1, *around}
    return list(_marks(versions, out, place, shown))


def _marks(versions: Sequence[int], out: set[int], place: int, shown: set[int]) -> Iterator[Mark]:
    gap = 0
    for n, version in enumerate([*versions, None]):
        if n == place:
            yield from _gap(gap)
            gap = 0
            yield Mark("tried", "tried")
        if version is None or n not in shown:
            gap += version is not None
            continue
        yield from _gap(gap)
        gap = 0
        yield Mark("out" if version in out else "kept", f"#{version}")
    yield from _gap(gap)


def _gap(length: int) -> Iterator[Mark]:
    if length:
        yield Mark("gap", f"{length:,} more")


# --- drawn ----------------------------------------------------------------------------------------------------------


def why_html(card: WhyCard) -> str:
    """Write the answer: the sentence, the line of the stream, the events in the way."""
    event, idx = formats.middle(card.event, 60), formats.middle(card.idx, 60)
    reasons = [(card.stage, card.reason)] if card.reason else []
    parts = [markup.note(card.stage, card.sentence, reasons, glyph=card.stage)]
    if card.rows:
        parts += [_line(card), _table(card)]
    tried = f"{formats.count(card.probes, 'past')} tried in memory. " if card.probes else ""
    parts.append(f'<div class="fl-foot">{tried}The log is unchanged.</div>')
    return markup.section(f"Why {event} was refused by {idx}", *parts, layout=LAYOUT)


def _line(card: WhyCard) -> str:
    """The events in replay order: solid those that stay, hollow and dashed those in the way, the attempt too."""
    xs = _places(card.marks)
    parts = drawn.line(xs[0], xs[-1], _LINE)
    for x, mark in zip(xs, card.marks, strict=True):
        parts += _drawn(x, mark, card.stage)
    out = [mark.shown for mark in card.marks if mark.kind == "out"]
    more = len(card.rows) + card.more - len(out)
    said = f"The line of {formats.middle(card.idx, 60)} without {', '.join(out)}"
    said += f" and {formats.count(more, 'more event')}" if more > 0 else ""
    key = markup.line("dashed: left out, so that what was tried would be accepted", "muted")
    return drawn.scrolling("the line of the stream", drawn.drawing(xs[-1] + _LEFT, _LINE + 28, said, parts) + key)


def _places(marks: Sequence[Mark]) -> list[float]:
    """Where the marks stand; what is left out needs more room for its figure."""
    kinds = [mark.kind for mark in marks]
    steps = (_STEP + _GAP * ((one == "gap") + (other == "gap")) for one, other in pairwise(kinds))
    return list(accumulate(steps, initial=_LEFT + _GAP * (kinds[0] == "gap")))


def _drawn(x: float, mark: Mark, stage: str) -> str:
    below = _LINE + 22
    if mark.kind == "gap":
        hidden = f'<rect x="{x - 9:g}" y="{_LINE - 3}" width="18" height="6" fill="var(--fl-surface)"/>'
        return (
            hidden + drawn.words(x, _LINE + 3, "⋯", colour="muted") + drawn.words(x, below, mark.shown, colour="muted")
        )
    if mark.kind == "tried":
        known = stage if stage in markup.ICONS else "muted"
        return drawn.gate(x, _LINE, stage) + drawn.words(x, below, mark.shown, colour=known, bold=True)
    out = mark.kind == "out"
    event = drawn.dot(x, _LINE, colour="ink" if out else "muted", dashed=out)
    return event + drawn.words(x, below, mark.shown, colour="ink" if out else "muted", bold=out)


def _table(card: WhyCard) -> str:
    heads = (("#", "num"), ("event", ""), ("payload", ""), ("occurred_at, UTC", "num"))
    dots = markup.Dots(card.types)
    rows = [_row(row, dots) for row in card.rows]
    if card.more:
        way = f"why.iloc[{len(card.rows)}:]"
        rows.append(markup.more_row(f"{formats.value(card.more)} more", way, before=1, across=3))
    return markup.table("events in the way", heads, rows)


def _row(row: EventRow, dots: markup.Dots) -> str:
    return markup.row(
        markup.cell(formats.value(row.version), "num mono"),
        markup.cell(dots(row.event) + markup.name(row.event), "nw"),
        markup.cell(markup.payload(sentences.beside(row.payload, row.occurred_at)), "say"),
        markup.cell(formats.time(row.occurred_at), "num nw"),
    )
