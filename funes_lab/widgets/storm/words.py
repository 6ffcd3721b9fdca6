"""What the picture of a storm says: its figures, its proof, and the whole of it for those who do not see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from funes_lab import formats

#: The columns of the table: their heads, and where they end.
COLUMNS: Final = (
    ("writers", 330), ("accepted", 398), ("lost races", 468), ("refused", 528), ("given up", 590), ("a second", 656),
    ("p50 ms", 712), ("p95 ms", 768), ("p99 ms", 826), ("fairness", 888), ("proof", 940),
)  # fmt: skip

Rows = Sequence[Mapping[str, Any]]


def cells(row: Mapping[str, Any]) -> list[str]:
    """The figures of one storm, written out.

    Parameters
    ----------
    row : mapping
        One of `Storm.df()`.

    Returns
    -------
    list of str
        One for each of `COLUMNS`.
    """
    counts = [f"{row[name]:,}" for name in ("writers", "accepted", "conflicts", "refused", "given_up")]
    times = [_short(row[name]) for name in ("throughput", "p50", "p95", "p99")]
    return [*counts, *times, _short(row["fairness"], 2), "✓" if row["proven"] else "✗"]


def _short(number: float, places: int | None = None) -> str:
    """A measured figure, with no more digits than it is worth."""
    if number != number:
        return formats.NONE
    if places is None:
        places = 0 if number >= 100 else 1
    return f"{number:,.{places}f}"


def where(told: Mapping[str, Any], rows: Rows) -> str:
    """Who wrote, how much, and over how many streams."""
    counts = list(dict.fromkeys(row["writers"] for row in rows))
    kind = ("process" if told["processes"] else "thread") + ("" if counts == [1] else "s")
    kind = kind.replace("processs", "processes")
    each = f"{formats.count(told['appends'], 'append')} each"
    over = formats.count(told["streams"], "stream")
    shown = formats.shorten(", ".join(f"{count:,}" for count in counts), 40)
    return f"{shown} {kind}, {each} over {over}" + (", interrupted" if told["interrupted"] else "")


def proof_told(rows: Rows, broken: Sequence[str]) -> str:
    """The proof in a sentence."""
    if broken:
        more = "" if len(broken) == 1 else f" ({formats.count(len(broken) - 1, 'more rule')} broken, see storm.proof)"
        return f"The log did not come through. {broken[0][:1].upper()}{broken[0][1:]}{more}"
    accepted = sum(row["accepted"] for row in rows)
    every = "the one acknowledged event is" if accepted == 1 else f"all {accepted:,} acknowledged events are"
    return f"Versions contiguous, nothing lost, nothing twice: {every} in the log."


def label(told: Mapping[str, Any], rows: Rows, broken: Sequence[str]) -> str:
    """The storm in words."""
    lines = [f"Storm on {told['stream_class']}: {where(told, rows)}."]
    for row in rows[:8]:
        _, accepted, lost, refused, given_up, rate, _, _, p99, fairness, _ = cells(row)
        who = f"{formats.visible(row['policy'])}, {formats.count(row['writers'], 'writer')}"
        lines.append(
            f"{who}: {accepted} accepted, {lost} lost races, {refused} refused, {given_up} given up, {rate} a second, "
            f"p99 {p99} ms, fairness {fairness}."
        )
    if len(rows) > 8:
        lines.append(f"{len(rows) - 8:,} more in storm.df().")
    return " ".join([*lines, proof_told(rows, broken)])


def text(told: Mapping[str, Any], rows: Rows, broken: Sequence[str]) -> str:
    """The storm for a terminal: a line a storm, then the proof."""
    heads = ["policy", *(head for head, _ in COLUMNS)]
    table = [heads, *([formats.visible(row["policy"]), *cells(row)] for row in rows)]
    wide = [max(len(line[column]) for line in table) for column in range(len(heads))]
    lines = [
        "  ".join([line[0].ljust(wide[0]), *(cell.rjust(w) for cell, w in zip(line[1:], wide[1:], strict=True))])
        for line in table
    ]
    glyph = "✗" if broken else "✓"
    return "\n".join(
        [
            f"Storm on {told['stream_class']}: {where(told, rows)}",
            *lines,
            f"{glyph} {formats.visible(proof_told(rows, broken))}",
        ]
    )
