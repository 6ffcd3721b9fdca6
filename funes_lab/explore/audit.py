"""Audit: what a rule would have refused, as a DataFrame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final, cast

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from funes_lab import formats
from funes_lab.explore.judged import Refusal, refusals
from funes_lab.fold import Fold, without_gc
from funes_lab.replay.frames import frame, keys_of, whole

_KEYS: Final = ["idx", "version", "klass", "occurred_at", "created_at"]
_TOLD: Final = ["stage", "attribute", "message", "errors", "state_before", "state_after"]


class Audit(pd.DataFrame):
    """What a rule would have refused: a DataFrame, a row an event; get one with `lab.audit(NewRule)`.

    Attributes
    ----------
    rule : str
        The projection that judged.
    events, streams : int
        How many were judged.
    span : tuple of datetime, or None
        When the first and the last of them happened; None without any.
    then : {"drop", "keep"}
    """

    _metadata: ClassVar[list[str]] = ["rule", "events", "streams", "span", "then"]

    rule: str
    events: int
    streams: int
    span: tuple[datetime, datetime] | None
    then: str

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return pd.DataFrame

    def summary(self, freq: str | None = None) -> pd.DataFrame:
        """How often each rule refused.

        Parameters
        ----------
        freq : str, optional
            Also by time: pandas' name of a period, such as "MS" for months, over `occurred_at`.

        Returns
        -------
        DataFrame
            RangeIndex, a row a rule (and period), the most frequent first (the periods in their order). Columns
            `period` (datetime64[us, UTC], with `freq`), `stage`, `attribute`, `message` (str), `events` and `streams`
            (int64), `first_at` and `last_at` (datetime64[us, UTC], by `occurred_at`).
        """
        by = ["stage", "attribute", "message"]
        frame = pd.DataFrame(self)[[*by, "idx", "occurred_at"]].astype({"stage": "str", "idx": "str"})
        keys: list[Any] = list(by)
        if freq is not None:
            keys = [pd.Grouper(key="period", freq=freq), *by]
            frame = frame.assign(period=frame["occurred_at"])
        told = frame.groupby(keys, sort=True, observed=True).agg(
            events=("idx", "size"), streams=("idx", "nunique"),
            first_at=("occurred_at", "min"), last_at=("occurred_at", "max"),
        )  # fmt: skip
        order = ["events"] if freq is None else ["period", "events"]
        return told.reset_index().sort_values(order, ascending=freq is not None, kind="stable", ignore_index=True)

    def __repr__(self) -> str:
        if not _is_whole(self):
            return repr(pd.DataFrame(self))
        return f"{told_of(self)} {left_of(self)}\n{pd.DataFrame(self)!r}" if len(self) else told_of(self)

    def _repr_html_(self) -> str | None:
        if not _is_whole(self):
            return cast("str | None", super()._repr_html_())  # type: ignore[misc]
        from funes_lab.widgets import explored

        return explored.audit_html(explored.audit_card(self))


def _is_whole(audit: Audit) -> bool:
    """Whether it has its columns still: a frame can be changed in place."""
    return {"idx", "version", "event", "occurred_at", *_TOLD} <= set(audit.columns)


def told_of(audit: Audit) -> str:
    """An audit in a sentence."""
    among = f"{formats.count(audit.events, 'event')} in "
    if not len(audit):
        return f"{audit.rule} would have refused none of {among}{formats.count(audit.streams, 'stream')}."
    hit = f"{audit['idx'].nunique():,} of {formats.count(audit.streams, 'stream')}"
    first = formats.day(audit["occurred_at"].min().to_pydatetime())
    return f"{audit.rule} would have refused {len(audit):,} of {among}{hit}, first on {first}."


def left_of(audit: Audit) -> str:
    """What became of what it refuses, in a sentence."""
    return f"What it refuses {'drops out of' if audit.then == 'drop' else 'stays in'} what follows."


def audited(
    tables: Iterable[pa.Table], fold: Fold, *, then: str, tick: Callable[[int], object] = lambda rows: None
) -> Audit:
    """Judge partitions one after the other and put what would have been refused into one frame."""
    keys, found = [], []
    events = streams = 0
    moments: list[datetime] = []
    for table in tables:
        with without_gc():
            listed = list(refusals(table, fold, drop=then == "drop", tick=tick))
        keys.append(table.select(_KEYS).take(pa.array([refusal.row for refusal in listed], type=pa.int64())))
        found += listed
        events += table.num_rows
        streams += pc.count_distinct(table["idx"]).as_py()
        moments += [moment for moment in pc.min_max(table["occurred_at"]).as_py().values() if moment is not None]
    audit = Audit(frame(keys_of(whole(keys)), _told(found), "audit"))
    audit.rule, audit.events, audit.streams, audit.then = fold.name, events, streams, then
    audit.span = (min(moments), max(moments)) if moments else None
    return audit


def _told(found: Sequence[Refusal]) -> dict[str, Any]:
    """The columns of an audit beside its keys."""
    first = [refusal.foremost for refusal in found]
    return {
        "stage": pd.Categorical([error.source for error in first], categories=["interpretation", "state"]),
        "attribute": pd.Series([error.attribute for error in first], dtype="str"),
        "message": pd.Series([error.message for error in first], dtype="str"),
        "errors": pd.Series(["; ".join(e.full_message for e in refusal.errors) for refusal in found], dtype="str"),
        "state_before": pd.Series([formats.mask(refusal.before, refusal.secret) for refusal in found], dtype="object"),
        "state_after": pd.Series([formats.mask(refusal.after, refusal.secret) for refusal in found], dtype="object"),
    }
