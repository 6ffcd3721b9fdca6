"""Verdict: what the gates say of an event that was only checked."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel

from funes_lab.errors import Errors
from funes_lab.event import Event
from funes_lab.rejection import Rejection


@dataclass(slots=True)
class Verdict:
    """What the gates say of an event that was only checked: `stream.check(event)`.

    It is true when the event would be accepted. Nothing was written, and no version was taken.

    Attributes
    ----------
    event : Event
        The event; its errors are those of this check.
    version : int
        The version it would have.
    state_before, state_after : BaseModel or None
        The state it would meet and the one it would lead to, by the consistency projection; None without one,
        or if an earlier gate refused.
    rejection : Rejection or None
        Why it would be refused; it is not in the journal.

    Examples
    --------
    >>> import funes_lab as fl
    >>> from pydantic import Field
    >>> class Lent(fl.Event, name="Example::Lent"):
    ...     days: int = Field(le=14)
    >>> shelf = fl.EventStream.for_("shelf-1", lab=fl.Lab())
    >>> shelf.check(Lent(days=7))
    <Verdict: Example::Lent would be accepted as version 1>
    >>> bool(shelf.check(Lent(days=15))), shelf.version
    (False, 0)
    """

    event: Event
    version: int
    state_before: BaseModel | None = None
    state_after: BaseModel | None = None
    rejection: Rejection | None = None

    @property
    def accepted(self) -> bool:
        """Whether an append would write it."""
        return self.rejection is None

    @property
    def errors(self) -> Errors:
        """What speaks against it."""
        return self.event.errors

    def __bool__(self) -> bool:
        return self.accepted

    def __repr__(self) -> str:
        if self.accepted:
            return f"<Verdict: {self.event.event_name} would be accepted as version {self.version}>"
        return f"<Verdict: {self.event.event_name} would be refused: {'; '.join(self.errors.full_messages)}>"

    def _repr_html_(self) -> str:
        return self.event._repr_html_() if self.rejection is None else self.rejection.explain()._repr_html_()
