"""Reads compiled time zone files (TZif, RFC 9636) into the list of their clock changes.

A TZif file holds the changes that were known when it was compiled, and a footer: a rule in the notation
of POSIX (``WET0WEST,M3.5.0/1,M10.5.0``) for all the years after them. `changes` reads both.
"""

from __future__ import annotations

import calendar
import re
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
"""When the first offset of every zone begins: the second day of year 1, UTC.

No file says since when a place kept its local mean time. On the first day of year 1 the local times west of
Greenwich lie before year 1, and neither Python nor pandas can hold those.
"""

LAST_YEAR = 2037
"""The last year up to which footer rules are expanded (the end of 32-bit time, and of most files)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HEADER = struct.Struct(">4sc15x6l")
_DAY = 86_400


class Change(NamedTuple):
    """A clock change: from the instant `at` on, local time is `utc_offset` seconds ahead of UTC."""

    at: datetime
    utc_offset: int
    abbreviation: str
    dst: bool


class _Kind(NamedTuple):
    utc_offset: int
    abbreviation: str
    dst: bool


def changes(data: bytes, *, last_year: int = LAST_YEAR) -> list[Change]:
    """List the clock changes of one zone, oldest first.

    The first is the zone's earliest known offset (nearly always its local mean time), placed at `BEGINNING`.
    Entries of the file that change neither offset nor abbreviation nor the daylight saving flag are left out.

    Parameters
    ----------
    data : bytes
        The content of a TZif file of version 2 or later.
    last_year : int
        The footer's rule is expanded to the end of this year (UTC); later changes are left out.

    Returns
    -------
    list of Change
        Each with `at` (a datetime in UTC, whole seconds), `utc_offset` (seconds east of Greenwich),
        `abbreviation` and `dst` (the file's own flag).

    Raises
    ------
    ValueError
        The data are no TZif file, are cut short, or are of version 1, which has no footer.

    Examples
    --------
    >>> from importlib.resources import files
    >>> lisbon = changes(files("tzdata").joinpath("zoneinfo", "Europe", "Lisbon").read_bytes())
    >>> lisbon[0]
    Change(at=datetime.datetime(1, 1, 2, 0, 0, tzinfo=datetime.timezone.utc), utc_offset=-2205, \
abbreviation='LMT', dst=False)
    >>> print(lisbon[-1].at, lisbon[-1].abbreviation)
    2037-10-25 01:00:00+00:00 WET
    """
    first, timed, footer = _read(data)
    first_second, end = _seconds(BEGINNING), _seconds(datetime(last_year + 1, 1, 1, tzinfo=UTC))
    known_until = timed[-1][0] if timed else first_second
    expanded = _rule(footer, known_until, last_year)
    # A rule that means "daylight saving all year" ends and begins in one second: the beginning, told later,
    # is the one that counts.
    timeline = sorted(dict([*timed, *((second, kind) for second, kind in expanded if second > known_until)]).items())
    found, current = [Change(BEGINNING, *first)], first
    for second, kind in timeline:
        if second >= end or kind == current:
            continue
        current = kind
        if second <= first_second:
            found[0] = Change(BEGINNING, *kind)
        else:
            found.append(Change(_EPOCH + timedelta(seconds=second), *kind))
    return found


def _seconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(seconds=1)


# --- the file ---------------------------------------------------------------------------------------------


def _read(data: bytes) -> tuple[_Kind, list[tuple[int, _Kind]], str]:
    """Give the kind of time before the first change, the changes, and the footer."""
    try:
        version, counts = _header(data, 0)
        if version == b"\x00":
            raise ValueError("data are a TZif file of version 1, without a footer: compile it with a newer zic")
        start = _HEADER.size + _size(counts, time_size=4)
        _, counts = _header(data, start)
        return _body(data, start + _HEADER.size, counts)
    except (struct.error, IndexError) as error:
        raise ValueError(f"data are a TZif file cut short or damaged: {len(data)} bytes; fetch it again") from error


def _header(data: bytes, start: int) -> tuple[bytes, tuple[int, ...]]:
    magic, version, *counts = _HEADER.unpack_from(data, start)
    if magic != b"TZif":
        raise ValueError(f"data are no TZif file: they begin with {data[start : start + 4]!r}, not b'TZif'")
    return version, tuple(counts)


def _size(counts: tuple[int, ...], *, time_size: int) -> int:
    universal, standard, leaps, times, kinds, characters = counts
    return times * (time_size + 1) + kinds * 6 + characters + leaps * (time_size + 4) + standard + universal


def _body(data: bytes, start: int, counts: tuple[int, ...]) -> tuple[_Kind, list[tuple[int, _Kind]], str]:
    *_, times, kind_count, _characters = counts
    instants = struct.unpack_from(f">{times}q", data, start)
    indexes = struct.unpack_from(f">{times}B", data, start + times * 8)
    kinds_at = start + times * 9
    names_at = kinds_at + kind_count * 6
    kinds = [
        _Kind(offset, _text(data, names_at + name, b"\x00"), bool(dst))
        for offset, dst, name in struct.iter_unpack(">lBB", data[kinds_at:names_at])
    ]
    timed = [(instant, kinds[index]) for instant, index in zip(instants, indexes, strict=True)]
    # The footer stands between two line ends.
    footer = _text(data, start + _size(counts, time_size=8) + 1, b"\n")
    return kinds[0], timed, footer


def _text(data: bytes, start: int, end: bytes) -> str:
    stop = data.find(end, start)
    if stop < 0:
        raise IndexError(start)
    return data[start:stop].decode("ascii")


# --- the footer -------------------------------------------------------------------------------------------

_NAME = r"([A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)"
_TIME = r"([+-]?\d{1,3}(?::\d\d){0,2})"
_FOOTER = re.compile(rf"{_NAME}{_TIME}(?:{_NAME}{_TIME}?,([^,/]+)(?:/{_TIME})?,([^,/]+)(?:/{_TIME})?)?")


def _rule(footer: str, after: int, last_year: int) -> Iterator[tuple[int, _Kind]]:
    """Expand the footer from the year of the second `after` to `last_year`, and one more on either side."""
    if not footer:
        return
    match = _FOOTER.fullmatch(footer)
    if match is None:
        raise ValueError(f"data have a footer that is no POSIX rule: {footer!r}")
    name, offset, dst_name, dst_offset, start, start_time, end, end_time = match.groups()
    standard = _Kind(-_duration(offset), name.strip("<>"), dst=False)
    if dst_name is None:
        # A rule without daylight saving says what goes on after the last change; in a file without changes it
        # says nothing that the first kind of time has not said.
        return
    saving = standard.utc_offset + 3600 if dst_offset is None else -_duration(dst_offset)
    daylight = _Kind(saving, dst_name.strip("<>"), dst=True)
    first_year = (_EPOCH + timedelta(seconds=after)).year
    # The years of a rule are local ones: around New Year they are one off from those of UTC.
    for year in range(max(first_year - 1, 1), last_year + 2):
        # Each change is told in the local time that it ends.
        yield _day(start, year) + _duration(start_time or "2") - standard.utc_offset, daylight
        yield _day(end, year) + _duration(end_time or "2") - daylight.utc_offset, standard


def _duration(text: str) -> int:
    """Count the seconds of ``[+-]h[:mm[:ss]]``."""
    hours, minutes, seconds = (*map(int, text.lstrip("+-").split(":")), 0, 0)[:3]
    return (-1 if text.startswith("-") else 1) * (hours * 3600 + minutes * 60 + seconds)


def _day(text: str, year: int) -> int:
    """Find the day of a rule in a year: seconds from 1970 to its midnight, local time."""
    new_year = _seconds(datetime(year, 1, 1, tzinfo=UTC))
    if text.startswith("M"):
        return _nth_weekday(year, *map(int, text[1:].split(".")))
    if text.startswith("J"):
        # J counts from 1 and never counts 29 February.
        number = int(text[1:])
        return new_year + (number - 1 + (calendar.isleap(year) and number > 59)) * _DAY
    return new_year + int(text) * _DAY


def _nth_weekday(year: int, month: int, week: int, weekday: int) -> int:
    """Find the week-th weekday (0 is Sunday) of a month; week 5 is the last one, fourth or fifth."""
    first, length = calendar.monthrange(year, month)
    day = 1 + (weekday - first - 1) % 7 + (week - 1) * 7
    return _seconds(datetime(year, month, day if day <= length else day - 7, tzinfo=UTC))
