"""funes_lab: the notebook laboratory of event sourcing.

Three nouns, as in the Ruby gem Funes: immutable events, streams that append them under optimistic concurrency,
projections that fold a stream into state; and a fourth, seeing: which events were refused and why, as DataFrames
and pictures.
"""

from importlib.metadata import version as _version
from typing import Any as _Any

from funes_lab import datasets, teaching, testing
from funes_lab.codec import UnknownEvent
from funes_lab.errors import (
    AlreadyPersistedError,
    ClosedError,
    ConflictError,
    ConflictingActualTimeError,
    CorruptLogError,
    DefinitionError,
    Error,
    Errors,
    EventRejected,
    ForkedProcessError,
    FunesLabError,
    InvalidMetainformationError,
    InvalidReadModelError,
    MissingActualTimeAttributeError,
    ProjectionError,
    ReadOnlyError,
    SchemaVersionError,
    StoreError,
    StoreLockedError,
    StreamNotFound,
    TransactionError,
    UnknownEventError,
    UpcastError,
)
from funes_lab.event import Event
from funes_lab.lab import Lab, current_lab
from funes_lab.projection import Projection, final_state, initial_state, interpretation_for
from funes_lab.races.race import Race
from funes_lab.races.storm import storm
from funes_lab.rejection import Rejection
from funes_lab.stream import EventStream, Reading
from funes_lab.tiers import Async
from funes_lab.transaction import Rollback
from funes_lab.upcast import upcast
from funes_lab.verdict import Verdict

__version__ = _version("funes-lab")

__all__ = [
    "AlreadyPersistedError",
    "Async",
    "ClosedError",
    "ConflictError",
    "ConflictingActualTimeError",
    "CorruptLogError",
    "DefinitionError",
    "Error",
    "Errors",
    "Event",
    "EventRejected",
    "EventStream",
    "ForkedProcessError",
    "FunesLabError",
    "InvalidMetainformationError",
    "InvalidReadModelError",
    "Lab",
    "MissingActualTimeAttributeError",
    "Projection",
    "ProjectionError",
    "Race",
    "ReadOnlyError",
    "Reading",
    "Rejection",
    "Rollback",
    "SchemaVersionError",
    "StoreError",
    "StoreLockedError",
    "StreamNotFound",
    "TransactionError",
    "UnknownEvent",
    "UnknownEventError",
    "UpcastError",
    "Verdict",
    "current_lab",
    "datasets",
    "final_state",
    "initial_state",
    "interpretation_for",
    "storm",
    "teaching",
    "testing",
    "upcast",
]


def load_ipython_extension(shell: _Any) -> None:
    """Give a notebook the magic `%%events_sql`: this is what `%load_ext funes_lab` calls."""
    from funes_lab import magics

    magics.load(shell)


def unload_ipython_extension(shell: _Any) -> None:
    """Take the magic away: this is what `%unload_ext funes_lab` calls."""
    from funes_lab import magics

    magics.unload(shell)
