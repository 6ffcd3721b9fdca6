"""Rejections: the journal of refused attempts, beside the log and never in it. It outlives a rollback and a restart."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from funes_lab.errors import NOTHING, ClosedError, Error, Errors, ReadOnlyError
from funes_lab.packing import packed, unpacked
from funes_lab.rejection import Origin, Rejection, Witness
from funes_lab.store import Store

if TYPE_CHECKING:
    import pandas as pd

    from funes_lab.event import Event
    from funes_lab.projection import Projection
    from funes_lab.widgets.inspector import RejectionInspector


class Rejections:
    """The journal of refused attempts, of a lab or of one stream.

    Examples
    --------
    >>> import funes_lab as fl
    >>> lab = fl.Lab()
    >>> len(lab.rejections), list(lab.rejections.df().columns)[:3]
    (0, ['idx', 'event', 'time'])
    """

    def __init__(self, store: Store, idx: str | None = None, *, read_only: bool = False, asked: Any = None) -> None:
        self._store, self._idx, self._read_only = store, idx, read_only
        #: The lab, stream or reading that was asked for them.
        self._asked = asked

    def __len__(self) -> int:
        return self._store.count_journalled(self._idx)

    def __bool__(self) -> bool:
        return len(self) > 0

    def __iter__(self) -> Iterator[Rejection]:
        return (_from_entry(row, self._store) for row in self._store.journalled(self._idx))

    def __getitem__(self, index: int) -> Rejection:
        return _from_entry(self._store.journalled(self._idx)[index], self._store)

    def again(self, known: Mapping[str, Rejection]) -> list[Rejection]:
        """The attempts in their order; those that are known by their `id` are not read once more."""
        return [known.get(row["id"]) or _from_entry(row, self._store) for row in self._store.journalled(self._idx)]

    def inspect(
        self,
        *,
        stage: str | Sequence[str] | None = None,
        event: str | type[Event] | None = None,
        idx: str | None = None,
        projection: str | type[Projection[Any]] | None = None,
        rule: str | None = None,
        text: str | None = None,
    ) -> RejectionInspector:
        """See why: the attempts newest first, the evidence of each, and a form to correct it and try again.

        Parameters
        ----------
        stage : {"own", "interpretation", "state", "conflict"} or list of them, optional
            Only what these gates refused.
        event : str or Event class, optional
            Only events of this type.
        idx : str, optional
            Only one stream, or those that match a pattern such as `"debts-*"`.
        projection : str or Projection class, optional
            Only what this projection judged.
        rule : str, optional
            Only what one rule refused, as it stands in the chart: `"balance ≥ 0 of Balance"`.
        text : str, optional
            Only what says this somewhere, in any case: in its event, stream, payload or errors.

        Returns
        -------
        RejectionInspector
            A widget that follows the log. In Python: `selection` (a Rejection) and `filters`, both settable, `shown`
            (the attempts that the filters leave), and `retry()`, a form filled with the selected event. `static()` is
            the picture, `save("x.svg")` and `save("x.html")` write it.

        Raises
        ------
        ValueError, TypeError
            For a filter that could leave nothing; it names what is possible.

        Examples
        --------
        >>> import funes_lab as fl
        >>> from pydantic import Field
        >>> class Poured(fl.Event, name="Example::Poured"):
        ...     litres: int = Field(gt=0)
        >>> barrel = fl.EventStream.for_("barrel-1", lab=fl.Lab(clock=fl.testing.Clock("2026-05-01")))
        >>> for litres in (3, -1, 0):
        ...     event = barrel.append(Poured(litres=litres))
        >>> inspector = barrel.rejections.inspect(text="−1")
        >>> inspector
        Refused attempts on barrel-1: 1 of 2, newest first. Refused: litres −1 must be > 0.
        >>> form = inspector.retry()
        >>> form.values
        {'litres': '-1'}
        >>> form.values = {"litres": 1}
        >>> form.append().version
        2
        """
        from funes_lab.widgets.inspector import RejectionInspector

        if self._asked is None:
            raise TypeError("these attempts know no lab; ask lab.rejections or stream.rejections")
        filters = {
            "stage": stage, "event": event, "idx": idx, "projection": projection, "rule": rule, "text": text,
        }  # fmt: skip
        return RejectionInspector(self, self._asked, filters)

    def clear(self) -> int:
        """Forget the attempts; the log is not touched.

        Returns
        -------
        int
            How many there were.
        """
        if self._read_only:
            raise ReadOnlyError("this lab is open for reading only; open it without read_only=True")
        return self._store.clear_journal(self._idx)

    def df(self) -> pd.DataFrame:
        """The attempts as a DataFrame.

        Returns
        -------
        DataFrame
            RangeIndex, a row an attempt in their order. Columns `idx` and `event` (category), `time`
            (datetime64[us, UTC]), `stage` (category), `errors` (str, the messages joined), `payload` (dict),
            `at` (datetime64[us, UTC]), `version_read` (int64), `projection` and `stream_class` (str or missing),
            `state_before` and `state_after` (dict or None), `winner` (str: version and name of the event that
            took the version, or missing), `meta_info` (dict). Secret attributes are masked.
        """
        from funes_lab.replay import frames

        return frames.of_rejections(list(self))

    def add(self, rejection: Rejection) -> None:
        """Write one down."""
        self._store.journal(_to_entry(rejection))

    def newest(self, count: int, skip: int = 0) -> list[Rejection]:
        """So many attempts, the newest first, after as many that are skipped: without a look at all the others."""
        return [_from_entry(row, self._store) for row in self._store.journalled_last(count, skip, self._idx)]

    def __repr__(self) -> str:
        from funes_lab.widgets import reprs, telling

        try:
            return reprs.rejections_text(telling.rejections_card(self))
        except ClosedError as closed:
            return f"<Rejections: {closed}>"

    def _repr_html_(self) -> str | None:
        from funes_lab.widgets import reprs, telling

        try:
            return reprs.rejections_html(telling.rejections_card(self))
        except ClosedError:
            return None


# --- as rows of the journal -----------------------------------------------------------------------------------


def _to_entry(rejection: Rejection) -> dict[str, Any]:
    entry = {
        "payload": rejection.payload,
        "meta_info": rejection.meta_info,
        "at": rejection.at,
        "version_read": rejection.version_read,
        "projection": rejection.projection,
        "state_before": rejection.state_before,
        "state_after": rejection.state_after,
        "place": rejection.place,
        "last": rejection.last and asdict(rejection.last),
        "winner": rejection.winner and asdict(rejection.winner),
        "secret": list(rejection.secret),
        "errors": [_error_to_entry(error) for error in rejection.errors],
    }
    return {
        "id": rejection.id,
        "attempted_at": rejection.time,
        "idx": rejection.idx,
        "stream_class": rejection.stream_class,
        "event": rejection.event,
        "stage": rejection.stage,
        "entry": json.dumps(packed(entry), ensure_ascii=True),
    }


def _from_entry(row: Mapping[str, Any], store: Store) -> Rejection:
    entry = unpacked(json.loads(row["entry"]))
    errors = Errors([_error_from_entry(e) for e in entry.pop("errors")], where=row["idx"])
    for name in ("last", "winner"):
        entry[name] = entry[name] and Witness(**entry[name])
    return Rejection(
        id=row["id"], time=row["attempted_at"], idx=row["idx"], stream_class=row["stream_class"],
        event=row["event"], stage=row["stage"], errors=errors, origin=Origin(store),
        **entry,
    )  # fmt: skip


def _error_to_entry(error: Error) -> dict[str, Any]:
    entry = {
        "attribute": error.attribute,
        "message": error.message,
        "source": error.source,
        "rule": error.rule,
    }
    if error.value is not NOTHING:
        entry["value"] = error.value  # type: ignore[assignment]
    return {**entry, "origin": _error_to_entry(error.origin)} if error.origin else entry


def _error_from_entry(entry: dict[str, Any]) -> Error:
    origin = entry.pop("origin", None)
    return Error(**entry, origin=_error_from_entry(origin) if origin else None)
