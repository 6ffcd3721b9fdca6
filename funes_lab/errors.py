"""What can go wrong, and how it is told.

Two things live here: `Errors`, the collection that an event carries when something refused it, and the
exceptions, all of one family::

    FunesLabError
    ├── DefinitionError (TypeError)              an event, a projection or a stream is defined wrongly
    ├── EventRejected                            append_or_raise: the event was refused; it holds the event
    │   └── ConflictError                        … because another writer took the version first
    ├── AlreadyPersistedError                    this event object is a fact already
    ├── ProjectionError                          a block broke: it names block, event, version and payload
    │   └── UnknownEventError                    a strict projection met an event it has no block for
    ├── UpcastError                              an upcaster broke, or returned what is no payload
    ├── StreamNotFound (LookupError)             nothing to project
    ├── MissingActualTimeAttributeError          the stream wants a time that the event does not carry
    ├── ConflictingActualTimeError               at= says one time, the event another
    ├── InvalidMetainformationError              the context bound to the append does not fit its model
    ├── InvalidReadModelError                    a transactional projection led to a state that does not hold
    ├── TransactionError                         a transaction used in a way that it cannot be used
    └── StoreError                               the database underneath
        ├── StoreLockedError                     another process holds the file
        ├── CorruptLogError                      the file is damaged, or is no event log
        ├── SchemaVersionError                   a newer funes_lab wrote the file
        ├── ReadOnlyError                        a write to a lab opened for reading
        ├── ClosedError                          a lab used after close()
        └── ForkedProcessError                   a lab used in a child process that inherited it
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from funes_lab import formats

if TYPE_CHECKING:
    from funes_lab.event import Event

#: The attribute of an error that concerns the whole event, or the whole state.
BASE: Final = "base"


class _Nothing:
    def __repr__(self) -> str:
        return "<no value>"

    def __reduce__(self) -> str:
        return "NOTHING"


#: Stands for "no value" where None is a value.
NOTHING: Final = _Nothing()


class Error(tuple[str, str]):
    """One reason for a refusal: the pair `(attribute, message)`, and where it comes from.

    Parameters
    ----------
    attribute : str
        The field it is about, or `"base"` for the whole.
    message : str
        What is wrong, as the end of a sentence that begins with the attribute.
    source : {"own", "interpretation", "state", "conflict"}
        Who refused: the event's own rules, a block of the consistency projection, the state it led to, or
        another writer.
    rule : str, optional
        The class or block whose rule it is.
    value : object, optional
        The value that breaks the rule.
    origin : Error, optional
        For "Led to invalid state: …" on an event: the error of the state itself.

    Examples
    --------
    >>> error = Error("interest_rate", "must be greater than 0")
    >>> attribute, message = error
    >>> error.full_message
    'Interest rate must be greater than 0'
    """

    source: str
    rule: str | None
    value: object
    origin: Error | None

    def __new__(
        cls,
        attribute: str,
        message: str,
        source: str = "own",
        *,
        rule: str | None = None,
        value: object = NOTHING,
        origin: Error | None = None,
    ) -> Error:
        self = super().__new__(cls, (attribute, message))
        self.source, self.rule, self.value, self.origin = source, rule, value, origin
        return self

    def __getnewargs__(self) -> tuple[str, str]:
        return self[0], self[1]

    @property
    def attribute(self) -> str:
        """The field, or `"base"`."""
        return self[0]

    @property
    def message(self) -> str:
        """What is wrong."""
        return self[1]

    @property
    def full_message(self) -> str:
        """The attribute in words, then the message; the message alone for the whole event."""
        return self[1] if self[0] == BASE else f"{formats.humanize(self[0])} {self[1]}"


class Errors:
    """The errors of an event or of a state, in order.

    Iterating gives `Error`, which is a pair `(attribute, message)`. It is false when empty.

    Examples
    --------
    >>> errors = Errors([Error("amount", "must be greater than 0")])
    >>> errors.on("amount")
    ['must be greater than 0']
    >>> errors.full_messages
    ['Amount must be greater than 0']
    >>> bool(errors), len(errors)
    (True, 1)
    """

    def __init__(
        self,
        errors: Iterable[Error] = (),
        *,
        where: str | None = None,
        add: Callable[[str, str], None] | None = None,
    ) -> None:
        self._errors = list(errors)
        #: The idx of the stream that refused, for the pictures.
        self.where = where
        self._add = add

    def add(self, attribute: str, message: str) -> None:
        """Refuse the event: only inside a block of a projection, while it judges this event.

        Parameters
        ----------
        attribute : str
            A field of the event, or `"base"` for the whole.
        message : str
            What is wrong, as the end of a sentence that begins with the attribute.

        Raises
        ------
        FunesLabError
            Outside a block: an event that is not being judged cannot be refused.
        """
        for name, text in (("attribute", attribute), ("message", message)):
            if not isinstance(text, str) or not text:
                raise TypeError(f"{name} must be a text that is not empty, got {text!r}")
        if self._add is None:
            raise FunesLabError(
                "errors.add works only while a block judges the event; call it inside an interpretation of "
                "the stream's consistency projection"
            )
        self._add(attribute, message)
        self._errors.append(Error(attribute, message, "interpretation"))

    def on(self, attribute: str) -> list[str]:
        """The messages about one attribute, in order."""
        return [error.message for error in self._errors if error.attribute == attribute]

    @property
    def full_messages(self) -> list[str]:
        """Each error as a sentence."""
        return [error.full_message for error in self._errors]

    def to_list(self) -> list[tuple[str, str]]:
        """The errors as plain `(attribute, message)` pairs."""
        return [(error.attribute, error.message) for error in self._errors]

    def __iter__(self) -> Iterator[Error]:
        return iter(self._errors)

    def __len__(self) -> int:
        return len(self._errors)

    def __getitem__(self, index: int) -> Error:
        return self._errors[index]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Errors):
            return self._errors == other._errors
        return self._errors == other if isinstance(other, list) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        from funes_lab.widgets import reprs, telling

        return reprs.errors_text(telling.errors_card(self))

    def _repr_html_(self) -> str:
        from funes_lab.widgets import reprs, telling

        return reprs.errors_html(telling.errors_card(self))


class FunesLabError(Exception):
    """The base of every exception of funes_lab."""


class DefinitionError(FunesLabError, TypeError):
    """A class is defined in a way that cannot work; the message says what is missing."""


class EventRejected(FunesLabError):
    """An event was refused by `append_or_raise`; nothing was written.

    Attributes
    ----------
    event : Event
        The event that was refused, with its errors.
    errors : Errors
        The same as `event.errors`.
    """

    def __init__(self, event: Event) -> None:
        self.event = event
        super().__init__("; ".join(event.errors.full_messages))

    @property
    def errors(self) -> Errors:
        """The errors of the event."""
        return self.event.errors


class ConflictError(EventRejected):
    """Another writer took the version first; read again and retry."""


class AlreadyPersistedError(FunesLabError):
    """This event object is in a log already; a fact happens once. Build a new event."""


class ProjectionError(FunesLabError):
    """A block of a projection broke. The exception it raised is chained as the cause.

    Attributes
    ----------
    projection : str
        Name of the projection class.
    block : str
        Name of the block that broke.
    event : Event or None
        The event it was given, if it was an interpretation.
    """

    def __init__(self, message: str, *, projection: str, block: str, event: Event | None = None) -> None:
        super().__init__(message)
        self.projection, self.block, self.event = projection, block, event


class UnknownEventError(ProjectionError):
    """A strict projection met an event that it has no interpretation for."""


class UpcastError(FunesLabError):
    """An upcaster broke, or returned what is no payload. The exception it raised is chained as the cause.

    Attributes
    ----------
    upcaster : str
        Module and qualified name of the function.
    event : str
        The name of the event, as the log has it.
    from_version : int
        The shape that the function takes.
    idx : str or None
    version : int or None
        Which event of the log it was.
    """

    def __init__(
        self, message: str, *, upcaster: str, event: str, from_version: int, idx: str | None, version: int | None
    ) -> None:
        super().__init__(message)
        self.upcaster, self.event, self.from_version = upcaster, event, from_version
        self.idx, self.version = idx, version


class StreamNotFound(FunesLabError, LookupError):
    """There is no event to project: the stream is empty, or was at that time."""


class MissingActualTimeAttributeError(FunesLabError):
    """The stream's `actual_time_attribute` is missing or empty on the event."""


