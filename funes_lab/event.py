"""Event: an immutable fact, a pydantic model with a stable name in the log.

Building an event never raises for bad values: it gives an event with `own_errors`, which a stream then refuses,
because a notebook must be able to show it. Everything an event learns later (its version, its times, why it was
refused) is its `Status`; the payload never changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError

from funes_lab import formats, registry
from funes_lab.definition import annotated_names, check_config, checked_aliases, checked_name, refuse_reserved
from funes_lab.errors import BASE, Error, Errors
from funes_lab.shape import from_python, shape_of
from funes_lab.storable import MAX_INT_BITS
from funes_lab.validation import errors_of

if TYPE_CHECKING:
    from funes_lab.rejection import Rejection

#: The name of events that no class has; nobody claims it.
UNKNOWN = "funes_lab::UnknownEvent"


class Judge(Protocol):
    """What listens to `event.errors.add` while blocks run."""

    def found(self) -> list[Error]:
        """The errors that the blocks added to the event they look at."""
        ...

    def add(self, attribute: str, message: str) -> None:
        """Take one more."""
        ...


#: The judge of the fold that runs now, if one does.
judge: ContextVar[Judge | None] = ContextVar("funes_lab_judge", default=None)


class Scan(Protocol):
    """What reads many events at once, and knows of the one it reads now."""

    def status(self) -> Status:
        """Its version and times."""
        ...


_scan: ContextVar[Scan | None] = ContextVar("funes_lab_scan", default=None)


@contextmanager
def scanned(scan: Scan) -> Iterator[None]:
    """Let events that a validator made ask the scan for their status, if a block wants to know."""
    token = _scan.set(scan)
    try:
        yield
    finally:
        _scan.reset(token)


@dataclass(slots=True)
class Status:
    """What happened to one event object."""

    own: tuple[Error, ...] = ()
    kept_aside: Mapping[str, Any] = field(default_factory=dict)
    version: int | None = None
    created_at: datetime | None = None
    occurred_at: datetime | None = None
    meta_info: Mapping[str, Any] = field(default_factory=dict)
    idx: str | None = None
    interpretation: tuple[Error, ...] = ()
    state: tuple[Error, ...] = ()
    conflict: tuple[Error, ...] = ()
    rejection: Rejection | None = None

    def forget_attempt(self) -> None:
        """Errors stand until the next attempt, which begins here."""
        self.interpretation = self.state = self.conflict = ()
        self.rejection = None
        self.idx = None

    def forget_facts(self) -> None:
        """The transaction that wrote the event was rolled back."""
        self.version = self.created_at = self.occurred_at = None
        self.meta_info = {}


class Event(BaseModel):
    """An immutable fact.

    Define one as a pydantic model; `name=` is its name in the log, by default the class's name, and `aliases=` are
    older names under which the log may have it: they are read as this class, and nothing is written under them.
    Names that the lab uses (`version`, `errors`, …) cannot be fields. For payloads of an older shape see `fl.upcast`.

    Parameters
    ----------
    **data
        The attributes. Bad, missing and unknown ones do not raise: they become `own_errors`.

    Attributes
    ----------
    event_name : str
        The name in the log.
    filter_attributes : sequence of str
        Names of secret attributes, at any depth, that every picture, repr and frame shows as `[FILTERED]`.

    Examples
    --------
    >>> import funes_lab as fl
    >>> from decimal import Decimal
    >>> from pydantic import Field
    >>> class Paid(fl.Event, name="Example::Paid"):
    ...     amount: Decimal = Field(gt=0)
    >>> Paid(amount="12.50").valid
    True
    >>> Paid(amount=0).own_errors.full_messages
    ['Amount must be greater than 0']

    A name that was better from the beginning, and the log still has the old one:

    >>> class Settled(fl.Event, name="Example::Settled", aliases=["Example::Closed"]):
    ...     pass
    >>> lab = fl.Lab()
    >>> _ = lab.load([{"klass": "Example::Closed", "idx": "debt-1", "props": {}, "version": 1,
    ...                "created_at": "2020-01-01", "occurred_at": "2020-01-01"}])
    >>> fl.EventStream.for_("debt-1").events
    [Example::Settled()]
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        validate_default=True,
        validate_by_name=True,
        validate_by_alias=True,
        ser_json_bytes="base64",
        val_json_bytes="base64",
    )
    __slots__ = ("_status",)

    event_name: ClassVar[str] = "Event"
    filter_attributes: ClassVar[Sequence[str]] = ()
    if TYPE_CHECKING:
        # For type checkers only, and no argument for them: what pydantic saw it would make anew at every decode.
        _status: Status = PrivateAttr()

    def __init_subclass__(cls, name: str | None = None, aliases: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if name != UNKNOWN:
            refuse_reserved(cls, annotated_names(cls) | set(cls.__dict__))
        if "event_name" not in cls.__dict__:
            cls.event_name = checked_name(cls.__name__ if name is None else name, cls)

    @classmethod
    def __pydantic_init_subclass__(cls, name: str | None = None, aliases: Sequence[str] = (), **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        refuse_reserved(cls, set(cls.model_fields))
        check_config(cls)
        if name != UNKNOWN:
            registry.claim(cls.event_name, cls, checked_aliases(aliases, cls))

    def __init__(self, /, **data: Any) -> None:
        try:
            self.__pydantic_validator__.validate_python(data, self_instance=self)
        except ValidationError as failure:
            own = errors_of(failure, source="own", owner=self.event_name, secret=self.filter_attributes)
            kept = shape_of(type(self)).fill(self, data, from_python)
            set_status(self, Status(own=tuple(own), kept_aside=kept))
        else:
            set_status(self, Status())
        _settle(self)

    # pydantic calls an overridden __init__ from model_validate unless told that it does the same
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    # --- what became of it -----------------------------------------------------------------------------------

    @property
    def persisted(self) -> bool:
        """Whether the event is a fact: in the log."""
        return status(self).version is not None

    @property
    def version(self) -> int | None:
        """Its number in its stream, 1, 2, 3 …; None while it is not in the log."""
        return status(self).version

    @property
    def created_at(self) -> datetime | None:
        """Record time: when the log learned it (UTC)."""
        return status(self).created_at

    @property
    def occurred_at(self) -> datetime | None:
        """Actual time: when it happened (UTC)."""
        return status(self).occurred_at

    @property
    def meta_info(self) -> Mapping[str, Any]:
        """The context it was recorded in."""
        return status(self).meta_info

    @property
    def kept_aside(self) -> Mapping[str, Any]:
        """Attributes that were given, or are in the log, and that the class does not have."""
        return status(self).kept_aside

    @property
    def valid(self) -> bool:
        """Whether nothing speaks against the event: no own error, and none from the last attempt."""
        now = status(self)
        return not (now.own or now.interpretation or now.state or now.conflict)

    @property
    def own_errors(self) -> Errors:
        """What its own rules, the blocks of the consistency projection and other writers hold against it."""
        now = status(self)
        return Errors((*now.own, *now.interpretation, *now.conflict), where=now.idx)

    @property
    def state_errors(self) -> Errors:
        """What is wrong with the state that it would have led to."""
        return Errors(status(self).state, where=status(self).idx)

    @property
    def errors(self) -> Errors:
        """Everything that speaks against it: own rules, the state, the interpretation, another writer."""
        sitting = judge.get()
        if sitting is not None:
            return Errors(sitting.found(), add=sitting.add)
        now = status(self)
        led_to = [
            Error(BASE, f"Led to invalid state: {e.full_message}", "state", rule=e.rule, origin=e) for e in now.state
        ]
        return Errors((*now.own, *led_to, *now.interpretation, *now.conflict), where=now.idx)

    @property
    def rejection(self) -> Rejection | None:
        """The last refused attempt to append it, or None."""
        return status(self).rejection

    def payload(self) -> dict[str, Any]:
        """The attributes as a dict, in the order of the class.

        Returns
        -------
        dict
            A new dict; its values are those of the event, not masked.
        """
        return dict(self.__dict__)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A new event with the same payload, or with some of it changed; it is in no log.

        What the class has no attribute for is not forgotten: the copy has the same own errors for it.
        """
        copy = super().model_copy(update=update, deep=deep)
        kept = self.kept_aside
        if kept and not self.persisted:
            now = status(copy)
            now.kept_aside = kept
            now.own = (*now.own, *(e for e in status(self).own if e.attribute in kept))
        return copy

    # --- as a value ------------------------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Event):
            return NotImplemented
        return self.event_name == other.event_name and self.payload() == other.payload()

    def __hash__(self) -> int:
        return hash((self.event_name, _hashable(self.payload())))

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        shown = formats.mask(self.payload(), self.filter_attributes)
        return [(name, _Words(formats.value(v)) if _is_absurd(v) else v) for name, v in shown.items()]

    def __repr_name__(self) -> str:
        return self.event_name

    def _repr_html_(self) -> str:
        from funes_lab.widgets import reprs, telling

        return reprs.event_html(telling.event_card(self))


def status(event: Event) -> Status:
    """The status of an event; one that was not built by its constructor is looked at here."""
    try:
        return event._status
    except AttributeError:
        return _looked_at(event)


def set_status(event: Event, known: Status) -> None:
    """Give an event its status; an event is frozen, what becomes of it is not."""
    object.__setattr__(event, "_status", known)


def _looked_at(event: Event) -> Status:
    """A copy, or what pydantic built or unpickled, has passed no rule yet."""
    scan = _scan.get()
    if scan is not None:
        set_status(event, scan.status())
        return event._status
    set_status(event, Status())
    try:
        checked = type(event).__pydantic_validator__.validate_python(dict(event.__dict__), by_name=True)
    except ValidationError as failure:
        own = errors_of(failure, source="own", owner=event.event_name, secret=event.filter_attributes)
        event._status.own = tuple(own)
    else:
        object.__setattr__(event, "__dict__", checked.__dict__)
    _settle(event)
    return event._status


def twin(event: Event) -> Event:
    """The same event with a payload of its own, for a block that might keep or change a part of it."""
    copy = event.model_copy(deep=True)
    set_status(copy, status(event))
    return copy


def own_rules_again(event: Event) -> None:
    """Look at a payload once more before it is written: its lists and dicts may have changed since it was built."""
    if shape_of(type(event)).mutable and not status(event).own:
        _settle(event)


class _Words(str):
    """Words that stand for a value in a repr."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _is_absurd(value: object) -> bool:
    """Whether Python itself refuses to write a number out."""
    return isinstance(value, int) and value.bit_length() > MAX_INT_BITS


def _settle(event: Event) -> None:
    now = status(event)
    skip = {error.attribute.split(".")[0] for error in now.own}
    problems = shape_of(type(event)).settle(event, event.filter_attributes, skip)
    if problems:
        now.own = (*now.own, *problems)


def _hashable(value: Any) -> Any:
    if isinstance(value, dict):
        return frozenset((key, _hashable(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return (type(value), *map(_hashable, value))
    if isinstance(value, (set, frozenset)):
        return frozenset(map(_hashable, value))
    return _hashable(value.__dict__) if isinstance(value, BaseModel) else value
