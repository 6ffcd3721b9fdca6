"""The sentences of a refusal, the same in a terminal and in a notebook."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from funes_lab import formats
from funes_lab.widgets.cards import ErrorRow, RejectionCard, Winner

#: The attribute of an error that is about the whole.
BASE: Final = "base"
#: The gates, the one that outweighs the others first: its word and its glyph.
STAGES: Final = {
    "conflict": ("conflict", "⟩⟨"),
    "state": ("state", "◇"),
    "interpretation": ("interpretation", "△"),
    "own": ("own rule", "□"),
}
MARKS: Final = {"offending": "◇", "changed": "~", "added": "+", "removed": "−", "same": "="}

MESSAGE: Final = 300  # characters of a message
_NAME = 60
_SHORT = (
    (re.compile(r"^must be greater than or equal to (?=\S)"), "must be ≥ "),
    (re.compile(r"^must be less than or equal to (?=\S)"), "must be ≤ "),
    (re.compile(r"^must be greater than (?=\S)"), "must be > "),
    (re.compile(r"^must be less than (?=\S)"), "must be < "),
)


def stage_word(stage: str) -> str:
    """Name a gate; one that is not known has its own name."""
    return STAGES[stage][0] if stage in STAGES else formats.middle(stage, 20)


def stage_glyph(stage: str) -> str:
    """Give the glyph of a gate; one that is not known has none."""
    return STAGES[stage][1] if stage in STAGES else ""


def weightiest(rows: Sequence[ErrorRow]) -> str:
    """Name the gate whose colour stands for several errors."""
    return next((stage for stage in STAGES if any(row.source == stage for row in rows)), "own")


def short(message: str) -> str:
    """Write the bound of a rule with its sign.

    Examples
    --------
    >>> short("must be greater than or equal to 0")
    'must be ≥ 0'
    """
    for pattern, sign in _SHORT:
        message = pattern.sub(sign, message)
    return message


def field(row: ErrorRow) -> str:
    """Name what an error is about; "" for the whole."""
    return "" if row.attribute == BASE else formats.middle(row.attribute, _NAME)


def whole(row: ErrorRow) -> str:
    """Name the whole that an error without a field is about."""
    return "whole state" if row.source == "state" else "whole event"


def why(row: ErrorRow) -> str:
    """Say what is wrong, beside the name of the field.

    Examples
    --------
    >>> why(ErrorRow("state", "balance", "must be greater than or equal to 0", "Debt", -5, True))
    'would be −5, must be ≥ 0'
    """
    message = formats.shorten(row.message, MESSAGE)
    if not _value_helps(row, message):
        return message
    message = short(message)
    if row.source == "state":
        return f"would be {_quoted(row.value)}, {message}"
    return f"{_quoted(row.value)} {message}" if message.startswith("must ") else message


def sentence(row: ErrorRow, joint: str = ": ") -> str:
    """Say what is wrong, the field named; `joint` stands between a field and the value it has.

    Examples
    --------
    >>> sentence(ErrorRow("own", "interest_amount", "“ten” is not a decimal number", "Debt::Issued"))
    'interest_amount: “ten” is not a decimal number'
    """
    told, name = why(row), field(row)
    if not name:
        return told
    # a message is the end of a sentence that begins with the field, unless a value stands first
    value_first = not told[:1].isalpha() or (row.source == "own" and told != formats.shorten(row.message, MESSAGE))
    return f"{name}{joint if value_first else ' '}{told}"


def rule(row: ErrorRow) -> str:
    """Name the rule that was broken; "" where nobody named one.

    Examples
    --------
    >>> rule(ErrorRow("state", "balance", "must be greater than or equal to 0", "Debt"))
    'rule balance ≥ 0 of Debt'
    """
    word = "" if row.source == "own" else "rule"  # the name of that gate is "own rule"
    bound_of = short(row.message)
    of = f" of {formats.middle(row.rule, _NAME)}" if row.rule else ""
    if field(row) and bound_of.startswith(("must be ≥", "must be ≤", "must be >", "must be <")):
        bound = formats.shorten(bound_of.removeprefix("must be "), _NAME)
        return f"{word} {field(row)} {bound}{of}".lstrip()
    return f"{word}{of}".lstrip() if of else ""


def errors_headline(rows: Sequence[ErrorRow], where: str | None) -> str:
    """Say how many errors there are, and what did not happen."""
    if where is None and rows and all(row.source == "state" for row in rows):
        return f"{formats.count(len(rows), 'error')} in the state."
    target = f" to {formats.middle(where, _NAME)}" if where else ""
    first = (
        "Denied: another writer took the version first."
        if weightiest(rows) == "conflict"
        else f"Refused: {formats.count(len(rows), 'error')}."
    )
    return f"{first} Nothing was written{target}."


def refused(rows: Sequence[ErrorRow], verdict: str = "Refused") -> str:
    """Say why, in the words of whoever wrote the rule if there are any."""
    told = sentence(_spokesman(rows), " ") if rows else "no reason was given"
    return f"{verdict}: {told}" + ("" if told.endswith((".", "!", "?", "…")) else ".")


def gist(rows: Sequence[ErrorRow]) -> str:
    """Say why in one line, for a list of attempts; "" without errors.

    Examples
    --------
    >>> gist([ErrorRow("state", "balance", "must be greater than 0", "Debt", -5, True)])
    'balance would be −5, must be > 0'
    """
    return sentence(_spokesman(rows)) if rows else ""


def beside(payload: Mapping[str, object], moment: datetime | None) -> Mapping[str, object]:
    """Leave out the field that only says when it happened, where that time stands beside the payload."""
    return {k: v for k, v in payload.items() if not (isinstance(v, datetime) and v == moment)}


def headline(card: RejectionCard) -> str:
    """Say why an attempt is no fact: refused by a rule, or denied because another writer was first."""
    if card.stage != "conflict":
        return refused(card.errors)
    version = f"version {formats.value(card.tried_version)}" if card.tried_version else "the version"
    if card.winner is None:
        return f"Denied: {version} was taken by another writer. Read again and retry."
    return f"Denied: {_taken(card, card.winner)}. Read again and retry."


def reasons(card: RejectionCard) -> Iterator[tuple[str, str]]:
    """Give each error's gate, and beside it what the headline does not say yet."""
    if card.stage == "conflict":
        yield "conflict", "no rule was broken: another writer appended first"
        return
    yield from error_reasons(card.errors, card.stage, card.projection)


