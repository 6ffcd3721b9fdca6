"""What an inspector has before it: the attempts of a journal, filtered, counted and told, as the page gets them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from funes_lab import formats
from funes_lab.current import Workspace
from funes_lab.rejection import Rejection
from funes_lab.rejections import Rejections
from funes_lab.store import Row
from funes_lab.widgets import sentences
from funes_lab.widgets.inspector import led
from funes_lab.widgets.inspector.attempts import Attempt, Rule, numbered
from funes_lab.widgets.inspector.detail import detail
from funes_lab.widgets.inspector.filters import Filters, Known
from funes_lab.widgets.timeline.picture import GLYPHS

#: Rows of a page of the table; as many before and after them are told already.
PAGE: Final = 10
#: Bars of the chart of rules.
_RULES: Final = 6
_OPTIONS: Final = 100
#: The gates in the order of the chart.
_STAGES: Final = ("own", "state", "interpretation", "conflict")
_STREAMS: Final = 8
_DETAILS: Final = 400

_ELSEWHERE: Final = "Where the notebook runs, an attempt can be edited and tried again."

Data = dict[str, Any]


class Desk:
    """The attempts of a lab or of a stream.

    Parameters
    ----------
    rejections : Rejections
    lab : Lab
    idx : str, optional
        Of the stream, if they are those of one.
    """

    def __init__(self, rejections: Rejections, lab: Workspace, idx: str | None) -> None:
        self.lab, self.idx = lab, idx
        self._rejections = rejections
        self.attempts: list[Attempt] = []
        self._by_id: dict[str, Attempt] = {}
        self._rows: dict[str, list[Row]] = {}
        self._details: dict[tuple[str, int], Data] = {}
        self._fitting: dict[Filters, list[Attempt]] = {}
        self._frames: dict[Filters, Data] = {}
        self.read()

    def read(self) -> None:
        """Read the journal; what is known already is kept."""
        known = {id_: attempt.rejection for id_, attempt in self._by_id.items()}
        self.attempts = list(numbered(self._rejections.again(known), self._by_id))
        self._by_id = {attempt.rejection.id: attempt for attempt in self.attempts}
        for remembered in (self._rows, self._details, self._fitting, self._frames):
            remembered.clear()

    def known(self) -> Known:
        """What can be asked for."""
        return Known(self.attempts, self.idx, lambda idx: self.lab.store.head(idx, self.lab.unit).version > 0)

    def of(self, rejection: Rejection) -> Attempt | None:
        """The attempt that a rejection tells of, if the journal has it."""
        return self._by_id.get(rejection.id)

    def fitting(self, filters: Filters) -> list[Attempt]:
        """The attempts that are shown, newest first."""
        if filters not in self._fitting:
            self._fitting.clear()
            self._fitting[filters] = [attempt for attempt in reversed(self.attempts) if filters.fits(attempt)]
        return self._fitting[filters]

    def detail(self, attempt: Attempt, before: int = led.BEFORE) -> Data:
        """What is told of an attempt, and so many events that led there."""
        key = (attempt.rejection.id, before)
        if key not in self._details:
            while len(self._details) >= _DETAILS:
                del self._details[next(iter(self._details))]
            rejection = attempt.rejection
            rows = self._stream(rejection.idx) if rejection.version_read else []
            self._details[key] = detail(rejection, led.led(rows, rejection, before))
        return self._details[key]

    def _stream(self, idx: str) -> list[Row]:
        if idx not in self._rows:
            while len(self._rows) >= _STREAMS:
                del self._rows[next(iter(self._rows))]
            self._rows[idx] = self.lab.store.stream(idx, self.lab.unit)
        return self._rows[idx]

    # --- as the page gets it -----------------------------------------------------------------------------------

    def frame(self, shown: Sequence[Attempt], filters: Filters) -> Data:
        """What stands around the rows: title, counts, chart and what can be chosen."""
        if filters not in self._frames:
            self._frames.clear()
            self._frames[filters] = self._framed(shown, filters)
        return self._frames[filters]

    def _framed(self, shown: Sequence[Attempt], filters: Filters) -> Data:
        rejections = [attempt.rejection for attempt in self.attempts]
        return {
            "title": "Refused attempts" + (f" on {formats.middle(self.idx, 40)}" if self.idx is not None else ""),
            "counts": _counts(len(shown), len(self.attempts)),
            "total": len(shown),
            "told": formats.value(len(shown)),
            "of": len(self.attempts),
            "one": self.idx is not None,
            "stages": self._stages(filters),
            "rules": self._rules(filters),
            "events": _options(attempt.event for attempt in self.attempts),
            "streams": _options(rejection.idx for rejection in rejections) if self.idx is None else [],
            "projections": _options(one.projection for one in rejections if one.projection),
            "page": PAGE,
            "read_only": self.lab.read_only,
            "glyphs": GLYPHS,
            "left_out": "",
        }

    def window(self, shown: Sequence[Attempt], offset: int) -> Data:
        """The rows of a page and of its neighbours, and what is told of them."""
        base = max(0, offset - PAGE)
        there = shown[base : offset + 2 * PAGE]
        return {
            "base": base,
            "rows": [attempt.line(base + n) for n, attempt in enumerate(there, start=1)],
            "details": {str(attempt.number): self.detail(attempt) for attempt in there},
        }

    def carried(self, shown: Sequence[Attempt], selected: int, room: int) -> Data:
        """The attempts that a page without a kernel has room for, newest first, and what is told of them.

        The selected one comes first, then those that are shown, then the others.
        """
        chosen = [attempt for attempt in self.attempts if attempt.number == selected]
        listed = {attempt.number: attempt for attempt in (*chosen, *shown, *reversed(self.attempts))}
        taken: list[tuple[int, Data, Data]] = []
        for attempt in listed.values():
            line = {**attempt.line(len(taken) + 1), "facets": _facets(attempt)}
            told = self.detail(attempt)
            room -= weight(line) + weight(told) + 20
            if room < 0:
                break
            taken.append((attempt.number, line, told))
        taken.sort(key=lambda one: -one[0])
        places = [formats.value(n) for n in range(1, len(taken) + 1)]
        left = len(self.attempts) - len(taken)
        return {
            "base": 0,
            "rows": [{**line, "place": place} for place, (_, line, _) in zip(places, taken, strict=True)],
            "details": {str(number): told for number, _, told in taken},
            "left_out": f"{formats.count(left, 'attempt')} left out of this page. {_ELSEWHERE}" if left else _ELSEWHERE,
        }

    def _stages(self, filters: Filters) -> list[Data]:
        free = filters.without("stage")
        counted = Counter(attempt.rejection.stage for attempt in self.attempts if free.fits(attempt))
        there = {attempt.rejection.stage for attempt in self.attempts}
        stages = [*_STAGES, *sorted(there - {*_STAGES})]
        most = max(counted.values(), default=1)
        return [
            {
                "key": stage,
                "word": sentences.stage_word(stage),
                "count": formats.value(counted[stage]),
                "share": round(counted[stage] / most, 3),
                "on": stage in filters.stage,
            }
            for stage in stages
        ]

    def _rules(self, filters: Filters) -> Data:
        free = filters.without("rule")
        counted: Counter[Rule] = Counter()
        for attempt in self.attempts:
            if free.fits(attempt):
                counted.update(attempt.rules)
        ranked = sorted(counted, key=lambda rule: (-counted[rule], rule))
        on = [rule for rule in ranked if rule.key == filters.rule]
        bars = list(dict.fromkeys([*ranked[: _RULES - len(on)], *on]))
        more = len(ranked) - len(bars)
        most = max(counted.values(), default=1)
        return {
            "bars": [
                {
                    "key": rule.key,
                    "stage": rule.stage,
                    "asks": rule.asks,
                    "of": rule.of,
                    "count": formats.value(counted[rule]),
                    "share": round(counted[rule] / most, 3),
                    "on": rule.key == filters.rule,
                }
                for rule in sorted(bars, key=lambda rule: (-counted[rule], rule))
            ],
            "more": f"… {formats.count(more, 'more rule')}" if more else "",
        }


def weight(values: object) -> int:
    """How many characters values take in a script."""
    text = json.dumps(values, ensure_ascii=True, separators=(",", ":"))
    return len(text) + 5 * sum(text.count(letter) for letter in "<>&")


def _counts(shown: int, there: int) -> str:
    if not there:
        return "none yet"
    of = f" of {formats.value(there)}" if shown != there else ""
    return f"{formats.value(shown)}{of}{', newest first' if shown > 1 or of else ''}"


def _options(names: Iterable[str]) -> list[list[str]]:
    """Names to choose from with what stands for them, the most frequent if there are too many."""
    counted = Counter(names)
    often = sorted(name for name, _ in counted.most_common(_OPTIONS))
    return [[name, formats.middle(name, 60)] for name in often]


def _facets(attempt: Attempt) -> Data:
    """What a page without a kernel filters by."""
    rejection = attempt.rejection
    return {
        "event": attempt.event,
        "idx": rejection.idx,
        "projection": rejection.projection or "",
        "rules": [rule.key for rule in attempt.rules],
        "said": attempt.said,
    }
