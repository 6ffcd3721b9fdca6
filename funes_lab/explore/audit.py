"""Audit: what a rule would have refused, as a DataFrame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from funes_lab import formats
from funes_lab.explore.judged import Refusal, refusals
from funes_lab.fold import Fold, without_gc
from funes_lab.replay.frames import frame, keys_of, whole

_KEYS: Final = ["idx", "version", "klass", "occurred_at", "created_at"]


class Audit(pd.DataFrame):
    """What a rule would have refused: a DataFrame, a row an event; get one with `lab.audit(NewRule)`.

    Attributes
    ----------
    rule : str
        The projection that judged.
    events, streams : int
        How many were judged.
    then : {"drop", "keep"}
    """

    _metadata = ("rule", "events", "streams", "then")

    rule: str
    events: int
    streams: int
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
        return f"{told_of(self)}\n{pd.DataFrame(self)!r}" if len(self) else told_of(self)


def told_of(audit: Audit) -> str:
    """An audit in a sentence."""
    left = "dropping what it refuses" if audit.then == "drop" else "keeping what it refuses"
    of = f"{formats.count(audit.events, 'event')} in {formats.count(audit.streams, 'stream')}"
    return f"{audit.rule} would have refused {len(audit):,} of {of}, {left}."


def audited(
    tables: Iterable[pa.Table], fold: Fold, *, then: str, tick: Callable[[int], object] = lambda rows: None
) -> Audit:
    """Judge partitions one after the other and put what would have been refused into one frame."""
    keys, found = [], []
    events = streams = 0
    for table in tables:
        with without_gc():
            listed = list(refusals(table, fold, drop=then == "drop", tick=tick))
        keys.append(table.select(_KEYS).take(pa.array([refusal.row for refusal in listed], type=pa.int64())))
        found += listed
        events += table.num_rows
        streams += pc.count_distinct(table["idx"]).as_py()
    audit = Audit(frame(keys_of(whole(keys)), _told(found), "audit"))
    audit.rule, audit.events, audit.streams, audit.then = fold.name, events, streams, then
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
