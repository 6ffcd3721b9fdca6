"""The reprs of what is not in the log: errors, one refused attempt, a list of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import islice

from funes_lab import formats
from funes_lab.widgets import columns, markup, sentences
from funes_lab.widgets.cards import (
    ErrorRow,
    ErrorsCard,
    RejectionCard,
    RejectionRow,
    RejectionsCard,
    StateLine,
)

_RANK = {mark: n for n, mark in enumerate(sentences.MARKS)}
_TONES = {"changed": "chg", "added": "accepted", "removed": "state", "same": "muted", "offending": "state"}
_CAPTIONS = ("What was tried", "What it was judged on", "Where it would have led")
_OUTSIDE = "outside the log; nothing here changed a stream"
_NONE_YET = ("What a gate refuses is kept here, outside the log:", "stream.append(event)")


def errors_html(card: ErrorsCard) -> str:
    """Write errors for a notebook: who refused, what, why, and whose rule it is."""
    if not card.rows:
        return markup.section("Errors", '<div class="fl-pad muted">no errors</div>')
    note = markup.note(sentences.weightiest(card.rows), sentences.errors_headline(card.rows, card.where))
    heads = (("refused by", ""), ("field", ""), ("why", ""), ("rule of", ""))
    rows = [_error_row(row) for row in card.rows[: formats.FIELDS]]
    if more := len(card.rows) - len(rows):
        rows.append(markup.more_row(formats.count(more, "more error"), "list(event.errors)", across=4))
    return markup.section("Errors of the refused event", note, markup.table("errors", heads, rows))


def errors_text(card: ErrorsCard) -> str:
    """Write errors for a terminal: who refused, what, why, and whose rule it is."""
    if not card.rows:
        return "no errors"
    head = columns.sentence(f"✗ {sentences.errors_headline(card.rows, card.where)}")
    rows: list[Sequence[columns.Cell] | str] = [("refused by", "field", "why", "rule of")]
    rows += [_error_cells(row) for row in card.rows[: formats.FIELDS]]
    if (more := len(card.rows) - formats.FIELDS) > 0:
        rows.append(f"… {formats.count(more, 'more error')}: list(event.errors)")
    return "\n".join([*head, *columns.table(rows, indent="  ")])


def rejection_html(card: RejectionCard) -> str:
    """Write a refused attempt for a notebook: why; then tried, judged on, would have led."""
    note = markup.note(card.stage, sentences.headline(card), sentences.reasons(card))
    bodies = (_tried_html(card), _judged_html(card), _led_html(card))
    event, idx = formats.middle(card.event, 60), formats.middle(card.idx, 60)
    label = f"Why {event} was {'denied' if card.stage == 'conflict' else 'refused'} by {idx}"
    return markup.section(label, note, markup.panels(zip(_CAPTIONS, bodies, strict=True)))


def rejection_text(card: RejectionCard) -> str:
    """Write a refused attempt for a terminal: why; then tried, judged on, would have led."""
    lines = columns.sentence(f"✗ {sentences.headline(card)}", hang="  ")
    lines += reason_lines(sentences.reasons(card))
    bodies = (_tried_lines(card), _judged_lines(card), _led_lines(card))
    for n, (caption, body) in enumerate(zip(_CAPTIONS, bodies, strict=True), start=1):
        lines += ["", f"{n}  {caption}", *body]
    return "\n".join(lines)


def rejections_html(card: RejectionsCard) -> str:
    """Write refused attempts for a notebook, one a row."""
    counts = markup.muted(_attempts(card))
    if not card.rows:
        head = markup.head("Refused attempts", counts, named=False)
        return markup.section("Refused attempts", head, markup.empty(*_NONE_YET))
    outside = f'<div class="muted wide">{_OUTSIDE}</div>'
    head = markup.head("Refused attempts", counts, outside, named=False)
    heads = (("tried, UTC", ""), ("refused by", ""), ("stream", ""), ("event", ""), ("why", ""))
    rows = [_attempt_row(row) for row in card.rows]
    if card.more:
        rows.append(markup.more_row(f"{formats.value(card.more)} more", "lab.rejections.df()", across=5))
    return markup.section("Refused attempts", head, markup.table("refused attempts", heads, rows))


def rejections_text(card: RejectionsCard) -> str:
    """Write refused attempts for a terminal, one a row."""
    head = columns.sentence(f"Refused attempts  {_attempts(card)}")
    if not card.rows:
        return "\n".join([*head, *columns.sentence(" ".join(_NONE_YET), "  ")])
    rows: list[Sequence[columns.Cell] | str] = [("tried, UTC", "refused by", "stream", "event", "why")]
    rows += [_attempt_cells(row) for row in card.rows]
    if card.more:
        rows.append(f"… {formats.value(card.more)} more: lab.rejections.df()")
    return "\n".join([*head, *columns.table(rows, indent="  ")])


def reason_lines(reasons: Iterable[tuple[str, str]]) -> list[str]:
    """Align gate and rule of each error for a terminal."""
    listed = list(reasons)
    rows: list[Sequence[columns.Cell] | str] = [
        (_gate(stage), partial(columns.wrap, told)) for stage, told in listed[: formats.FIELDS]
    ]
    if (more := len(listed) - formats.FIELDS) > 0:
        rows.append(f"… {formats.count(more, 'more error')}")
    return columns.table(rows, indent="  ")


# --- errors ------------------------------------------------------------------------------------------------


def _error_row(row: ErrorRow) -> str:
    why = sentences.why(row)
    name = markup.name(row.attribute, 60, "mono") if sentences.field(row) else markup.muted(sentences.whole(row))
    return markup.row(
        markup.cell(markup.stage(row.source)),
        markup.cell(name, "nw"),
        markup.cell(markup.cut(why, why if len(row.message) <= sentences.MESSAGE else row.message), "say"),
        markup.cell(markup.name(row.rule or formats.NONE, 40), "mono"),
    )


def _error_cells(row: ErrorRow) -> Sequence[columns.Cell]:
    name = formats.middle(sentences.field(row) or sentences.whole(row), 24)
    rule = formats.middle(row.rule or formats.NONE, 24)
    return (_gate(row.source), name, partial(columns.wrap, sentences.why(row)), rule)


def _gate(stage: str) -> str:
    return f"{sentences.stage_glyph(stage)} {sentences.stage_word(stage)}".strip()


# --- one attempt -------------------------------------------------------------------------------------------


def _attempt(card: RejectionCard) -> str:
    version = f" as version {formats.value(card.tried_version)}" if card.tried_version else ""
    return f"{formats.middle(card.event, 60)}{version}"


def _target(card: RejectionCard) -> str:
    return f"{formats.middle(card.idx, 60)}, {formats.middle(card.stream_class, 60)}"


def _moments(card: RejectionCard) -> list[str]:
    tried = formats.long_time(card.time)
    if card.at is None or formats.long_time(card.at) == tried:
        return [tried]
    return [f"happened {formats.long_time(card.at)}", f"tried {tried}"]


def _tried_fields(card: RejectionCard) -> list[tuple[str, object]]:
    return list(sentences.beside(card.payload, card.at).items())


def _tried_html(card: RejectionCard) -> list[str]:
    said = [markup.line(markup.text(told), "muted") for told in (_target(card), *_moments(card))]
    return [markup.line(markup.text(_attempt(card))), *_fields_html(_tried_fields(card)), *said]


def _tried_lines(card: RejectionCard) -> list[str]:
    payload = columns.fields(_tried_fields(card), "   ")
    said = [line for told in (_target(card), *_moments(card)) for line in columns.sentence(told, "   ")]
    return [*columns.sentence(_attempt(card), "   "), *payload, *said]


def _judged_html(card: RejectionCard) -> list[str]:
    said = [markup.line(markup.unbroken(told)) for told in sentences.judged_on(card)]
    return [*said, *_fields_html(card.before)]


def _judged_lines(card: RejectionCard) -> list[str]:
    said = [line for told in sentences.judged_on(card) for line in columns.sentence(told, "   ")]
    return [*said, *columns.fields(card.before, "   ")]


def _fields_html(fields: Sequence[tuple[str, object]]) -> list[str]:
    shown = islice(fields, formats.FIELDS)
    return [markup.line(f"{markup.name(name)} {markup.value(v)}", "mono") for name, v in shown] + _more_fields(fields)


def _led_html(card: RejectionCard) -> list[str]:
    if not card.after:
        return [markup.line(sentences.led_nowhere(card), "muted")]
    return [_state_html(line) for line in _ranked(card.after)[: formats.FIELDS]] + _more_fields(card.after)


def _state_html(line: StateLine) -> str:
    before, after = markup.value(line.before), markup.value(line.after)
    led = {
        "same": after,
        "added": f'<b class="accepted">{after}</b>',
        "removed": f'<span class="was">{before}</span> → gone',
        "changed": f"{before} → {after}",
        "offending": f'{before} → <b class="state">{after}</b>',
    }[line.mark]
    tone, glyph = _TONES[line.mark], sentences.MARKS[line.mark]
    mark = f'<span class="{tone}" role="img" aria-label="{line.mark}">{glyph}</span>'
    return markup.line(f"{mark} {markup.name(line.name)} {led}", "mono")


def _more_fields(fields: Sequence[object]) -> list[str]:
    more = len(fields) - formats.FIELDS
    return [markup.line(f"… {formats.count(more, 'more field')}", "muted")] if more > 0 else []


def _led_lines(card: RejectionCard) -> list[str]:
    if not card.after:
        return [f"   {sentences.led_nowhere(card)}"]

    def led(line: StateLine) -> columns.Cell:
        return lambda room: columns.wrap(_led(line, room), room)

    rows: list[Sequence[columns.Cell] | str] = [
        (sentences.MARKS[line.mark], formats.middle(line.name, 40), led(line))
        for line in _ranked(card.after)[: formats.FIELDS]
    ]
    if (more := len(card.after) - formats.FIELDS) > 0:
        rows.append(f"… {formats.count(more, 'more field')}")
    return columns.table(rows, indent="   ")


def _led(line: StateLine, room: int) -> str:
    before, after = formats.value(line.before, limit=room), formats.value(line.after, limit=room)
    return {"same": after, "added": after, "removed": f"{before} → gone"}.get(line.mark, f"{before} → {after}")


def _ranked(lines: Sequence[StateLine]) -> list[StateLine]:
    """Put what offends and what changes first: of many fields only the first are shown."""
    return sorted(lines, key=lambda line: _RANK[line.mark])


# --- a list of attempts ------------------------------------------------------------------------------------


def _attempts(card: RejectionsCard) -> str:
    if not card.rows:
        return "none yet"
    times = [row.time for row in card.rows]
    order = ", newest first" if len(times) > 1 and times == sorted(times, reverse=True) else ""
    of = f" of {formats.value(len(times) + card.more)}" if card.more else ""
    return f"{len(times):,}{of}{order}"


def _attempt_row(row: RejectionRow) -> str:
    return markup.row(
        markup.cell(formats.time(row.time, seconds=True), "nw muted"),
        markup.cell(markup.stage(row.stage)),
        markup.cell(markup.name(row.idx), "mono"),
        markup.cell(markup.name(row.event), "nw"),
        markup.cell(markup.cut(formats.shorten(row.message, 160), row.message), "say"),
    )


def _attempt_cells(row: RejectionRow) -> Sequence[columns.Cell]:
    def message(room: int) -> list[str]:
        return columns.wrap(formats.shorten(row.message, 3 * room), room)

    when = formats.time(row.time, seconds=True)
    return (when, _gate(row.stage), formats.middle(row.idx, 16), formats.middle(row.event, 22), message)
