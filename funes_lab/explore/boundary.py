"""The boundary: the nearest value with which a refused event would have been accepted.

Values that may be accepted are looked for around the one that was refused, farther and farther, and among the numbers
that the state and the rules name. From there bisection goes back towards the refused value, down to the field's own
step, and ends with two neighbours: one accepted, one refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from decimal import ROUND_FLOOR, Decimal
from typing import Any, ClassVar, Final, TypeGuard, cast, get_args

import pandas as pd

from funes_lab import formats
from funes_lab.explore.case import Case
from funes_lab.rejection import Rejection

#: A field's numbers are counted in steps; no farther than so many are looked at.
_FARTHEST: Final = 2**60


class Boundary(pd.DataFrame):
    """Where a rule draws its line: a DataFrame, a row a field; get one with `rejection.boundary()`.

    Attributes
    ----------
    sentence : str
    rejection : Rejection
        The refused attempt.
    """

    _metadata: ClassVar[list[str]] = ["sentence", "rejection"]

    sentence: str
    rejection: Rejection

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return pd.DataFrame

    def __repr__(self) -> str:
        return f"{self.sentence}\n{pd.DataFrame(self)!r}" if len(self) else self.sentence

    def _repr_html_(self) -> str | None:
        if not set(_KINDS) <= set(self.columns):
            return cast("str | None", super()._repr_html_())  # type: ignore[misc]
        from funes_lab.widgets import explored

        return explored.boundary_html(explored.boundary_card(self))


def boundary(case: Case, field: str | None) -> Boundary:
    """Find the nearest accepted value of one numeric field, or of each."""
    fields = [field] if field is not None else list(_numeric(case))
    rows = [_Line(case, name).row() for name in fields]
    answer = Boundary({name: pd.Series([row[name] for row in rows], dtype=kind) for name, kind in _KINDS.items()})
    answer.rejection = case.rejection
    answer.sentence = " ".join(_sentence(case, row) for row in rows) or f"{case.rejection.event} has no numeric field."
    return answer


_KINDS: Final[dict[str, Any]] = {
    "field": "str", "tried": "object", "accepted": "object", "refused": "object", "bound": "str", "probes": "int64",
}  # fmt: skip


def check_field(case: Case, field: str) -> None:
    """Refuse a field that the event does not have, or that is no number."""
    if field not in _numeric(case):
        raise ValueError(
            f"field must be a numeric field of {case.rejection.event} that is not secret: "
            f"{', '.join(_numeric(case)) or 'it has none'}; got {field!r}"
        )


def _numeric(case: Case) -> dict[str, int | float | Decimal]:
    """The numeric fields of the attempt that may be shown, with what was tried."""
    secret = set(case.rejection.secret)
    event = case.event()
    found = {}
    for name in case.event_class.model_fields:
        value = getattr(event, name, None)
        if _is_number(value) and name not in secret:
            found[name] = value
    return found


def _is_number(value: object) -> TypeGuard[int | float | Decimal]:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool) and math.isfinite(value)


class _Line:
    """The line that the rules draw through the values of one field, counted in its steps."""

    def __init__(self, case: Case, name: str) -> None:
        self._case, self._name = case, name
        self._tried = _numeric(case)[name]
        self._step = _step_of(case, name, self._tried)
        self._known: dict[int, bool] = {}
        #: Where the steps are counted from: the tried value, or the step below it.
        self._origin = (Decimal(str(self._tried)) / self._step).to_integral_value(ROUND_FLOOR) * self._step

    def row(self) -> Mapping[str, Any]:
        """The nearest accepted value, and its neighbour that is refused."""
        found = min((n for n in self._candidates() if n and self._accepts(n)), key=abs, default=None)
        row = {"field": self._name, "tried": self._tried, "accepted": None, "refused": None, "bound": None}
        between = [n for n in (0, 1) if self._origin != Decimal(str(self._tried)) and self._accepts(n)]
        if between:
            value = self._value(between[0])
            row |= {"accepted": value, "refused": self._tried, "bound": "at least" if between[0] else "at most"}
        elif found is not None:
            good, bad = self._narrowed(found)
            bound = "at most" if good < bad else "at least"
            row |= {"accepted": self._value(good), "refused": self._value(bad), "bound": bound}
        return {**row, "probes": len(self._known)}

    def _narrowed(self, good: int) -> tuple[int, int]:
        """Two neighbours, the first accepted and the second refused, between an accepted value and the tried one."""
        bad = 0
        while abs(good - bad) > 1:
            middle = (good + bad) // 2
            if self._accepts(middle):
                good = middle
            else:
                bad = middle
        return good, bad

    def _candidates(self) -> Iterator[int]:
        """Steps from the tried value at which an accepted one may be: near ones first, then what numbers are named."""
        reach = 1
        while reach <= _FARTHEST:
            if any(self._accepts(n) for n in (-reach, reach)):
                yield from (-reach, reach)
                break
            reach *= 2
        for number in _named(self._case, self._name):
            steps = int((number - self._origin) / self._step)
            if abs(steps) <= _FARTHEST:
                yield from (steps - 1, steps, steps + 1)

    def _accepts(self, steps: int) -> bool:
        if steps not in self._known:
            event = self._case.event({self._name: self._value(steps)})
            self._known[steps] = self._case.accepts(event)
        return self._known[steps]

    def _value(self, steps: int) -> Any:
        value = self._origin + steps * self._step
        return type(self._tried)(value) if isinstance(self._tried, int | float) else value


def _step_of(case: Case, name: str, tried: int | float | Decimal) -> Decimal:
    """The field's own step: what it must be a multiple of, its decimal places, 1 for integers; else 0.01 or finer."""
    told = _constraints(case, name)
    if "multiple_of" in told:
        return abs(Decimal(str(told["multiple_of"])))
    if isinstance(tried, int):
        return Decimal(1)
    exponent = Decimal(str(tried)).as_tuple().exponent
    own = -exponent if isinstance(exponent, int) else 0
    return Decimal(1).scaleb(-int(told.get("decimal_places", max(2, own))))


def _constraints(case: Case, name: str) -> dict[str, Any]:
    """What a field's annotation says of its numbers."""
    info = case.event_class.model_fields[name]
    marks = [
        *info.metadata,
        *(mark for part in get_args(info.annotation) for mark in getattr(part, "__metadata__", ())),
    ]
    wanted = ("gt", "ge", "lt", "le", "multiple_of", "decimal_places")
    return {word: value for mark in marks for word in wanted if (value := getattr(mark, word, None)) is not None}


def _named(case: Case, name: str) -> Iterator[Decimal]:
    """Numbers that a boundary may lie at: zero, those of the annotation, and those of the state that was met."""
    states = (case.rejection.state_before or {}, case.rejection.state_after or {})
    values = [0, *_constraints(case, name).values(), *(value for state in states for value in state.values())]
    tried = _numeric(case)[name]
    for value in values:
        if _is_number(value):
            number = Decimal(str(value))
            yield from (number, -number, Decimal(str(tried)) + number, Decimal(str(tried)) - number)


def _sentence(case: Case, row: Mapping[str, Any]) -> str:
    name = formats.humanize(row["field"])
    tried = formats.value(row["tried"])
    if row["accepted"] is None:
        return f"No {name.lower()} was found with which {case.rejection.event} would be accepted (tried: {tried})."
    return f"{name} {row['bound']} {formats.value(row['accepted'])} (tried: {tried})."
