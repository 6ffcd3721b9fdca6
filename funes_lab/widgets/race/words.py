"""The words of a race: what a writer did, what came of it, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from funes_lab import formats
from funes_lab.races.course import Entry
from funes_lab.races.result import RaceResult
from funes_lab.widgets import sentences, telling

#: Characters of a name, of a writer's, of a payload, of a reason on an arrow.
NAME: Final = 30
WRITER: Final = 20
_PAYLOAD: Final = 40
_REASON: Final = 60
#: Steps that the sentence of a picture tells one by one.
_TOLD: Final = 24


class Names:
    """Names of events without the namespace, as long as they stay different.

    Examples
    --------
    >>> names = Names(["Debt::Issued", "Debt::PaymentReceived"])
    >>> names("Debt::Issued")
    'Issued'
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._all = list(dict.fromkeys(names))
        tails = [name.rpartition("::")[2] for name in self._all]
        self._short = {
            name: tail if tail and tails.count(tail) == 1 else name for name, tail in zip(self._all, tails, strict=True)
        }

    def __call__(self, name: str | None) -> str:
        """The short name."""
        return formats.middle(self._short.get(name or "", name or "event"), NAME)

    def number(self, name: str) -> int:
        """Which event type it is, in order of appearance, from 1."""
        return self._all.index(name) + 1 if name in self._all else 0


def names_of(result: RaceResult) -> Names:
    """The names of all events of a race, those of the log first."""
    there = [fact.event for fact in result.facts if fact.writer is None]
    return Names([*there, *(entry.event for entry in result.entries if entry.event)])


def gist(payload: Mapping[str, Any]) -> str:
    """What matters of a payload: its first figure, else its fields; times are not among them."""
    for value in payload.values():
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            return formats.value(value)
    rest = {name: value for name, value in payload.items() if not isinstance(value, datetime)}
    return formats.pairs(rest, limit=_PAYLOAD) if rest else ""


def tried(entry: Entry, names: Names) -> str:
    """The event that was tried, with what matters of its payload."""
    return f"{names(entry.event)} {gist(entry.payload)}".rstrip()


def version(number: int | None) -> str:
    """A version."""
    return formats.NONE if number is None else formats.value(number)


def writer(name: str) -> str:
    """The name of a writer."""
    return formats.middle(name, WRITER)


def whose(entry: Entry) -> str:
    """Who took the version that was tried."""
    return f"{writer(entry.winner)}’s" if entry.winner and entry.winner != "another writer" else "another writer’s"


def winner_of(result: RaceResult, entry: Entry) -> Entry | None:
    """The step of the race that took the version which this one tried."""
    taken = (entry.winner, entry.idx, entry.tried)
    before = [other for other in result.entries if other.number < entry.number and other.outcome == "accepted"]
    return next((other for other in reversed(before) if (other.writer, other.idx, other.tried) == taken), None)


def when(result: RaceResult, entry: Entry) -> str:
    """When the winner was there: on a copy in memory the clock tells nothing, so the step is named."""
    first = winner_of(result, entry)
    if result.on_scratch:
        return f"in step {formats.value(_stored(result, first))}" if first else ""
    if entry.rejection is None or entry.rejection.winner is None:
        return ""
    lead = entry.rejection.time - entry.rejection.winner.created_at
    return f"{formats.roughly(lead)} before" if lead > timedelta(0) else "at the same time"


def _stored(result: RaceResult, first: Entry) -> int:
    """The step that made an accepted event last: its own, or the commit of its transaction."""
    commits = (
        other.number
        for other in result.entries
        if (other.writer, other.outcome) == (first.writer, "committed") and other.number > first.number
    )
    return next(commits, first.number) if pending(result, first) else first.number


def why(entry: Entry) -> str:
    """Why an event was refused, in one line."""
    rows = [telling.error_row(error) for error in entry.rejection.errors] if entry.rejection else []
    return formats.shorten(sentences.gist(rows) or "no reason was given", _REASON)


# --- what a step says -------------------------------------------------------------------------------------------


