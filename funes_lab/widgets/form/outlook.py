"""What pressing Append would do, or has done: the note above a form and the panel beside it, as plain data and HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Final

from pydantic import BaseModel

from funes_lab import formats
from funes_lab.rejection import Rejection
from funes_lab.verdict import Verdict
from funes_lab.widgets import markup, sentences, telling
from funes_lab.widgets.cards import StateLine

_TONES: Final = {"changed": "chg", "added": "accepted", "removed": "state", "same": "muted", "offending": "state"}
_ROWS: Final = {"changed": "changed", "added": "changed", "removed": "changed", "offending": "bad", "same": ""}
_NO_PROJECTION: Final = "No consistency projection: no state is judged."


@dataclass(frozen=True)
class Outlook:
    """What is said of the event in a form.

    Attributes
    ----------
    title, said : str
        The caption of the panel, and a sentence under it.
    lines : sequence of StateLine
        The state now and as it would be.
    now : sequence of (str, object)
        The state now, where nothing was judged.
    verdict : str
        What would happen, if it would be accepted.
    tone, headline, foot : str
        The note above the form: its colour, its sentence, and what did not happen. No headline, no note.
    reasons : sequence of (str, str)
        Under the sentence: the gate and the rule of each error.
    """

    title: str = "Dry run"
    said: str = ""
    lines: Sequence[StateLine] = ()
    now: Sequence[tuple[str, object]] = ()
    verdict: str = ""
    tone: str = ""
    headline: str = ""
    reasons: Sequence[tuple[str, str]] = ()
    foot: str = ""


def unjudged(to_fill: int, to_mend: int, now: Mapping[str, object], projection: str | None) -> Outlook:
    """What is said before there is anything to judge.

    Examples
    --------
    >>> unjudged(2, 1, {}, "Balance").said
    'Not judged yet: 1 field to mend, 2 fields to fill.'
    """
    parts = [(to_mend, "mend"), (to_fill, "fill")]
    told = ", ".join(f"{formats.count(n, 'field')} to {what}" for n, what in parts if n)
    return Outlook(said=f"Not judged yet: {told or 'nothing to judge'}.", now=_listed(now, projection))


def _listed(now: Mapping[str, object], projection: str | None) -> Sequence[tuple[str, object]]:
    return [("", projection or ""), *now.items()] if now else ()


def forecast(verdict: Verdict, projection: str | None, secret: Sequence[str]) -> Outlook:
    """What a dry run says."""
    named = f", {formats.middle(projection, 40)}" if projection else ""
    if verdict.rejection is not None:
        refused = refusal(verdict.rejection)
        rows = [telling.error_row(error) for error in verdict.rejection.errors]
        told = sentences.refused(rows, "Would be refused")
        return replace(refused, title=f"Dry run{named}", headline=told)
    before, after = (_masked(state, secret) for state in (verdict.state_before, verdict.state_after))
    return Outlook(
        title=f"Dry run{named}",
        said="" if projection else _NO_PROJECTION,
        lines=telling.state_lines(before, after),
        verdict=f"Would be accepted as version {formats.value(verdict.version)}",
    )


def _masked(state: BaseModel | None, secret: Sequence[str]) -> dict[str, object]:
    return {} if state is None else formats.mask(state.__dict__, secret)


def refusal(rejection: Rejection, attempts: int | None = None) -> Outlook:
    """What is said of a refused attempt; `attempts` are in the journal of the stream."""
    card = telling.rejection_card(rejection)
    return Outlook(
        title="State it would have led to",
        said="" if card.after else f"{sentences.led_nowhere(card)[:1].upper()}{sentences.led_nowhere(card)[1:]}.",
        lines=card.after,
        tone=card.stage,
        headline=sentences.headline(card),
        reasons=list(sentences.reasons(card)),
        verdict="",
        foot="" if attempts is None else f"the log is unchanged · attempt {attempts:,} in the journal",
    )


def accepted(version: int, event: str) -> Outlook:
    """What is said of an event that is in the log now."""
    told = f"Accepted: {formats.middle(event, 60)} is version {formats.value(version)}."
    return Outlook(tone="accepted", headline=told)


def failed(fault: str) -> Outlook:
    """What is said when code broke: that is no refusal."""
    return Outlook(
        said="Not judged: the code failed.",
        tone="fault",
        headline=f"Failed: {formats.shorten(fault, sentences.MESSAGE)}",
        reasons=[("", "This is a fault in the code, not a refusal. Nothing was written.")],
    )


# --- as HTML --------------------------------------------------------------------------------------------------


def note_html(outlook: Outlook, *, pressed: bool) -> str:
    """Write the note; one that answers a press is announced."""
    if not outlook.headline:
        return ""
    role = ' role="alert"' if pressed else ""
    if outlook.tone in ("accepted", "fault"):
        glyph = markup.verdict(outlook.tone, outlook.tone)
        under = "".join(f'<div class="why"><span>{markup.text(said)}</span></div>' for _, said in outlook.reasons)
        head = f"<div>{glyph}<b>{markup.text(outlook.headline)}</b></div>"
        return f'<div class="fl-note {escape(outlook.tone)}"{role}>{head}{under}</div>'
    foot = markup.line(markup.text(outlook.foot), "fl-pad-h muted") if outlook.foot else ""
    return f"<div{role}>{markup.note(outlook.tone, outlook.headline, outlook.reasons)}</div>{foot}"


def panel_html(outlook: Outlook) -> str:
    """Write the panel: the state now and as it would be."""
    parts = [f'<p class="fl-cap">{markup.text(outlook.title)}</p>']
    parts += [f"<p>{markup.text(outlook.said)}</p>"] if outlook.said else []
    parts += [_lines_html(outlook.lines)] if outlook.lines else []
    parts += [_now_html(outlook.now)] if outlook.now else []
    parts += [f"<p>{markup.verdict('accepted', 'accepted', outlook.verdict)}</p>"] if outlook.verdict else []
    return f'<div aria-live="polite">{"".join(parts)}</div>'


def _now_html(now: Sequence[tuple[str, object]]) -> str:
    projection = str(now[0][1])
    caption = f'<p class="fl-cap">{markup.text(f"State now, {formats.middle(projection, 40)}")}</p>'
    rows = [
        markup.row(f'<th class="mono">{markup.name(name)}</th>', markup.cell(markup.value(v), "num"))
        for name, v in now[1 : formats.FIELDS + 1]
    ]
    return caption + markup.table("State now", (), rows) + _more(len(now) - 1)


def shown_lines(lines: Sequence[StateLine]) -> Sequence[StateLine]:
    """The lines that are shown: all of a small state, else what changes first."""
    if len(lines) <= formats.FIELDS:
        return lines
    order = list(sentences.MARKS)
    return sorted(lines, key=lambda line: order.index(line.mark))[: formats.FIELDS]


def _lines_html(lines: Sequence[StateLine]) -> str:
    columns = [("", ""), ("field", ""), ("now", "num"), ("would be", "num")]
    table = markup.table("State now and as it would be", columns, map(_line_html, shown_lines(lines)))
    return table + _more(len(lines))


def _line_html(line: StateLine) -> str:
    tone, glyph = _TONES[line.mark], "" if line.mark == "same" else sentences.MARKS[line.mark]
    mark = f'<span class="{tone}" role="img" aria-label="{line.mark}">{glyph}</span>' if glyph else ""
    before = formats.NONE if line.mark == "added" else markup.value(line.before)
    was = f'<span class="was">{before}</span>' if line.mark in ("changed", "removed") else before
    after = {"same": '<span class="muted">same</span>', "removed": "gone"}.get(line.mark, markup.value(line.after))
    now = (
        f'<span class="now{" state" if line.mark == "offending" else ""}">{after}</span>'
        if line.mark != "same"
        else after
    )
    cells = (markup.cell(mark), markup.cell(markup.name(line.name), "mono"), markup.cell(was, "num"))
    row = _ROWS[line.mark]
    return f"<tr{f' class={chr(34)}{row}{chr(34)}' if row else ''}>{''.join(cells)}{markup.cell(now, 'num')}</tr>"


def _more(listed: int) -> str:
    left = listed - formats.FIELDS
    return f'<p class="muted">… {formats.count(left, "more field")}</p>' if left > 0 else ""
