"""The reprs of what is in the log: a stream, and a lab full of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import PurePath

from funes_lab import formats
from funes_lab.widgets import columns, markup, sentences
from funes_lab.widgets.cards import EventRow, LabCard, StreamCard, StreamRow

_IN_MEMORY = ":memory:"
_FIRST_EVENT = "stream exists with its first event:"


def stream_html(card: StreamCard) -> str:
    """Write a stream for a notebook: its first events, how many were left out, its last ones."""
    label = f"Stream {formats.middle(card.idx, 60)}"
    head = markup.head(card.idx, markup.muted(_stream_counts(card)))
    if not card.version:
        return markup.section(label, head, markup.empty(f"The {_FIRST_EVENT}", f"{_variable(card)}.append(event)"))
    heads = (("#", "num"), ("event", ""), ("payload", ""), ("occurred_at, UTC", "num"), ("created_at", "num"))
    dots = markup.Dots(card.types or [row.event for row in (*card.first, *card.last)])
    rows = [_event_row(row, dots) for row in card.first]
    if card.more:
        rows.append(
            markup.more_row(f"{formats.value(card.more)} more", f"{_variable(card)}.events", before=1, across=4)
        )
    rows += [_event_row(row, dots) for row in card.last]
    return markup.section(label, head, markup.table("events", heads, rows))


def stream_text(card: StreamCard) -> str:
    """Write a stream for a terminal: its first events, how many were left out, its last ones."""
    head = columns.sentence(f"{formats.middle(card.idx, 60)}  {_stream_counts(card)}")
    if not card.version:
        return "\n".join([*head, *columns.sentence(f"The {_FIRST_EVENT} {_variable(card)}.append(event)", "  ")])
    rows: list[Sequence[columns.Cell]] = [("#", "event", "payload", "occurred_at, UTC", "created_at")]
    rows += [_event_cells(row) for row in card.first]
    if card.more:
        rows.append(("…", f"{formats.value(card.more)} more: {_variable(card)}.events", "", "", ""))
    rows += [_event_cells(row) for row in card.last]
    return "\n".join([*head, *columns.table(rows, right=(0, 3, 4), indent="  ")])


def lab_html(card: LabCard) -> str:
    """Write a lab for a notebook: what it holds, and its first streams."""
    label = f"Lab {formats.middle(lab_title(card), 60)}"
    head = markup.head(lab_title(card), markup.muted(lab_counts(card)), whole=card.path)
    if way := way_out(card):
        return markup.section(label, head, markup.empty(*way))
    heads = (("stream", ""), ("events", "num"), ("last event", ""))
    times = (("first, UTC", "num"), ("last, UTC", "num"), ("refused", "num"))
    dots = markup.Dots([row.last_event for row in card.rows])
    rows = [_stream_row(row, dots) for row in card.rows]
    if card.more:
        rows.append(markup.more_row(f"{formats.value(card.more)} more", "lab.log.streams()", across=6))
    return markup.section(label, head, markup.table("streams", (*heads, *times), rows))


def lab_text(card: LabCard) -> str:
    """Write a lab for a terminal: what it holds, and its first streams."""
    head = columns.sentence(f"{formats.middle(lab_title(card), 60)}  {lab_counts(card)}")
    if way := way_out(card):
        return "\n".join([*head, *columns.sentence(" ".join(way), "  ")])
    rows: list[Sequence[columns.Cell] | str] = [
        ("stream", "events", "last event", "first, UTC", "last, UTC", "refused")
    ]
    rows += [_stream_cells(row) for row in card.rows]
    if card.more:
        rows.append(f"… {formats.value(card.more)} more: lab.log.streams()")
    return "\n".join([*head, *columns.table(rows, right=(1, 3, 4, 5), indent="  ")])


def learned(row: EventRow) -> str:
    """Tell when the log learned of an event, beside when it happened.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> at = datetime(2026, 10, 10, 9, tzinfo=UTC)
    >>> learned(EventRow(1, "Debt::Issued", {}, at, at + timedelta(milliseconds=38)))
    '38 ms later'
    """
    if row.created_at is None or row.occurred_at is None:
        return formats.time(row.created_at)
    lag = row.created_at - row.occurred_at
    if not lag:
        return "same"
    if abs(lag) >= timedelta(minutes=1):
        return formats.time(row.created_at)
    # to the minute the two would read alike
    return f"{formats.roughly(abs(lag))} {'later' if lag > timedelta(0) else 'earlier'}"


def _variable(card: StreamCard) -> str:
    return formats.middle(card.variable, 12)


def _stream_counts(card: StreamCard) -> str:
    told = [formats.middle(card.stream_class, 40)]
    told.append(f"version {formats.value(card.version)}" if card.version else "no events yet")
    if card.refused:
        told.append(formats.count(card.refused, "refused attempt"))
    return ", ".join(told)


def _event_row(row: EventRow, dots: markup.Dots) -> str:
    return markup.row(
        markup.cell(formats.value(row.version), "num mono"),
        markup.cell(dots(row.event) + markup.name(row.event), "nw"),
        markup.cell(markup.payload(sentences.beside(row.payload, row.occurred_at)), "say"),
        markup.cell(formats.time(row.occurred_at), "num nw"),
        markup.cell(learned(row), "num nw muted"),
    )


def _event_cells(row: EventRow) -> Sequence[columns.Cell]:
    version = formats.value(row.version)
    payload = partial(_two_lines, sentences.beside(row.payload, row.occurred_at))
    return (version, formats.middle(row.event, 28), payload, formats.time(row.occurred_at), learned(row))


def _two_lines(payload: Mapping[str, object], room: int) -> list[str]:
    # a field's name may leave half a line empty
    return columns.wrap(formats.pairs(payload, limit=max(room, 2 * room - 16)), room)


def lab_title(card: LabCard) -> str:
    """Name a lab: by its file, without the folders."""
    return "in memory" if card.path == _IN_MEMORY else PurePath(card.path).name or card.path


def lab_counts(card: LabCard) -> str:
    """Say what a lab holds."""
    if card.closed or card.fault:
        return "closed" if card.closed else "cannot be read"
    told = ["no events yet"]
    if card.events:
        told = [formats.count(card.streams, "stream"), formats.count(card.events, "event")]
    if card.refused:
        told.append(f"{formats.value(card.refused)} refused")
    if card.read_only:
        told.append("read only")
    return ", ".join(told)


def way_out(card: LabCard) -> tuple[str, str] | None:
    """Say what to do where there is nothing to show: a sentence and a line of code."""
    if card.fault:
        return formats.shorten(card.fault, 300), ""
    if card.closed and card.path == _IN_MEMORY:
        return "Its log went with it; open a new one:", "lab = fl.Lab()"
    if card.closed:
        return "The log is in the file; open it again:", f'lab = fl.Lab("{formats.middle(card.path, 60)}")'
    if card.events:
        return None
    if card.read_only:
        return "A lab that is read only takes no events; open it for writing:", "fl.Lab(path)"
    return f"A {_FIRST_EVENT}", 'MyEventStream.for_("my-1").append(event)'


def _stream_row(row: StreamRow, dots: markup.Dots) -> str:
    return markup.row(
        markup.cell(markup.name(row.idx), "mono"),
        markup.cell(formats.value(row.events), "num"),
        markup.cell(dots(row.last_event) + markup.name(row.last_event), "nw"),
        markup.cell(formats.time(row.first_at), "num nw muted"),
        markup.cell(formats.time(row.last_at), "num nw muted"),
        markup.cell(_refused(row), "num"),
    )


def _stream_cells(row: StreamRow) -> Sequence[columns.Cell]:
    def idx(room: int) -> list[str]:
        return [formats.middle(row.idx, room)]

    times = (formats.time(row.first_at), formats.time(row.last_at))
    return (idx, formats.value(row.events), formats.middle(row.last_event, 28), *times, _refused(row))


def _refused(row: StreamRow) -> str:
    return formats.value(row.refused or None)
