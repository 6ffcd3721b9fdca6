"""Breach: the shortest sequence of accepted events that was found to break an invariant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import BaseModel

from funes_lab import formats
from funes_lab.event import Event
from funes_lab.explore.outcome import told
from funes_lab.fold import Fold, fields_of

if TYPE_CHECKING:
    import pandas as pd

_WIDE: Final = 200


class Draw(NamedTuple):
    """One event that is tried: where, and how many events back it happened; None if it says so itself."""

    idx: str
    event: Event
    back: int | None


@dataclass(frozen=True, slots=True)
class Step:
    """One accepted event and the state of its stream after it."""

    idx: str
    event: Event
    state: BaseModel
    draw: Draw | None = None


@dataclass(frozen=True, slots=True)
class Breach:
    """The shortest sequence of accepted events that was found to break an invariant.

    Attributes
    ----------
    events : list of Event
        As they were accepted, with their versions and times; without those that were given. It is empty if what was
        given breaks the invariant already.
    state : State, or dict of str to State
        The one that breaks it; of several streams all of them by idx.
    """

    name: str
    given: Sequence[Step]
    steps: Sequence[Step]
    state: Any
    folds: Mapping[str, Fold] = field(repr=False)

    @property
    def events(self) -> list[Event]:
        """The events that break it, in the order in which they were accepted."""
        return [step.event for step in self.steps]

    def df(self) -> pd.DataFrame:
        """The events as a DataFrame.

        Returns
        -------
        DataFrame
            RangeIndex, a row an event in the order in which they were accepted. Columns `idx` and `event` (category),
            `version` (int64), `occurred_at` (datetime64[us, UTC]), `payload` (dict), then the fields of the state of
            its stream after it (`state.x` where one is called like a column). Secret attributes are masked.
        """
        import pandas as pd

        from funes_lab.replay.columns import column, kinds_of, times

        frame: dict[str, Any] = {
            "idx": pd.Categorical([step.idx for step in self.steps]),
            "version": pd.Series([step.event.version for step in self.steps], dtype="int64"),
            "event": pd.Categorical([step.event.event_name for step in self.steps]),
            "occurred_at": times([step.event.occurred_at for step in self.steps]),
            "payload": pd.Series([_payload(step.event) for step in self.steps], dtype="object"),
        }
        states = [self._shown(step) for step in self.steps]
        kinds = {name: kind for fold in self.folds.values() for name, kind in kinds_of(fold.state, fold.secret).items()}
        taken = set(frame)
        for name, kind in kinds.items():
            frame[f"state.{name}" if name in taken else name] = column([state.get(name) for state in states], kind)
        return pd.DataFrame(frame)

    def __repr__(self) -> str:
        count = formats.count(len(self.steps), "accepted event")
        head = f"{self.name} breaks it after {count}" if self.steps else f"{self.name}: what is given breaks it already"
        return "\n  ".join([head, *self._lines("given", self.given), *self._lines("then ", self.steps)])

    def _lines(self, word: str, steps: Sequence[Step]) -> Iterator[str]:
        for step in steps:
            where = f"{step.idx}  " if len(self.folds) > 1 else ""
            yield f"{word}  {where}#{step.event.version} {told(step.event)}"
            yield f"       → {formats.pairs(self._shown(step), limit=_WIDE)}"

    def _shown(self, step: Step) -> dict[str, Any]:
        """The fields of a state, without what an event or the state itself keeps secret."""
        secret = [name for known in (*self.given, *self.steps) for name in known.event.filter_attributes]
        return formats.mask(fields_of(step.state), [*self.folds[step.idx].secret, *secret])


def _payload(event: Event) -> dict[str, Any]:
    return formats.mask(event.payload(), event.filter_attributes)