class ConflictingActualTimeError(FunesLabError):
    """`at=` and the event's own actual time differ."""


class InvalidMetainformationError(FunesLabError):
    """The metainformation bound to an append does not fit its model; nothing was stored."""


class InvalidReadModelError(FunesLabError):
    """A projection of a tier led to a state that breaks its own rules, or that its table cannot hold exactly.

    Attributes
    ----------
    projection : str
        Name of the projection class.
    state : BaseModel
        The state that was not written.
    errors : Errors
        What does not hold.
    """

    def __init__(self, message: str, *, projection: str, state: object, errors: Errors | None = None) -> None:
        super().__init__(message)
        self.projection, self.state = projection, state
        self.errors = Errors() if errors is None else errors


class TransactionError(FunesLabError):
    """A transaction was used in a way that it cannot be used."""


class StoreError(FunesLabError):
    """The database under the log cannot do what was asked."""


class StoreLockedError(StoreError):
    """Another process holds the file.

    Attributes
    ----------
    path : str
        The file.
    process : str or None
        The program that holds it, as far as the operating system tells.
    pid : int or None
        Its process id.
    """

    def __init__(self, message: str, *, path: str, process: str | None = None, pid: int | None = None) -> None:
        super().__init__(message)
        self.path, self.process, self.pid = path, process, pid


class CorruptLogError(StoreError):
    """The file is damaged, or it is no event log."""


class SchemaVersionError(StoreError):
    """The file was written by a newer funes_lab."""


class ReadOnlyError(StoreError):
    """A write was asked of a lab that is open for reading only."""


class ClosedError(StoreError):
    """The lab is closed."""


class ForkedProcessError(StoreError):
    """A lab was used in a child process that inherited it by fork; open it anew there."""
