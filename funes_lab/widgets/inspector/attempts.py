"""The attempts of a journal as an inspector lists and counts them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

from funes_lab import formats, registry
from funes_lab.rejection import Rejection
from funes_lab.widgets import sentences, telling
from funes_lab.widgets.cards import ErrorRow

_NAME: Final = 60
_WHY: Final = 160
#: Characters of a payload that are searched.
_PAYLOAD: Final = 400
_KIND: Final = 100
#: What differs from one message to the next while the rule is the same.
_VARYING: Final = re.compile(r"“[^”]*”|[−-]?\d[\d,.:]*")
#: A backdated event breaks the same rule after each later event.
_AFTER: Final = re.compile(r", after #[\d,]+$")


class Rule(NamedTuple):
    """A rule that refuses: its gate, what it asks, and whose it is."""

    stage: str
    asks: str
    of: str

    @property
    def key(self) -> str:
        """Its name in a filter."""
        return f"{self.asks} of {self.of}" if self.of else self.asks


@dataclass(frozen=True, eq=False)
class Attempt:
    """A refused attempt and its place in the journal, from 1."""

    number: int
    rejection: Rejection

    @cached_property
    def rows(self) -> list[ErrorRow]:
        """Its errors."""
        return [telling.error_row(error) for error in self.rejection.errors]

    @cached_property
    def event(self) -> str:
        """The name of its event, as the class has it now."""
        return registry.canonical(self.rejection.event)

    @cached_property
    def why(self) -> str:
        """Why it was refused, in one line."""
        return formats.shorten(sentences.gist(self.rows), _WHY)

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that refused it, each once."""
        return tuple(dict.fromkeys(_rule(self.rejection, row) for row in self.rows))

    @cached_property
    def said(self) -> str:
        """What a search looks through, secrets masked, numbers with and without their commas."""
        rejection = self.rejection
        payload = formats.pairs(formats.mask(rejection.payload, rejection.secret), limit=_PAYLOAD)
        told = [rejection.idx, rejection.event, sentences.stage_word(rejection.stage), payload, self.why]
        told += [rejection.projection or "", *(sentences.sentence(row) for row in self.rows)]
        text = " ".join(told).casefold()
        return f"{text} {text.replace(',', '')}" if "," in text else text

    def line(self, place: int) -> dict[str, Any]:
        """What stands in its row of the table, at a place from 1."""
        rejection = self.rejection
        return {
            "n": self.number,
            "place": formats.value(place),
            "time": formats.time(rejection.time, seconds=True),
            "stage": rejection.stage,
            "word": sentences.stage_word(rejection.stage),
            "idx": formats.middle(rejection.idx, 40),
            "event": formats.middle(rejection.event, 40),
            "why": self.why,
            "version": formats.value(rejection.version_tried),
        }


def numbered(rejections: list[Rejection], known: dict[str, Attempt]) -> Iterator[Attempt]:
    """Attempts in the order of the journal, those that are known already as they are."""
    for number, rejection in enumerate(rejections, start=1):
        attempt = known.get(rejection.id)
        yield attempt if attempt is not None and attempt.number == number else Attempt(number, rejection)


def _rule(rejection: Rejection, row: ErrorRow) -> Rule:
    """The rule behind an error.

    Examples of what it asks: `outstanding_balance ≥ 0`, `interest_amount: “…” is not a decimal number`.
    """
    if row.source == "conflict":
        return Rule("conflict", "another writer was first", "")
    own = rejection.event if row.source == "own" else rejection.projection or ""
    told, field = sentences.rule(row), sentences.field(row)
    bound = told.removeprefix("rule ")
    if field and bound.startswith(f"{field} "):
        asks = bound.rpartition(" of ")[0] if row.rule else bound
    else:
        kind = _VARYING.sub(lambda found: "“…”" if found[0].startswith("“") else "…", row.message)
        kind = formats.shorten(kind, _KIND)
        asks = f"{field}: {kind}" if field else kind
    return Rule(row.source, asks, formats.middle(_AFTER.sub("", own), _NAME))
