"""The sequence diagram of a race: lifelines, bands, arrows and where they stand; drawn by the picture and by the page.

Heights are pixels. Places across are lanes, from 0, because the page decides how wide it is. Every mark has the number
of the step that it belongs to, so that a part of the race is drawn by leaving out what comes later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from funes_lab import formats
from funes_lab.races.course import Entry
from funes_lab.races.result import RaceResult
from funes_lab.widgets import sentences
from funes_lab.widgets.race import words

#: Where the first arrow stands, from an arrow to its answer, to the next arrow, and of a verdict.
TOP: Final = 56
_ANSWER: Final = 24
_NEXT: Final = 30
_VERDICT: Final = 28

Mark = dict[str, Any]


def diagram(result: RaceResult, *, most: int = 10_000) -> dict[str, Any]:
    """Lay out a race.

    Parameters
    ----------
    result : RaceResult
    most : int
        So many steps are drawn.

    Returns
    -------
    dict
        `lanes` (name, kind, whole), `marks` (kind, n, y, …), `bands` and `heights`, the place below each step.
    """
    return _Layout(result).drawn(most)


def bands_at(drawn: Mapping[str, Any], number: int) -> list[tuple[int, float, float]]:
    """The bands after so many steps: lane, top and bottom; who still holds a reading does so to the bottom."""
    found = []
    for band in drawn["bands"]:
        if band["n"] > number:
            continue
        ended = [y for n, y in band["ends"] if n <= number]
        holds = len(ended) < len(band["ends"]) or not ended
        found.append((band["lane"], band["y"], drawn["heights"][number] - 12 if holds else ended[-1]))
    return found


def sides(writers: Sequence[str]) -> tuple[list[str], list[str]]:
    """The writers left and right of the streams."""
    half = (len(writers) + 1) // 2
    return list(writers[:half]), list(writers[half:])


class _Layout:
    def __init__(self, result: RaceResult) -> None:
        self._result, self._names = result, words.names_of(result)
        left, right = sides(result.writers)
        lanes = [*(("writer", name) for name in left), *(("stream", idx) for idx in result.streams)]
        lanes += [("writer", name) for name in right]
        self._lane = {key: n for n, key in enumerate(lanes)}
        self._marks: list[Mark] = []
        self._bands: dict[str, Mark] = {}
        self._all_bands: list[Mark] = []
        self._dots: dict[tuple[str, int], float] = {}
        self._y = float(TOP)

    def drawn(self, most: int) -> dict[str, Any]:
        heights = [self._y]
        for number, entries in groupby(self._result.entries, key=lambda entry: entry.number):
            if number > most:
                break
            self._marks.append({"kind": "number", "n": number, "y": self._y, "text": formats.value(number)})
            for n, entry in enumerate(entries):
                self._entry(entry, first=n == 0)
            heights.append(self._y)
        return {"lanes": self._lanes(), "marks": self._marks, "bands": self._all_bands, "heights": heights}

    def _lanes(self) -> list[Mark]:
        return [
            {
                "kind": kind,
                "texts": [f"writer {words.writer(name)}", words.writer(name)]
                if kind == "writer"
                else [formats.middle(name, limit) for limit in (words.NAME, 16, 10)],
                "whole": formats.shorten(name, 200),
            }
            for kind, name in self._lane
        ]

    # --- one line of what happened ---------------------------------------------------------------------------

    def _entry(self, entry: Entry, *, first: bool) -> None:
        if first and entry.action in ("read", "retry") and entry.outcome != "skipped":
            self._hold(entry)
        getattr(self, f"_{entry.outcome}")(entry)
        self._y += _NEXT

    def _read(self, entry: Entry) -> None:
        self._ask(entry, ["read"])
        self._answer(entry, [f"version {words.version(entry.seen)}"])

    def _accepted(self, entry: Entry) -> None:
        self._try(entry)
        number = words.version(entry.tried)
        if words.pending(self._result, entry):
            self._answer(entry, [f"accepted as {number}, until the commit", f"as {number}, until commit"])
            return
        self._verdict(entry, "accepted", [f"✓ ACCEPTED as {number}", f"✓ as {number}"])
        self._dot(entry.idx, entry.tried or 0, entry)

    def _denied(self, entry: Entry) -> None:
        self._try(entry)
        number = words.version(entry.tried)
        told = f"{number} is {words.whose(entry)}"
        self._verdict(entry, "conflict", [f"✗ DENIED: {told}", f"✗ {told}"])
        self._glyph(entry, "conflict")
        there = self._dots.get((entry.idx, entry.tried or 0))
        if there is not None:
            told = f"taken {words.when(self._result, entry)}"
            lane = self._lane["stream", entry.idx]
            side = -1 if self._lane["writer", entry.writer] > lane else 1
            self._add("thread", entry, lane=lane, to=there, side=side, texts=[told])

    def _refused(self, entry: Entry) -> None:
        self._try(entry)
        stage = entry.rejection.stage if entry.rejection else ""
        why = words.why(entry)
        texts = [f"✗ REFUSED: {why}", f"✗ REFUSED: {formats.shorten(why, 24)}", "✗ REFUSED"]
        self._verdict(entry, stage if stage in sentences.STAGES else "muted", texts)
        self._glyph(entry, stage)

    def _committed(self, entry: Entry) -> None:
        self._ask(entry, ["commit"])
        self._end_of_band(entry)
        self._verdict(entry, "accepted", [f"✓ COMMITTED: {entry.message}", "✓ COMMITTED"])
        for other in self._since_reading(entry):
            self._dot(other.idx, other.tried or 0, other, n=entry.number)

    def _declined(self, entry: Entry) -> None:
        self._end_of_band(entry)
        told = "appends nothing" if entry.outcome == "declined" else entry.message
        self._add("aside", entry, lane=self._lane["writer", entry.writer], texts=[told, formats.shorten(told, 16)])

    _skipped = _declined

    # --- what it is drawn with -------------------------------------------------------------------------------

    def _add(self, kind: str, entry: Entry, **more: Any) -> None:
        self._marks.append({"kind": kind, "n": entry.number, "y": self._y, **more})

    def _between(self, entry: Entry) -> tuple[int, int]:
        return self._lane["writer", entry.writer], self._lane["stream", entry.idx]

    def _ask(self, entry: Entry, texts: list[str]) -> None:
        source, target = self._between(entry)
        self._add("ask", entry, source=source, target=target, texts=texts)

    def _answer(self, entry: Entry, texts: list[str]) -> None:
        self._y += _ANSWER
        target, source = self._between(entry)
        self._add("answer", entry, source=source, target=target, texts=texts)

    def _verdict(self, entry: Entry, tone: str, texts: list[str]) -> None:
        self._y += _VERDICT
        target, source = self._between(entry)
        self._add("verdict", entry, source=source, target=target, texts=texts, tone=tone)

    def _try(self, entry: Entry) -> None:
        if entry.action == "commit":
            self._ask(entry, ["commit"])
        else:
            if entry.action == "retry":
                self._ask(entry, ["read again"])
                self._answer(entry, [f"version {words.version(entry.seen)}"])
                self._y += _NEXT
            at = words.version(entry.tried)
            self._ask(entry, [f"append {words.tried(entry, self._names)} at {at}", f"append at {at}"])
        self._end_of_band(entry)

    def _dot(self, idx: str, version: int, entry: Entry, *, n: int | None = None) -> None:
        colour = self._names.number(entry.event or "")
        self._dots[idx, version] = self._y
        lane = self._lane["stream", idx]
        side = -1 if self._lane["writer", entry.writer] > lane else 1
        self._add("dot", entry, lane=lane, colour=colour, text=words.version(version), side=side)
        self._marks[-1]["n"] = n or entry.number

    def _glyph(self, entry: Entry, gate: str) -> None:
        self._add("glyph", entry, lane=self._lane["stream", entry.idx], gate=gate)

    def _hold(self, entry: Entry) -> None:
        """A new reading: the band of the one before ends here, if nothing did."""
        former = self._bands.get(entry.writer)
        if former is not None and not former["ends"]:
            former["ends"].append([entry.number, self._y])
        lane = self._lane["writer", entry.writer]
        band = {"lane": lane, "n": entry.number, "y": self._y, "ends": []}
        self._bands[entry.writer] = band
        self._all_bands.append(band)

    def _end_of_band(self, entry: Entry) -> None:
        band = self._bands.get(entry.writer)
        if band is not None:
            band["ends"].append([entry.number, self._y])

    def _since_reading(self, entry: Entry) -> list[Entry]:
        """What a writer had accepted since it read last."""
        found: list[Entry] = []
        for other in self._result.entries:
            if other.writer == entry.writer and other.number < entry.number:
                found = [] if other.action in ("read", "retry") else found
                found += [other] if other.outcome == "accepted" else []
        return found
