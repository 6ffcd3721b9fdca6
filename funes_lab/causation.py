"""Causation: which event led to which, and the wider matter that events belong to.

An event that another one caused says so in its `meta_info`, beside what the user bound: `causation_id` is the id of
the event that caused it, `correlation_id` is carried on from one to the next. That is Greg Young's rule for messages
(copy the correlation id, take the message's own id as causation id), under the names that event stores have for it:
https://railseventstore.org/docs/correlation_causation/. An event's own id needs no column: it is where it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from funes_lab.errors import InvalidMetainformationError
from funes_lab.event import Event, status

if TYPE_CHECKING:
    from funes_lab.current import Workspace

#: Where the ids stand in meta_info.
CORRELATION: Final = "correlation_id"
CAUSATION: Final = "causation_id"


class Cause(NamedTuple):
    """What an event carries on of the one that caused it.

    Attributes
    ----------
    causation_id : str
        The id of the event that caused it.
    correlation_id : object
        That event's own correlation id; a JSON value, for the user may bind any.
    inherited : bool
        Whether that event had one; else it is that event's id, and begins here.
    """

    causation_id: str
    correlation_id: Any
    inherited: bool

    def ids(self) -> dict[str, Any]:
        """Both ids, as they stand in meta_info."""
        return {CORRELATION: self.correlation_id, CAUSATION: self.causation_id}

    def beside(self, context: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
        """The context that is stored: what the user's model made of what is bound, and both ids.

        Parameters
        ----------
        context : mapping
            What the model would have stored.
        said : mapping
            The part of it that the user said himself, not a default.

        Raises
        ------
        InvalidMetainformationError
            If the user said another causation id, or another correlation id than the cause had.
        """
        ids = self.ids()
        for name, own in ids.items():
            told = said.get(name)
            if is_empty(told) or told == own:
                continue
            if name == CORRELATION and not self.inherited:
                ids[name] = told
                continue
            raise InvalidMetainformationError(
                f"metainformation says {name}={told!r}, and caused_by says {own!r}; leave one of them away. Nothing "
                "was stored"
            )
        if not self.inherited and is_empty(said.get(CORRELATION)) and not is_empty(context.get(CORRELATION)):
            ids[CORRELATION] = context[CORRELATION]
        return {**context, **ids}


def id_of(idx: str, version: int) -> str:
    """The id of an event of the log: where it stands.

    Examples
    --------
    >>> id_of("debts-123", 2)
    'debts-123#2'
    """
    return f"{idx}#{version}"


def place_of(event_id: object) -> tuple[str, int] | None:
    """Where the event of an id stands; None for what is no id of ours.

    Examples
    --------
    >>> place_of("debts#123#2"), place_of("6f1c")
    (('debts#123', 2), None)
    """
    if not isinstance(event_id, str):
        return None
    idx, _, digits = event_id.rpartition("#")
    if not idx or not (digits.isascii() and digits.isdigit()) or digits.startswith("0") or len(digits) > 18:
        return None
    return idx, int(digits)


def is_empty(given: object) -> bool:
    """Whether it is no id at all."""
    return given is None or given == ""


def cause_of(caused_by: object, lab: Workspace) -> Cause | None:
    """What is carried on of an event; None for none.

    Parameters
    ----------
    caused_by : Event or None
        An event of the same log.
    lab : Workspace

    Raises
    ------
    TypeError, ValueError
        For what is no event, and for one that is not in this log.
    """
    if caused_by is None:
        return None
    if not isinstance(caused_by, Event):
        raise TypeError(f"caused_by must be an event of the log, got {caused_by!r}")
    now = status(caused_by)
    if now.version is None or now.idx is None:
        raise ValueError(
            f"caused_by must be an event that is in the log; this {caused_by.event_name} is not: "
            f"{'it was refused' if now.rejection else 'append it first'}"
        )
    own = id_of(now.idx, now.version)
    there = lab.row(now.idx, now.version)
    if there is None or there.created_at != now.created_at:
        raise ValueError(
            f"caused_by must be an event of this log; this {caused_by.event_name} is {own!r} of another one"
        )
    known = now.meta_info.get(CORRELATION)
    return Cause(own, own if is_empty(known) else known, inherited=not is_empty(known))


def would_carry(cause: Cause | None, lab: Workspace) -> dict[str, Any]:
    """The context that an event would have had that was refused; of one that does not hold, the ids of its cause."""
    try:
        return lab.metainformation_now(cause)
    except InvalidMetainformationError:
        return {} if cause is None else cause.ids()


class Context(NamedTuple):
    """What is stored beside an event: its ids, None where there is none, and what the user bound."""

    correlation_id: Any
    causation_id: Any
    bound: dict[str, Any]


def parted(meta_info: Mapping[str, Any]) -> Context:
    """Part the ids from what the user bound.

    Examples
    --------
    >>> parted({"user": "Ada", "correlation_id": "a#1", "causation_id": ""})
    Context(correlation_id='a#1', causation_id=None, bound={'user': 'Ada'})
    """
    correlation, causation = (
        None if is_empty(meta_info.get(name)) else meta_info[name] for name in (CORRELATION, CAUSATION)
    )
    bound = {name: value for name, value in meta_info.items() if name not in (CORRELATION, CAUSATION)}
    return Context(correlation, causation, bound)
