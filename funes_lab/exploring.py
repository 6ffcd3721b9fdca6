"""What a lab can be asked about what was not: a new rule over old facts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from funes_lab.current import Workspace
from funes_lab.projection import Projection, fold_of
from funes_lab.selection import selection
from funes_lab.storable import Moment

if TYPE_CHECKING:
    from funes_lab.explore.audit import Audit


class Exploring:
    """The side of a lab that asks what if."""

    def audit(
        self: Workspace,
        rule: type[Projection[Any]],
        idx: str | Iterable[str] | None = None,
        *,
        at: Moment | None = None,
        as_of: Moment | None = None,
        then: Literal["drop", "keep"] = "drop",
        progress: bool = True,
    ) -> Audit:
        """Ask which past events a new rule would have refused.

        The log is judged as if `rule` had been the consistency projection from the first day: each event in the order
        in which it was recorded, on top of those before it, at its true place when it was backdated. Nothing is
        written.

        Parameters
        ----------
        rule : Projection class
        idx, at, as_of
            As for `replay`.
        then : {"drop", "keep"}
            Whether what is refused drops out of what follows, as it would have, or stays, as it did.
        progress : bool
            Show a bar when it takes longer than a second.

        Returns
        -------
        Audit
            A DataFrame with a RangeIndex, a row an event that would have been refused, by idx and in the order in which
            they were recorded. Columns `idx`, `version`, `event`, `occurred_at` and `created_at` as in `lab.log.df()`,
            `stage` (category: interpretation, state), `attribute` and `message` (str) of the foremost error, `errors`
            (str, all of them), `state_before` and `state_after` (dict; secret attributes are masked).
            `.summary()` and `.summary("MS")` count by rule and by time.

        Raises
        ------
        ProjectionError
            If a block breaks.

        Examples
        --------
        >>> import funes_lab as fl
        >>> from pydantic import BaseModel, Field
        >>> class Withdrew(fl.Event, name="Example::Withdrew"):
        ...     amount: int
        >>> class Overdraft(BaseModel):
        ...     balance: int = Field(default=100, ge=0)
        >>> class NoOverdraft(fl.Projection[Overdraft]):
        ...     @fl.interpretation_for(Withdrew)
        ...     def withdrew(state, event):
        ...         state.balance -= event.amount
        >>> lab = fl.Lab()
        >>> _ = fl.EventStream.for_("a", lab=lab).append_all([Withdrew(amount=n) for n in (70, 50, 30)])
        >>> lab.audit(NoOverdraft)[["version", "message"]].to_dict("records")
        [{'version': 2, 'message': 'must be greater than or equal to 0'}]
        >>> lab.audit(NoOverdraft, then="keep").version.tolist()
        [2, 3]
        """
        from funes_lab.explore.audit import audited
        from funes_lab.replay.states import told

        if then not in ("drop", "keep"):
            raise ValueError(f"then must be 'drop' or 'keep', got {then!r}")
        fold = fold_of(rule, "rule")
        asked = selection(idx=idx, at=at, as_of=as_of)
        with self.store.scan(asked, self.unit) as scan, told(scan, progress=progress) as tick:
            return audited(scan, fold, then=then, tick=tick)
