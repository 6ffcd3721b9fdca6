"""An audit for a notebook: the sentence, when each rule would have refused, and the first of the events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from funes_lab import formats
from funes_lab.errors import BASE
from funes_lab.explore.audit import left_of, told_of
from funes_lab.widgets import markup, sentences
from funes_lab.widgets.cards import ErrorRow
from funes_lab.widgets.explored.drawn import LAYOUT, drawing, stacked

if TYPE_CHECKING:
    from funes_lab.explore.audit import Audit

#: Periods that the time is parted into, rules and events that are shown.
_PERIODS, _RULES, _EVENTS = 96, 8, 10
_HEIGHT: Final = 20
#: No bar is lower: a refusal is never averaged away.
_LEAST: Final = 4


@dataclass(frozen=True)
class RuleRow:
    """One rule: how often it would have refused, and in which period how many events."""

    stage: str
    attribute: str
    message: str
    events: int
    streams: int
    counts: Sequence[int]


@dataclass(frozen=True)
class AuditRow:
    """One event that would have been refused, and its foremost error."""

    idx: str
    version: int
    event: str
    occurred_at: datetime
    error: ErrorRow


@dataclass(frozen=True)
class AuditCard:
    """An audit: its sentences, its rules, the ends of the time and the length of a period, its first events."""

    rule: str
    told: str
    left: str
    rules: Sequence[RuleRow]
    more_rules: int
    ends: tuple[str, str]
    period: str
    rows: Sequence[AuditRow]
    more: int


def audit_card(audit: Audit) -> AuditCard:
    """What an audit shows."""
    summary = audit.summary()
    first, last = audit.span or (None, None)
    frame = pd.DataFrame(audit)
    return AuditCard(
        rule=audit.rule,
        told=told_of(audit),
        left=left_of(audit),
        rules=[_rule(row, frame, first, last) for row in summary.head(_RULES).to_dict("records")],
        more_rules=max(len(summary) - _RULES, 0),
        ends=_ends(first, last),
        period=formats.roughly((last - first) / _PERIODS) if first and last and last > first else "",
        rows=[_row(row) for row in frame.head(_EVENTS).to_dict("records")],
        more=max(len(frame) - _EVENTS, 0),
    )


def _rule(row: Mapping[Any, Any], frame: pd.DataFrame, first: datetime | None, last: datetime | None) -> RuleRow:
    same = [frame[name] == row[name] for name in ("stage", "attribute", "message")]
    times = frame.loc[same[0] & same[1] & same[2], "occurred_at"]
    return RuleRow(
        row["stage"], row["attribute"], row["message"], row["events"], row["streams"], _counts(times, first, last)
    )


def _counts(times: pd.Series[Any], first: datetime | None, last: datetime | None) -> list[int]:
    """How many of the moments lie in each period; in the middle one if there was one moment only."""
    if first is None or last is None or first == last:
        places = np.full(len(times), _PERIODS // 2)
    else:
        share = ((times - first) / (last - first)).to_numpy()
        places = np.clip((share * _PERIODS).astype(int), 0, _PERIODS - 1)
    return [int(count) for count in np.bincount(places, minlength=_PERIODS)]


def _ends(first: datetime | None, last: datetime | None) -> tuple[str, str]:
    if first is None or last is None:
        return "", ""
    days = formats.day(first), formats.day(last)
    return days if days[0] != days[1] else (formats.time(first, seconds=True), formats.time(last, seconds=True))


def _row(row: Mapping[Any, Any]) -> AuditRow:
    after, attribute = row["state_after"], row["attribute"]
    known = row["stage"] == "state" and attribute in after
    error = ErrorRow(row["stage"], attribute, row["message"], None, after[attribute] if known else None, known)
    return AuditRow(row["idx"], row["version"], row["event"], row["occurred_at"].to_pydatetime(), error)


# --- drawn ----------------------------------------------------------------------------------------------------------


def audit_html(card: AuditCard) -> str:
    """Write an audit: the sentence, a row a rule with its events in time, then the first events."""
    label = f"Audit of {formats.middle(card.rule, 60)}"
    foot = f'<div class="fl-foot">{markup.text(_foot(card))}</div>'
    if not card.rows:
        return markup.section(label, markup.note("accepted", card.told, glyph="accepted"), foot, layout=LAYOUT)
    note = markup.note(card.rules[0].stage, card.told)
    return markup.section(label, note, _rules(card), _events(card), foot, layout=LAYOUT)


def _foot(card: AuditCard) -> str:
    if not card.rules:
        return "Nothing was written."
    peak = max(max(rule.counts) for rule in card.rules)
    bar = f" A bar is {card.period}, the highest {formats.count(peak, 'event')}." if card.period else ""
    return f"{card.left}{bar} Nothing was written."


def _rules(card: AuditCard) -> str:
    heads = (
        ("refused by", ""),
        ("field", ""),
        ("why", ""),
        ("events", "num"),
        ("streams", "num"),
        ("when, UTC", "fl-bars"),
    )
    peak = max(max(rule.counts) for rule in card.rules)
    rows = [_rule_row(rule, card, peak) for rule in card.rules]
    ends = f'<div class="fl-ends muted"><span>{card.ends[0]}</span> <span>{card.ends[1]}</span></div>'
    rows.append(f'<tr class="fl-axis">{"<td></td>" * 5}{markup.cell(ends, "fl-bars fl-line")}</tr>')
    if card.more_rules:
        rows.append(markup.more_row(formats.count(card.more_rules, "more rule"), "audit.summary()", across=6))
    return stacked(markup.table("when each rule would have refused", heads, rows))


def _rule_row(rule: RuleRow, card: AuditCard, peak: int) -> str:
    row = ErrorRow(rule.stage, rule.attribute, rule.message, None)
    told = sentences.short(formats.shorten(rule.message, sentences.MESSAGE))
    return markup.row(
        markup.cell(markup.stage(rule.stage)),
        markup.cell(_field(row), "nw"),
        markup.cell(markup.cut(told, sentences.short(rule.message)), "fl-rule"),
        markup.cell(_count(rule.events, "event"), "num"),
        markup.cell(_count(rule.streams, "stream"), "num"),
        markup.cell(_bars(rule, card, peak), "fl-bars fl-line"),
    )


def _count(n: int, noun: str) -> str:
    """A figure, with its unit where there is no room for the head of its column."""
    figure, unit = formats.count(n, noun).split(" ")
    return f'{figure}<span class="fl-unit"> {unit}</span>'


def _field(row: ErrorRow) -> str:
    if row.attribute == BASE:
        return markup.muted(sentences.whole(row))
    return markup.name(row.attribute, 40, "mono")


def _bars(rule: RuleRow, card: AuditCard, peak: int) -> str:
    """A bar for each period with a refusal, as high as there were many; where each has one, they are ticks."""
    bars = ""
    for place, count in enumerate(rule.counts):
        if count:
            high = max(_LEAST, round((_HEIGHT - 1) * count / peak, 1))
            bars += f"M{place + 0.1:g} {_HEIGHT - high:g}h.8v{high:g}h-.8z"
    base = f'<path d="M0 {_HEIGHT - 0.5}H{_PERIODS}" stroke="var(--fl-line)" stroke-width="1" fill="none"/>'
    filled = f'<path d="{bars}" fill="var(--fl-{rule.stage})"/>'
    return drawing(_PERIODS, _HEIGHT, _said(rule, card), base + filled, stretched=True)


def _said(rule: RuleRow, card: AuditCard) -> str:
    """The shape in words: how many, from when to when, and where most of them lie."""
    most = max(rule.counts)
    at = rule.counts.index(most)
    share = round(100 * (at + 0.5) / _PERIODS)
    told = f"{formats.count(rule.events, 'event')} between {card.ends[0]} and {card.ends[1]}"
    return (
        told if most == 1 else f"{told}; most in {card.period or 'one moment'}, {most:,}, after {share} % of the time"
    )


def _events(card: AuditCard) -> str:
    heads = (("stream", ""), ("#", "num"), ("event", ""), ("occurred_at, UTC", "num"), ("refused by", ""), ("why", ""))
    rows = [_event_row(row) for row in card.rows]
    if card.more:
        rows.append(markup.more_row(f"{formats.value(card.more)} more", f"audit.iloc[{len(card.rows)}:]", across=6))
    return markup.table("events that would have been refused", heads, rows)


def _event_row(row: AuditRow) -> str:
    told = sentences.sentence(row.error)
    return markup.row(
        markup.cell(markup.name(row.idx), "mono"),
        markup.cell(formats.value(row.version), "num mono"),
        markup.cell(markup.name(row.event), "nw"),
        markup.cell(formats.time(row.occurred_at), "num nw"),
        markup.cell(markup.stage(row.error.source)),
        markup.cell(markup.cut(told, told), "say"),
    )
