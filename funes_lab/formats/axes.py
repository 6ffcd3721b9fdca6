"""Moments beside each other: as fine as they must be to be told apart, and no finer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from funes_lab.formats.figures import in_utc

_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_FINER: Final = ("minutes", "seconds", "milliseconds", "microseconds")


@dataclass(frozen=True, slots=True)
class Scale:
    """Moments written out.

    Attributes
    ----------
    short : list of str
        For an axis or a column, without what all of them share.
    prose : list of str
        For a sentence.
    shared : str
        What they share: the year, or the day; empty if nothing.
    """

    short: list[str]
    prose: list[str]
    shared: str


def scale(moments: Sequence[dt.datetime], *, with_year: bool = True) -> Scale:
    """Write moments of one axis, in UTC.

    Parameters
    ----------
    moments : sequence of datetime
    with_year : bool, default True
        Whether a sentence names the year; not if it stands beside it already.

    Returns
    -------
    Scale

    Examples
    --------
    >>> days = [dt.datetime(2026, 2, 20, tzinfo=dt.UTC), dt.datetime(2026, 3, 2, tzinfo=dt.UTC)]
    >>> scale(days)
    Scale(short=['20 Feb', '2 Mar'], prose=['20 February 2026', '2 March 2026'], shared='2026')
    """
    there = [in_utc(moment) for moment in moments]
    clock = _clock(there)
    one_year, one_day = len({m.year for m in there}) == 1, len({m.date() for m in there}) == 1
    short, prose = [], []
    for moment in there:
        day, month = moment.day, _MONTHS[moment.month - 1]
        year = f" {moment.year}"
        time = f" {moment.time().isoformat(clock)}" if clock else ""
        prose.append(f"{day} {month}{year if with_year else ''}{time}")
        short.append(time[1:] if clock and one_day else f"{day} {month[:3]}{'' if one_year else year}{time}")
    first = there[0] if there else None
    if first is None or not one_year:
        shared = ""
    elif clock and one_day:
        shared = f"{first.day} {_MONTHS[first.month - 1][:3]} {first.year}"
    else:
        shared = str(first.year)
    return Scale(short, prose, shared)


def _clock(moments: Sequence[dt.datetime]) -> str:
    """How fine the time of day must be written; empty if the days tell the moments apart."""
    different = len(set(moments))
    if len({moment.date() for moment in moments}) == different:
        return ""
    for fine in _FINER:
        if len({moment.isoformat(timespec=fine) for moment in moments}) == different:
            return fine
    return _FINER[-1]
