"""All that the page gets: what the table shows now, or, where nobody runs anything, as many streams as fit."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from funes_lab import formats
from funes_lab.widgets.browser import panels
from funes_lab.widgets.browser.listing import PAGE, Listing, ranks
from funes_lab.widgets.browser.panels import Panel
from funes_lab.widgets.browser.picture import drawn
from funes_lab.widgets.browser.rows import Shown, Teller, colour, whole_actions
from funes_lab.widgets.reprs.log import lab_counts, lab_title, way_out
from funes_lab.widgets.telling import lab_card_of
from funes_lab.widgets.twin import LARGEST, Static

if TYPE_CHECKING:
    from funes_lab.lab import Lab

TABS: Final = {"streams": "Streams", "events": "Events", "refused": "Refused", "projections": "Projections"}
#: Streams, events and attempts that a page without a kernel holds at most; figures below a thousand need no comma.
_MOST, _PANEL = 999, 50
#: So many streams fit in any case.
_SURELY: Final = 100
#: What a page needs beside its rows, its picture and its script.
_SPARE: Final = 4_000


@dataclass(frozen=True)
class View:
    """What a browser shows: the streams, what is told of those on the page, and what its reader has chosen."""

    lab: Lab
    listing: Listing
    teller: Teller
    rows: Sequence[Mapping[str, Any]]
    search: str
    order: str
    page: int
    tab: str
    turned: int
    selected: str
    shown: Callable[[], Shown | None]
    standing: Mapping[str, Any]


def live(view: View) -> dict[str, Any]:
    """What the page gets where a kernel answers: the page of streams, and the tab that is turned to."""
    listing = view.listing
    start = (view.page - 1) * PAGE
    told = panels.span(view.page, len(view.rows), len(listing))
    return {
        **_common(view),
        **_dated(view.rows, listing.first(PAGE, start)),
        "kernel": True,
        "page": view.page,
        "pages": listing.pages,
        "told": told,
        "say": _say(view),
        "panel": {} if view.tab == "streams" else panel(view, view.tab, PAGE),
        "opened": dict(view.standing),
    }


def static(view: View, esm: str, css: str, *, held: int | None) -> Static:
    """The picture, and a page that can be searched, ordered and turned over the streams that it holds."""
    label_now, now = label(view), live(view)
    svg = drawn(now, label_now)
    fixed = Static(svg, label_now, esm=esm, css=css).html
    room = LARGEST - _SPARE - len(fixed)
    state = _held(view, _MOST if held is None else held, room)
    return Static(svg, label_now, esm=esm, css=css, state={"data": state, "fault": ""})


def label(view: View) -> str:
    """Say what the picture shows.

    Returns
    -------
    str
    """
    card = lab_card_of(view.lab, view.listing.whole)
    told = f"Lab {formats.middle(lab_title(card), 60)}: {lab_counts(card)}"
    if not len(view.listing.whole):
        return f"{told}."
    found = panels.span(view.page, len(view.rows), len(view.listing))
    found += f" that match {formats.shorten(view.search, 40)}" if view.search else ""
    selected = f" Selected: {_say(view).replace(':', ',', 1)}" if view.selected else ""
    return f"{told}. {found}.{selected}"


def panel(view: View, tab: str, count: int) -> Panel:
    """A tab: of the selected stream, or of the whole lab, as far as there is one."""
    shown, page = view.shown(), view.turned if count == PAGE else 1
    if tab == "refused":
        if shown is None:
            return panels.refused(view.lab.rejections, view.listing.total("refused"), page, count)
        rejections = shown.stream_class.for_(shown.idx, view.lab).rejections
        return panels.refused(rejections, shown.refused, page, count)
    if shown is None:
        return {"heads": [], "rows": [], "page": 1, "pages": 1, "told": "", "empty": "Select a stream first."}
    if tab == "projections":
        return panels.projections(view.lab, shown)
    types = list(dict.fromkeys([*view.listing.types(), *shown.names]))
    return panels.events(view.lab, shown, page, {name: colour(n + 1) for n, name in enumerate(types)}, count)


def _common(view: View) -> dict[str, Any]:
    card = lab_card_of(view.lab, view.listing.whole)
    none = not len(view.listing.whole)
    total = formats.count(len(view.listing.whole), "stream")
    return {
        "title": formats.middle(lab_title(card), 60),
        "path": view.lab.path,
        "counts": lab_counts(card),
        "label": f"Lab {formats.middle(lab_title(card), 60)}",
        "empty": list(way_out(card) or ()) if none else [],
        "nothing": f"No stream matches “{formats.shorten(view.search, 40)}”.",
        "placeholder": f"/ search {total}",
        "tabs": [[name, title] for name, title in TABS.items()],
        "search": view.search,
        "order": view.order,
        "tab": view.tab,
        "selected": view.selected,
        "actions": whole_actions(view.listing.total("events"), view.listing.total("refused")),
        "left_out": "",
        "size": PAGE,
    }


def _held(view: View, most: int, room: int) -> dict[str, Any]:
    """What a page without a kernel holds."""
    listing = view.listing
    here = (view.page - 1) * PAGE
    # from the first stream on, unless the page that is shown would not be among those that surely fit
    start = 0 if here + PAGE <= min(most, _SURELY) else max(0, min(here, len(listing) - most)) // PAGE * PAGE
    streams = listing.first(most, start)
    known = {row["idx"]: row for row in view.rows}
    beside = view.teller.tell([one for one in streams if one["idx"] not in known], listing.types())
    known |= {row["idx"]: row for row in beside}
    base = {**_common(view), "kernel": False, "opened": {}, "say": _say(view), "actions": []}
    base["panels"] = {tab: panel(view, tab, _PANEL) for tab in TABS if tab != "streams"}
    base["of"] = view.selected
    room -= _weight(base)
    kept: list[dict[str, Any]] = []
    for one in streams:
        row = _lean(known[one["idx"]], one)
        room -= _weight(row) + 60  # its places in the orders
        if room < 0 and len(kept) >= PAGE:
            break
        kept.append(row)
    held = streams[: len(kept)]
    dated = _dated(kept, held)
    places = ranks(held)
    left = len(listing) - len(held)
    if left:
        span = f"{formats.value(start + 1)}–{formats.value(start + len(held))}"
        base["left_out"] = (
            f"This page holds the streams {span} of {formats.value(len(listing))}; "
            f"{formats.value(left)} are left out, they are there where the notebook runs."
        )
    return {**base, **dated, "ranks": places, "page": here // PAGE - start // PAGE + 1, "pages": 0, "told": ""}


def _lean(row: Mapping[str, Any], stream: Mapping[str, Any]) -> dict[str, Any]:
    """A row without what only a kernel can do."""
    left = {name: v for name, v in row.items() if name not in ("actions", "projections", "projection")}
    last = stream["last_event"] or ""
    return {
        **left,
        "classes": row["classes"][row["cls"] : row["cls"] + 1],
        "cls": 0,
        "seek": f"{row['idx']} {last}".lower(),
    }


def _dated(rows: Sequence[Mapping[str, Any]], streams: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The rows with the time of their last event; its year stands in the head where all of them share it."""
    moments = [one["last_at"] for one in streams]
    years = {formats.day(moment)[-4:] for moment in moments if moment is not None}
    shared = len(years) == 1
    at = [
        formats.NONE if moment is None else f"{formats.day(moment, year=not shared)} {formats.time(moment)[-5:]}"
        for moment in moments
    ]
    columns = [
        ["idx", "stream", ""], ["", "shown as", "wide"], ["events", "events", "num"], ["", "state, refused below", ""],
        ["", "now", "num"], ["last_event", "last event", ""],
        ["last_at", f"last {years.pop()}, UTC" if shared else "last, UTC", "num"], ["refused", "refused", ""],
    ]  # fmt: skip
    return {"columns": columns, "rows": [{**row, "at": when} for row, when in zip(rows, at, strict=True)]}


def _say(view: View) -> str:
    """The sentence of the selected stream."""
    if not view.selected:
        return ""
    row = next((row for row in view.rows if row["idx"] == view.selected), None)
    return f"{formats.middle(view.selected, 60)} is selected." if row is None else str(row["say"])


def _weight(values: object) -> int:
    """How many characters values take in a script."""
    text = json.dumps(values, ensure_ascii=True, separators=(",", ":"))
    return len(text) + 5 * sum(text.count(letter) for letter in "<>&")
