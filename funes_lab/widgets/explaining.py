"""From an explanation to the card that its pictures show, secrets masked on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from funes_lab import formats
from funes_lab.explore.changes import Change, Changed
from funes_lab.explore.explain import EventExplanation, Folded
from funes_lab.rejection import Rejection
from funes_lab.widgets import sentences
from funes_lab.widgets.cards import AroundRow, ChangedCard, EventRow, ExplanationCard, LinkRow, RejectionRow, StateLine
from funes_lab.widgets.telling import error_row

if TYPE_CHECKING:
    from collections.abc import Iterable


def explanation_card(told: EventExplanation) -> ExplanationCard:
    """One event with all that is known of it."""
    return ExplanationCard(
        id=told.id,
        idx=told.idx,
        stream_class=told.stream_class,
        parts=[
            EventRow(
                part.version,
                part.event_name,
                formats.mask({**part.payload(), **part.kept_aside}, part.filter_attributes),
                told.occurred_at,
                told.created_at,
            )
            for part in told.parts
        ],
        place=told.place,
        meta_info=told.meta_info,
        correlation="" if told.correlation_id is None else _id(told.correlation_id),
        shared=len(told.correlated),
        cause="" if told.causation_id is None else _id(told.causation_id),
        causes=_links(told.causes),
        effects=_links(told.effects),
        changed=[_changed_card(one, told.event.event_name) for one in told.folded],
        refused=[_around(around, rejection) for around, rejection in told.attempts],
    )


def state_lines_of(changes: Iterable[Change]) -> list[StateLine]:
    """What an event changed, as lines of a state."""
    return [StateLine(change.field, change.before, change.after, change.mark) for change in changes]


def nothing_changed(changed: Changed, event: str) -> str:
    """Say why there is no change to show; "" if there is one."""
    if changed.fault:
        return f"cannot be told: {changed.fault}"
    if changed.changes:
        return ""
    return "nothing changed" if changed.interpreted else f"does not interpret {formats.middle(event, 60)}"


def _changed_card(folded: Folded, event: str) -> ChangedCard:
    changed = folded.changed
    return ChangedCard(
        folded.projection, folded.tiers, state_lines_of(changed.changes), nothing_changed(changed, event)
    )


def _around(around: str, rejection: Rejection) -> AroundRow:
    gist = sentences.gist([error_row(error) for error in rejection.errors])
    return AroundRow(around, RejectionRow(rejection.time, rejection.idx, rejection.event, rejection.stage, gist))


def _links(frame: pd.DataFrame) -> list[LinkRow]:
    columns = (frame[name] for name in ("id", "event", "created_at"))
    return [LinkRow(own, event, moment.to_pydatetime()) for own, event, moment in zip(*columns, strict=True)]


def _id(stored: Any) -> str:
    return stored if isinstance(stored, str) else formats.value(stored)
