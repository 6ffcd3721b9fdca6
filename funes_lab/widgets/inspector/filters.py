"""What an inspector leaves out: by gate, event type, stream, projection, rule and text."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from typing import Any, Final

from funes_lab import formats, registry
from funes_lab.event import Event
from funes_lab.projection import Projection
from funes_lab.widgets import sentences
from funes_lab.widgets.inspector.attempts import Attempt

_LISTED: Final = 10
_PATTERN: Final = "*?["


@dataclass(frozen=True)
class Filters:
    """Which attempts are shown: those that every filter lets through; an empty one lets all through.

    Attributes
    ----------
    stage : tuple of str
        Gates.
    event, projection, rule : str
        Names; a rule as it stands in the chart.
    idx : str
        A stream or a pattern (`*`, `?`, `[…]`).
    text : str
        What the attempt says somewhere, in any case: its event, its stream, its payload, its errors.
    """

    stage: tuple[str, ...] = ()
    event: str = ""
    idx: str = ""
    projection: str = ""
    rule: str = ""
    text: str = ""

    def without(self, name: str) -> Filters:
        """The same, one filter lifted: for the counts of what it could let through."""
        return replace(self, **{name: () if name == "stage" else ""})  # type: ignore[arg-type]

    def fits(self, attempt: Attempt) -> bool:
        """Whether an attempt is shown."""
        rejection = attempt.rejection
        return (
            (not self.stage or rejection.stage in self.stage)
            and (not self.event or attempt.event == self.event)
            and (not self.idx or rejection.idx == self.idx or fnmatchcase(rejection.idx, self.idx))
            and (not self.projection or rejection.projection == self.projection)
            and (not self.rule or any(rule.key == self.rule for rule in attempt.rules))
            and (not self.text or self.text.casefold() in attempt.said)
        )

    def given(self) -> dict[str, Any]:
        """Those that are set, by name."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(value) if name == "stage" else value for name, value in found.items() if value}


NAMES: Final = tuple(field.name for field in fields(Filters))


def from_page(asked: Mapping[str, Any]) -> Filters:
    """What the page asks for: it offers only what is there, and what is not lets nothing through."""
    texts = {name: str(asked.get(name) or "") for name in NAMES if name != "stage"}
    return Filters(stage=tuple(map(str, asked.get("stage") or ())), **texts)


@dataclass(frozen=True)
class Known:
    """What can be asked for: what is in the journal, and whether the log has a stream."""

    attempts: Iterable[Attempt]
    idx: str | None
    has_stream: Any

    def checked(self, asked: Mapping[str, Any]) -> Filters:
        """Filters as a person writes them.

        Raises
        ------
        ValueError, TypeError
            For a filter that there is not, or a value that lets nothing through; it names what is possible.
        """
        if not isinstance(asked, Mapping):
            raise TypeError(f"filters must be a dict such as {{'stage': 'state'}}, got {asked!r}")
        for name in asked:
            if name not in NAMES:
                raise ValueError(f"filters has {name!r}, which is no filter; there are {', '.join(NAMES)}")
        wanted = {name: value for name, value in asked.items() if value is not None and value != "" and value != ()}
        return Filters(**{name: getattr(self, f"_{name}")(value) for name, value in wanted.items()})

    def _stage(self, value: Any) -> tuple[str, ...]:
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list | tuple | set | frozenset):
            raise TypeError(f"stage must be a stage or a list of them, got {value!r}")
        there = [*sentences.STAGES, *{attempt.rejection.stage for attempt in self.attempts} - {*sentences.STAGES}]
        return tuple(dict.fromkeys(_one_of(there, one, "stage") for one in listed))

    def _event(self, value: Any) -> str:
        if isinstance(value, type) and issubclass(value, Event):
            return value.event_name
        there = {attempt.event for attempt in self.attempts}
        if isinstance(value, str) and registry.find(value) is not None:
            return registry.canonical(value)
        return _one_of(sorted(there), value, "event", "or an event class")

    def _idx(self, value: Any) -> str:
        there = sorted({attempt.rejection.idx for attempt in self.attempts})
        if self.idx is not None and value != self.idx:
            raise ValueError(f"idx must be {self.idx!r}: this inspector is of that stream alone; got {value!r}")
        if isinstance(value, str) and (any(sign in value for sign in _PATTERN) or self.has_stream(value)):
            return value
        return _one_of(there, value, "idx", "or a pattern such as 'debts-*'")

    def _projection(self, value: Any) -> str:
        if isinstance(value, type) and issubclass(value, Projection):
            return value.__name__
        there = {attempt.rejection.projection for attempt in self.attempts}
        return _one_of(sorted(name for name in there if name), value, "projection", "or a projection class")

    def _rule(self, value: Any) -> str:
        return _one_of(sorted({rule.key for attempt in self.attempts for rule in attempt.rules}), value, "rule")

    def _text(self, value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError(f"text must be a str, got {value!r}")
        return value


def _one_of(there: list[str], value: Any, name: str, other: str = "") -> str:
    if isinstance(value, str) and value in there:
        return value
    near = difflib.get_close_matches(value, there, n=3) if isinstance(value, str) else []
    listed = [*near, *(one for one in there if one not in near)]
    shown = ", ".join(repr(formats.middle(one, 60)) for one in listed[:_LISTED]) or "one that was refused (none yet)"
    more = f" and {formats.count(len(listed) - _LISTED, 'more')}".removesuffix("s") if len(listed) > _LISTED else ""
    raise ValueError(f"{name} must be one of {shown}{more}{f' {other}' if other else ''}, got {value!r}")