def error_reasons(rows: Sequence[ErrorRow], stage: str, projection: str | None = None) -> Iterator[tuple[str, str]]:
    """Give each error's gate, and beside it what the headline does not say yet."""
    judged = f"judged by {formats.middle(projection, _NAME)}" if projection and stage != "own" else ""
    spokesman = _spokesman(rows) if rows else None
    for n, row in enumerate(rows):
        told = rule(row) if row is spokesman else _more_told(row)
        if judged and (row.source == stage or n == len(rows) - 1):
            told, judged = f"{told}, {judged}" if told else judged, ""
        yield row.source, told


def judged_on(card: RejectionCard) -> list[str]:
    """Say what the attempt was judged on, in lines; the state itself is not among them."""
    read = card.version_read
    if card.stage == "own":
        stands = f"the stream stands at version {formats.value(read)}" if read else "the stream has no events yet"
        return ["not judged: refused by its own rules", stands]
    versions = f"versions 1…{formats.value(read)}" if read > 1 else "version 1" if read else "an empty stream"
    place = "" if card.place is None else _place(card.place)
    last = [] if card.last is None else [_event(card)]
    if card.last is not None and place and card.last.version == card.place:
        lines = [versions, place, *last]
    else:
        lines = [f"{versions}; the last was" if last else versions, *last, *([place] if place else [])]
    unjudged = card.projection is None and not card.before and not card.after
    return [*lines, "no consistency projection: no state was judged"] if unjudged else lines


def led_nowhere(card: RejectionCard) -> str:
    """Say why there is no state to show."""
    if card.stage == "own":
        return "nowhere: no projection saw it"
    return "not known: no consistency projection" if card.projection is None else "not known: no state was kept"


def _spokesman(rows: Sequence[ErrorRow]) -> ErrorRow:
    """Choose the error that an author put into words, else the first."""
    return next((row for row in rows if row.source == "interpretation"), rows[0])


def _more_told(row: ErrorRow) -> str:
    """Say what the headline does not: all of an error, but for what stands elsewhere in the picture."""
    if row.source == "own":
        return sentence(row)  # every own rule is of the same event
    if row.source == "state" and row.has_value and rule(row).startswith(f"rule {field(row)} "):
        return rule(row)  # the value stands among the fields of the state
    return f"{sentence(row)}, {rule(row)}" if rule(row) else sentence(row)


def _value_helps(row: ErrorRow, message: str) -> bool:
    """Tell whether the value belongs into the sentence: it is a field's, and the message does not say it."""
    if not row.has_value or row.attribute == BASE or row.source not in ("own", "state"):
        return False
    return not message.startswith(("can't", "“", _quoted(row.value)))


def _quoted(value: object) -> str:
    shown = formats.value(value, limit=_NAME)
    return f"“{shown}”" if isinstance(value, str) and value != formats.FILTERED else shown


def _taken(card: RejectionCard, winner: Winner) -> str:
    payload = f" ({formats.pairs(winner.payload, limit=_NAME)})" if winner.payload else ""
    lead = card.time - winner.created_at
    before = f", {formats.roughly(lead)} before" if lead > timedelta(0) else ""
    return (
        f"version {formats.value(winner.version)} was taken by {formats.middle(winner.event, _NAME)}{payload}{before}"
    )


def _place(place: int) -> str:
    return f"judged {f'after #{formats.value(place)}' if place else 'before #1'}, at its place in time"


def _event(card: RejectionCard) -> str:
    assert card.last is not None
    version = "" if card.last.version is None else f"{formats.value(card.last.version)}  "
    payload = beside(card.last.payload, card.last.occurred_at)
    told = f" {formats.pairs(payload, limit=_NAME)}" if payload else ""
    return f"{version}{formats.middle(card.last.event, _NAME)}{told}"
