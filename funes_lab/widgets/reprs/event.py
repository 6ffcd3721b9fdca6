"""The reprs of one event: its fields, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from funes_lab import formats
from funes_lab.widgets import columns, markup, sentences
from funes_lab.widgets.cards import EventCard
from funes_lab.widgets.reprs.log import learned
from funes_lab.widgets.reprs.rejection import reason_lines


def event_html(card: EventCard) -> str:
    """Write an event for a notebook: what became of it, why it was refused, its fields, its times."""
    parts = [markup.head(card.row.event, *_status_html(card))]
    if card.errors:
        tone = sentences.weightiest(card.errors)
        parts.append(markup.note(tone, _headline(card), sentences.error_reasons(card.errors, tone)))
    groups = _groups(card)
    if groups:
        rows = (
            (markup.caption_row(title, across=2) if title else "") + markup.fields(mapping, way)
            for title, mapping, way in groups
        )
        parts.append(markup.table("fields", (), rows))
    else:
        parts.append('<div class="fl-pad muted">no fields</div>')
    if times := _times(card):
        parts.append(f'<div class="fl-foot">{markup.text(times)}</div>')
    return markup.section(f"Event {formats.middle(card.row.event, 60)}, {_status(card)}", *parts)


def event_text(card: EventCard) -> str:
    """Write an event for a terminal: what became of it, why it was refused, its fields, its times."""
    glyph = "✓ " if card.status == "accepted" else ""
    lines = columns.sentence(f"{formats.middle(card.row.event, 60)}  {glyph}{_status(card)}")
    if card.errors:
        tone = sentences.weightiest(card.errors)
        lines += columns.sentence(f"✗ {_headline(card)}", "  ", "    ")
        lines += reason_lines(sentences.error_reasons(card.errors, tone))
    for title, mapping, way in _groups(card):
        lines += [f"  {title}"] if title else []
        lines += columns.fields(list(mapping.items()), "    " if title else "  ", way)
    if times := _times(card):
        lines += columns.sentence(times, "  ")
    return "\n".join(lines)


def _groups(card: EventCard) -> list[tuple[str, Mapping[str, object], str]]:
    groups = (
        ("", card.row.payload, "event.payload()"),
        ("kept aside: the class has no such field", card.kept_aside, "event.kept_aside"),
        ("meta_info", card.meta_info, "event.meta_info"),
    )
    return [(title, mapping, way) for title, mapping, way in groups if mapping]


def _status(card: EventCard) -> str:
    """Say what became of the event."""
    stream = formats.middle(card.stream, 60) if card.stream else ""
    if card.status == "accepted":
        version = f"version {formats.value(card.row.version)}" if card.row.version else "in the log"
        return f"{version} of {stream}" if stream and card.row.version else version
    if card.status == "refused":
        return f"nothing was written to {stream}" if stream else "refused, not in the log"
    return "not appended yet"


def _status_html(card: EventCard) -> Iterator[str]:
    if card.status == "accepted":
        yield markup.verdict("accepted", "accepted", _status(card))
    else:
        yield markup.muted(_status(card))


def _headline(card: EventCard) -> str:
    if card.status != "refused":
        return sentences.refused(card.errors, "Would be refused")
    denied = sentences.weightiest(card.errors) == "conflict"
    return sentences.refused(card.errors, "Denied" if denied else "Refused")


def _times(card: EventCard) -> str:
    row = card.row
    if row.occurred_at is None and row.created_at is None:
        return ""
    happened = f"{formats.time(row.occurred_at, seconds=True)} UTC"
    if row.occurred_at is None or row.created_at is None:
        return f"happened {happened}" if row.created_at is None else f"recorded {learned(row)} UTC"
    if row.occurred_at == row.created_at:
        return f"happened and recorded {happened}"
    return f"happened {happened}, recorded {learned(row)}"
