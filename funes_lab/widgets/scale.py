"""The scale of a chart: where it begins and ends, and the figures that stand beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from funes_lab import formats

_ABOUT: Final = 4  # lines across a chart
_LONGEST: Final = 16  # characters of a figure beside an axis


def axis(values: Iterable[float | None]) -> dict[str, Any]:
    """Choose round figures around the values; zero is always among them.

    Parameters
    ----------
    values : iterable of float
        None where there is nothing to draw.

    Returns
    -------
    dict
        `lo` and `hi`, the ends; `ticks`, pairs of a value and its figure.

    Examples
    --------
    >>> [figure for _, figure in axis([100.0, 600.0])["ticks"]]
    ['0', '200', '400', '600']
    """
    known = [value for value in values if value is not None]
    lo, hi = min(0.0, *known, 0.0), max(0.0, *known, 0.0)
    if lo == hi:
        hi = 1.0
    step = _step(Decimal(hi) - Decimal(lo))
    first, last = math.floor(Decimal(lo) / step), math.ceil(Decimal(hi) / step)
    ticks = [step * number for number in range(first, last + 1)]
    return {"lo": float(ticks[0]), "hi": float(ticks[-1]), "ticks": [[float(tick), _figure(tick)] for tick in ticks]}


def _step(span: Decimal) -> Decimal:
    """One, two or five times a power of ten."""
    rough = span / _ABOUT
    power = Decimal(10) ** rough.adjusted()
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor * Decimal("1.1") >= rough)


def _figure(tick: Decimal) -> str:
    shown = formats.value(tick)
    if len(shown) <= _LONGEST:
        return shown
    lead = tick.scaleb(-tick.adjusted()).normalize()
    return f"{formats.value(lead)} × 10^{tick.adjusted()}"