def note(result: RaceResult, number: int, names: Names) -> dict[str, Any]:
    """What came of one step: its tone, the sentence, and the reasons with their gates."""
    entries = [entry for entry in result.entries if entry.number == number]
    weights = ("denied", "refused", "committed", "accepted", "declined", "skipped", "read")
    entry = min(entries, key=lambda one: weights.index(one.outcome))
    if entry.rejection is not None:
        return _refusal(result, entry, names)
    told = _said(entry, entries, names)
    tone = "accepted" if entry.outcome in ("accepted", "committed") and not pending(result, entry) else ""
    return {"tone": tone, "headline": told, "reasons": []}


def pending(result: RaceResult, entry: Entry) -> bool:
    """Whether an accepted event waits for the commit of its transaction, or waited for it."""
    if entry.outcome != "accepted" or entry.action != "append":
        return False
    commits = any(other.writer == entry.writer and other.action == "commit" for other in result.entries)
    stored = any(
        (fact.idx, fact.version, fact.writer) == (entry.idx, entry.tried, entry.writer) for fact in result.facts
    )
    return commits or not stored


def sentence(result: RaceResult) -> str:
    """Tell a race in a sentence a step."""
    names, last = names_of(result), max((entry.number for entry in result.entries), default=0)
    who = _listed([writer(name) for name in result.writers])
    told = [f"Race of {who} on {_listed([formats.middle(idx, NAME) for idx in result.streams])}."]
    if not last:
        return f"{told[0]} Nothing has happened yet."
    for number in range(1, min(last, _TOLD) + 1):
        told += [f"{number}: {note(result, number, names)['headline']}"]
    if last > _TOLD:
        told.append(f"And {formats.count(last - _TOLD, 'more step')}.")
    return " ".join(told)


def outcome(result: RaceResult) -> str:
    """How many events were accepted, denied and refused."""
    counts = [(result.accepted, "accepted"), (result.denied, "denied"), (result.refused, "refused")]
    told = [f"{formats.value(count)} {word}" for count, word in counts if count]
    return ", ".join(told) or "nothing appended yet"


def _said(entry: Entry, entries: Sequence[Entry], names: Names) -> str:
    who = writer(entry.writer)
    if entry.outcome == "read":
        return f"{who} reads {_listed([_seen(one, len(entries) > 1) for one in entries])}."
    if entry.outcome == "declined":
        return f"{who} decides to append nothing."
    if entry.outcome == "skipped":
        return f"{who} does nothing: {entry.message}."
    if entry.outcome == "committed":
        return f"{who} commits: {entry.message}."
    told = [f"{tried(one, names)} as version {version(one.tried)}" for one in entries if one.outcome == "accepted"]
    again = "reads again and appends" if entry.action == "retry" else "appends"
    until = ", until it commits" if "if the commit does" in entry.message and entry.action == "append" else ""
    return f"{who} {again} {_listed(told)}: accepted{until}."


def _refusal(result: RaceResult, entry: Entry, names: Names) -> dict[str, Any]:
    assert entry.rejection is not None
    card = telling.rejection_card(entry.rejection)
    if card.winner is not None and result.on_scratch:
        card = replace(card, time=card.winner.created_at)
    reasons = [(gate, sentences.stage_word(gate), told) for gate, told in sentences.reasons(card)]
    if entry.outcome == "denied":
        reasons = [("conflict", sentences.stage_word("conflict"), _lost(result, entry, names))]
    headline = sentences.headline(card)
    verdict, _, rest = headline.partition(": ")
    return {
        "tone": card.stage,
        "headline": f"{writer(entry.writer)} is {verdict.lower()}: {rest}",
        "reasons": [list(reason) for reason in reasons[: formats.FIELDS]],
    }


def _lost(result: RaceResult, entry: Entry, names: Names) -> str:
    """Who won, and why the other lost."""
    who, seen = writer(entry.writer), version(entry.seen)
    judged = f"{who} judged {tried(entry, names)} at version {seen}"
    if entry.winner is None or entry.winner == "another writer" or entry.rejection is None:
        return f"{judged}; somebody outside of the race took {version(entry.tried)}."
    first = winner_of(result, entry)
    what = tried(first, names) if first else names(entry.winning)
    told = f"{judged}; {writer(entry.winner)} had appended {what} as {version(entry.tried)} {when(result, entry)}"
    return f"{told.rstrip()}."


def _seen(entry: Entry, several: bool) -> str:  # noqa: FBT001
    where = f" of {formats.middle(entry.idx, NAME)}" if several else ""
    return f"version {version(entry.seen)}{where}"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
