"""What a reader sees of one stream: its events, what was refused, its projections; ten at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from funes_lab import formats, registry
from funes_lab.current import Workspace
from funes_lab.fold import fields_of
from funes_lab.rejection import Rejection
from funes_lab.rejections import Rejections
from funes_lab.seen import read_event
from funes_lab.store import Row
from funes_lab.widgets import sentences
from funes_lab.widgets.browser.catalogue import called
from funes_lab.widgets.browser.listing import PAGE
from funes_lab.widgets.browser.rows import REPLAYED, Shown
from funes_lab.widgets.cards import EventRow
from funes_lab.widgets.reprs.log import learned
from funes_lab.widgets.telling import error_row

_NAME: Final = 40
_PAYLOAD: Final = 120
_WHY: Final = 160

#: A cell: its text, and where there is any, its class, the colour of its dot, its gate, the whole text.
Cell = dict[str, str]
Panel = dict[str, Any]


def events(lab: Workspace, shown: Shown, page: int, colours: Mapping[str, str], count: int = PAGE) -> Panel:
    """The events of a stream, the last in replay order first.

    Returns
    -------
    dict
        `heads` (title and class), `rows` of cells, `page`, `pages`, `told` (which of how many), and for none `empty`.
    """
    pages = pages_of(shown.events, count)
    page = min(page, pages)
    rows = lab.store.newest(shown.idx, count, (page - 1) * count, lab.unit) if shown.events else []
    heads = [["#", "num"], ["event", ""], ["payload", ""], ["occurred_at, UTC", "num"], ["created_at", "num"]]
    cells = [_event(row, colours) for row in rows]
    return _panel(heads, cells, page, shown.events, count, "No events yet.")


def refused(rejections: Rejections, total: int, page: int, count: int = PAGE) -> Panel:
    """The attempts that were refused, on a stream or on any, the newest first."""
    page = min(page, pages_of(total, count))
    listed = rejections.newest(count, (page - 1) * count)
    heads = [["tried, UTC", ""], ["refused by", ""], ["stream", ""], ["event", ""], ["why", ""]]
    cells = [_attempt(one) for one in listed]
    return _panel(heads, cells, page, total, count, "Nothing was refused.")


def projections(lab: Workspace, shown: Shown) -> Panel:
    """The projections of the class that a stream is shown with, and what they say of it now."""
    among = [projection for _, projection in shown.tiers]
    heads = [["tier", ""], ["projection", ""], ["interprets", ""], ["state now", ""]]
    cells = [
        [
            {"text": tier, "class": "muted nw"},
            {"text": called(one, among), "class": "mono" + (" chosen" if one is shown.projection else "")},
            {"text": _interprets(one._fold.blocks, shown.names), "class": "nw"},
            _state(lab, shown, one),
        ]
        for tier, one in shown.tiers
    ]
    return _panel(heads, cells, 1, len(cells), max(1, len(cells)), "No projection interprets these events.")


def pages_of(total: int, count: int = PAGE) -> int:
    """How many pages there are: one at least."""
    return max(1, -(-total // count))


def span(page: int, shown: int, total: int, count: int = PAGE) -> str:
    """Say which of how many are shown.

    Examples
    --------
    >>> span(2, 10, 2417)
    '11–20 of 2,417'
    """
    if not shown:
        return f"0 of {formats.value(total)}"
    first = (page - 1) * count + 1
    return f"{formats.value(first)}–{formats.value(first + shown - 1)} of {formats.value(total)}"


def _panel(
    heads: Sequence[Sequence[str]], rows: Sequence[Sequence[Cell]], page: int, total: int, count: int, empty: str
) -> Panel:
    return {
        "heads": [list(head) for head in heads],
        "rows": [list(row) for row in rows],
        "page": page,
        "pages": pages_of(total, count),
        "told": span(page, len(rows), total, count),
        "empty": "" if rows else empty,
    }


def _event(row: Row, colours: Mapping[str, str]) -> list[Cell]:
    name, bad = registry.canonical(row.klass), ""
    try:
        event = read_event(row)
        name = event.event_name
        payload = formats.mask({**event.payload(), **event.kept_aside}, event.filter_attributes)
    except Exception as failure:  # noqa: BLE001  (one event that cannot be read must not hide the others)
        payload, bad = {}, f"not readable: {type(failure).__name__}: {failure}"
    shown = sentences.beside(payload, row.occurred_at)
    told = EventRow(row.version, name, shown, row.occurred_at, row.created_at)
    return [
        {"text": formats.value(row.version), "class": "num mono"},
        {"text": formats.middle(name, _NAME), "class": "nw", "dot": colours.get(row.klass, "muted")},
        _cut(bad or formats.pairs(shown, limit=_PAYLOAD), bad or formats.pairs(shown, limit=1_000), _PAYLOAD),
        {"text": formats.time(row.occurred_at), "class": "num nw"},
        {"text": learned(told), "class": "num nw muted"},
    ]


def _attempt(one: Rejection) -> list[Cell]:
    why = sentences.gist([error_row(error) for error in one.errors])
    return [
        {"text": formats.time(one.time, seconds=True), "class": "nw muted"},
        {"text": sentences.stage_word(one.stage), "class": "nw", "gate": one.stage},
        {"text": formats.middle(one.idx, _NAME), "class": "mono"},
        {"text": formats.middle(one.event, _NAME), "class": "nw"},
        _cut(why, why, _WHY),
    ]


def _state(lab: Workspace, shown: Shown, projection: Any) -> Cell:
    if not shown.events:
        return {"text": "no events yet", "class": "muted"}
    if shown.events > REPLAYED:
        return {"text": f"{formats.count(shown.events, 'event')}: Scrub replays them", "class": "muted"}
    try:
        state = shown.stream_class(shown.idx, lab).projected_with(projection)
    except Exception as failure:  # noqa: BLE001  (whatever breaks in a block of the user's is told in its place)
        return {"text": formats.shorten(f"failed: {type(failure).__name__}: {failure}", _WHY), "class": "say"}
    values = formats.mask(fields_of(state), projection._fold.secret)
    return _cut(formats.pairs(values, limit=_PAYLOAD), formats.pairs(values, limit=1_000), _PAYLOAD)


def _interprets(blocks: Mapping[str, object], names: Sequence[str]) -> str:
    known = sum(name in blocks for name in names)
    return f"{formats.value(known)} of {formats.count(len(names), 'event type')}"


def _cut(shown: str, whole: str, limit: int) -> Cell:
    text = formats.shorten(shown, limit)
    return {"text": text, "class": "say", **({"whole": formats.shorten(whole, 1_000)} if text != whole else {})}
