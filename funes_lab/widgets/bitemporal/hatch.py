"""Hatches: lines that fill a box, for what has no order and so no ramp."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil


def hatch(kind: int, x: float, y: float, w: float, h: float) -> str:
    """The lines of a hatch within a box; they meet those of its neighbours."""
    if kind == 3:
        return "".join(_falling(x, y, w, h))
    if kind == 4:
        rows, columns = _marks(y + 1, y + h - 1, 5), _marks(x + 1, x + w - 1, 5)
        return "".join(f"M{_short(u)} {_short(v)}h1.5" for v in rows for u in columns)
    across, down = {1: (6, 0), 2: (0, 6), 5: (6, 6), 6: (3, 0), 7: (0, 3)}.get(kind, (0, 0))
    d = "".join(f"M{_short(x)} {_short(v)}h{_short(w)}" for v in _marks(y + 0.5, y + h, across))
    return d + "".join(f"M{_short(v)} {_short(y)}v{_short(h)}" for v in _marks(x + 0.5, x + w, down))


def _falling(x: float, y: float, w: float, h: float) -> Iterator[str]:
    for v in _marks(x - y - h + 0.5, x + w - y, 6):
        a, b = max(x, v + y), min(x + w, v + y + h)
        yield f"M{_short(a)} {_short(a - v)}L{_short(b)} {_short(b - v)}"


def _marks(start: float, end: float, step: int) -> range:
    """Multiples of a step from start to before the end; none without a step."""
    return range(ceil(start / step) * step, ceil(end), step) if step else range(0)


def _short(number: float) -> str:
    return f"{round(number, 1):g}"
