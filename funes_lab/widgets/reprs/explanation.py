"""The reprs of an explanation: one page about one event."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice

from funes_lab import formats
from funes_lab.widgets import columns, markup, sentences
from funes_lab.widgets.cards import AroundRow, ChangedCard, EventRow, ExplanationCard, LinkRow, StateLine

_CAPTIONS = ("What happened", "When, and in what context", "What led to it, and where it led")
_CHANGED, _REFUSED = "What it changed", "Refused around it"
_LEFT = ' style="text-align:left"'
_LINKS, _ATTEMPTS, _NAME = 5, 8, 60
_TONES = {"changed": "chg", "added": "accepted", "removed": "state"}
_LAYOUT = """
.fl-repr .fl-part { padding: var(--fl-s3) var(--fl-s3) 0; border-top: 1px solid var(--fl-line); }
.fl-repr .fl-part > div { padding-bottom: var(--fl-s3); }
"""
_NO_PROJECTION = "The class of the stream has no projection; to look at others:"
_NONE_REFUSED = "Nothing was refused around it."


def explanation_html(card: ExplanationCard) -> str:
    """Write an explanation for a notebook: what, when, why; then what it changed, and what was refused around it."""
    event = card.parts[0].event
    head = markup.head(event, markup.verdict("accepted", "accepted", _verdict(card)))
    bodies = (_happened_html(card), _context_html(card), _led_html(card))
    parts = [head, markup.panels(zip(_CAPTIONS, bodies, strict=True)), _changed_html(card), _refused_html(card)]
    foot = f'<div class="fl-foot">as DataFrames: {markup.code(_frames(card))}</div>'
    return markup.section(f"{formats.middle(event, _NAME)}, {_verdict(card)}, explained", *parts, foot, layout=_LAYOUT)


def explanation_text(card: ExplanationCard) -> str:
    """Write an explanation for a terminal: what, when, why; then what it changed, and what was refused around it."""
    lines = columns.sentence(f"{formats.middle(card.parts[0].event, _NAME)}  ✓ {_verdict(card)}")
    happened = [line for title, fields in _payloads(card) for line in _titled(title, fields)]
    when = [line for told in _when(card) for line in columns.sentence(told, "   ", "     ")]
    context = columns.fields(list(card.meta_info.items()), "   ", f"{_way(card)}.meta_info")
    led = [line for told in _led(card) for line in columns.sentence(told, "   ", "     ")]
    bodies = (happened or ["   no fields"], [*when, *context], led, _changed_text(card), _refused_text(card))
    for n, (caption, body) in enumerate(zip((*_CAPTIONS, _CHANGED, _REFUSED), bodies, strict=True), start=1):
        lines += ["", f"{n}  {caption}", *body]
    return "\n".join(lines)


def _verdict(card: ExplanationCard) -> str:
    return f"version {formats.value(card.parts[0].version)} of {formats.middle(card.idx, _NAME)}"


def _way(card: ExplanationCard) -> str:
    return f"stream.explain({formats.plain_number(card.parts[0].version)})"


def _frames(card: ExplanationCard) -> str:
    return f"{_way(card)}.changes, .refused, .causes, .effects, .correlated"


# --- what happened, and when ------------------------------------------------------------------------------------------


def _payloads(card: ExplanationCard) -> list[tuple[str, Sequence[tuple[str, object]]]]:
    """The fields of each part; with a title where an upcaster made several."""
    several = len(card.parts) > 1
    return [
        (part.event if several else "", list(sentences.beside(part.payload, part.occurred_at).items()))
        for part in card.parts[:_LINKS]
    ]


def _titled(title: str, fields: Sequence[tuple[str, object]]) -> list[str]:
    listed = columns.fields(fields, "   ", "explained.event.payload()")
    return [f"   {formats.middle(title, _NAME)}", *listed] if title else listed


def _happened_html(card: ExplanationCard) -> list[str]:
    lines = []
    for title, fields in _payloads(card):
        lines += [markup.line(markup.name(title, _NAME))] if title else []
        lines += _fields_html(fields)
    return lines or [markup.line("no fields", "muted")]


def _fields_html(fields: Sequence[tuple[str, object]]) -> list[str]:
    lines = [markup.line(f"{markup.name(name)} {markup.value(v)}", "mono") for name, v in fields[: formats.FIELDS]]
    more = len(fields) - formats.FIELDS
    return [*lines, markup.line(f"… {formats.count(more, 'more field')}", "muted")] if more > 0 else lines


def _when(card: ExplanationCard) -> Iterator[str]:
    row: EventRow = card.parts[0]
    assert row.occurred_at is not None
    assert row.created_at is not None
    late = row.created_at - row.occurred_at
    if not late:
        yield f"happened and recorded {formats.long_time(row.created_at)}"
    else:
        yield f"happened {formats.long_time(row.occurred_at)}"
        side = "later" if late.total_seconds() > 0 else "before it happened"
        yield f"recorded {formats.long_time(row.created_at)}, {formats.roughly(late)} {side}"
    if card.place is not None:
        before = f"right after #{formats.value(card.place)}" if card.place else "before all others"
        yield f"backdated: in the order of what happened it came {before}"
    if not card.meta_info:
        yield "no metainformation was bound"


def _context_html(card: ExplanationCard) -> list[str]:
    return [*(markup.line(markup.text(told)) for told in _when(card)), *_fields_html(list(card.meta_info.items()))]


# --- what led to it, and where it led -------------------------------------------------------------------------------


def _led(card: ExplanationCard) -> Iterator[str]:
    if not card.cause:
        yield "no cause was given"
    elif not card.causes:
        yield f"caused by {formats.middle(card.cause, _NAME)}, which is no event of this log"
    for n, link in enumerate(card.causes[:_LINKS]):
        yield f"{'that was ' if n else ''}caused by {_told(link)}"
    if len(card.causes) > _LINKS:
        yield f"… {formats.count(len(card.causes) - _LINKS, 'more cause')}: {_way(card)}.causes"
    for link in card.effects[:_LINKS]:
        yield f"led to {_told(link)}"
    if len(card.effects) > _LINKS:
        yield f"… {formats.value(len(card.effects) - _LINKS)} more: {_way(card)}.effects"
    if not card.effects:
        yield "no event says that this one caused it"
    if card.correlation:
        shared = f", shared by {formats.count(card.shared, 'event')}" if card.shared > 1 else ""
        yield f"correlation {formats.middle(card.correlation, _NAME)}{shared}"


def _told(link: LinkRow) -> str:
    return f"{formats.middle(link.id, _NAME)} {formats.middle(link.event, _NAME)}"


def _led_html(card: ExplanationCard) -> list[str]:
    return [markup.line(markup.text(told)) for told in _led(card)]


# --- what it changed ------------------------------------------------------------------------------------------------


def _part(n: int, caption: str, *lines: str) -> str:
    """Write a caption across the whole width, and the lines under it; a table that follows belongs to it."""
    return f'<div class="fl-part"><b class="fl-cap">{n} &nbsp;{caption}</b>{"".join(lines)}</div>'


def _changed_html(card: ExplanationCard) -> str:
    if not card.changed:
        way = markup.line(f"{markup.muted(_NO_PROJECTION)} {markup.code(_more_way(card))}")
        return _part(4, _CHANGED, way)
    heads = (("projection", ""), ("field", ""), ("before → after", ""))
    rows = [row for changed in card.changed for row in _changed_rows(changed, card)]
    return _part(4, _CHANGED) + markup.table(_CHANGED, heads, rows)


def _more_way(card: ExplanationCard) -> str:
    return f"{_way(card)[:-1]}, projections=[…])"


def _tiers(changed: ChangedCard) -> str:
    return formats.middle(", ".join(changed.tiers), _NAME)


def _said(changed: ChangedCard) -> str:
    return formats.shorten(changed.said, sentences.MESSAGE)


def _changed_rows(changed: ChangedCard, card: ExplanationCard) -> Iterator[str]:
    tiers = f" {markup.muted(_tiers(changed))}" if changed.tiers else ""
    whose = markup.cell(f"{markup.name(changed.projection, _NAME)}{tiers}")
    if changed.said:
        yield markup.row(whose, f'<td colspan="2" class="muted"{_LEFT}>{markup.text(_said(changed))}</td>')
    for n, line in enumerate(changed.lines[: formats.FIELDS]):
        yield markup.row(markup.cell("") if n else whose, *_line_cells(line))
    if (more := len(changed.lines) - formats.FIELDS) > 0:
        yield markup.more_row(formats.count(more, "more field"), f"{_way(card)}.changes", before=1, across=2)


def _line_cells(line: StateLine) -> tuple[str, str]:
    mark = f'<span class="{_TONES[line.mark]}" role="img" aria-label="{line.mark}">{sentences.MARKS[line.mark]}</span>'
    before = formats.NONE if line.mark == "added" else markup.value(line.before)
    after = "gone" if line.mark == "removed" else markup.value(line.after)
    moved = f'{before} → <b class="now">{after}</b>'
    return markup.cell(f"{mark} {markup.name(line.name)}", "mono"), markup.cell(moved, "say")


def _changed_text(card: ExplanationCard) -> list[str]:
    if not card.changed:
        return columns.sentence(f"{_NO_PROJECTION} {_more_way(card)}", "   ")
    lines: list[str] = []
    for changed in card.changed:
        tiers = f" ({_tiers(changed)})" if changed.tiers else ""
        lines += columns.sentence(f"{formats.middle(changed.projection, _NAME)}{tiers}", "   ")
        lines += columns.sentence(_said(changed), "     ") if changed.said else _lines_text(changed.lines)
    return lines


def _lines_text(listed: Sequence[StateLine]) -> list[str]:
    def moved(line: StateLine) -> columns.Cell:
        def told(room: int) -> list[str]:
            before = formats.NONE if line.mark == "added" else formats.value(line.before, limit=room)
            after = "gone" if line.mark == "removed" else formats.value(line.after, limit=room)
            return columns.wrap(f"{before} → {after}", room)

        return told

    rows: list[Sequence[columns.Cell] | str] = [
        (sentences.MARKS[line.mark], formats.middle(line.name, 40), moved(line)) for line in listed[: formats.FIELDS]
    ]
    if (more := len(listed) - formats.FIELDS) > 0:
        rows.append(f"… {formats.count(more, 'more field')}")
    return columns.table(rows, indent="     ")


# --- what was refused around it -------------------------------------------------------------------------------------


def _refused_html(card: ExplanationCard) -> str:
    if not card.refused:
        return _part(5, _REFUSED, markup.line(_NONE_REFUSED, "muted"))
    heads = (("when", ""), ("tried, UTC", ""), ("refused by", ""), ("event", ""), ("why", ""))
    rows = [_refused_row(row) for row in card.refused[:_ATTEMPTS]]
    if (more := len(card.refused) - _ATTEMPTS) > 0:
        rows.append(markup.more_row(f"{formats.value(more)} more", f"{_way(card)}.refused", across=5))
    return _part(5, _REFUSED) + markup.table(_REFUSED, heads, rows)


def _refused_row(row: AroundRow) -> str:
    tried = row.attempt
    return markup.row(
        markup.cell(markup.name(row.around, 12), "nw"),
        markup.cell(formats.time(tried.time, seconds=True), "nw muted"),
        markup.cell(markup.stage(tried.stage)),
        markup.cell(markup.name(tried.event), "nw"),
        markup.cell(markup.cut(formats.shorten(tried.message, 160), tried.message), "say"),
    )


def _refused_text(card: ExplanationCard) -> list[str]:
    if not card.refused:
        return [f"   {_NONE_REFUSED}"]
    rows: list[Sequence[columns.Cell] | str] = [("when", "tried, UTC", "refused by", "event", "why")]
    rows += [_refused_cells(row) for row in islice(card.refused, _ATTEMPTS)]
    if (more := len(card.refused) - _ATTEMPTS) > 0:
        rows.append(f"… {formats.value(more)} more: {_way(card)}.refused")
    return columns.table(rows, indent="   ")


def _refused_cells(row: AroundRow) -> Sequence[columns.Cell]:
    tried = row.attempt
    gate = f"{sentences.stage_glyph(tried.stage)} {sentences.stage_word(tried.stage)}".strip()
    why = partial(_wrapped, tried.message)
    return (
        formats.middle(row.around, 12),
        formats.time(tried.time, seconds=True),
        gate,
        formats.middle(tried.event, 22),
        why,
    )


def _wrapped(message: str, room: int) -> list[str]:
    return columns.wrap(formats.shorten(message, 3 * room), room)
