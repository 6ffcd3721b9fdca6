"""The IANA time zone database as an event log: a stream a zone, an event each time its clock changed.

from funes_lab.interchange.timezones import OffsetInForce, TimeZoneStream

lab = fl.datasets.load("timezones")
lisbon = TimeZoneStream.for_("Europe/Lisbon")
lisbon.projected_with(OffsetInForce, at="1993-07-01")     # two hours ahead of UTC, "CEST", daylight saving
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from importlib import import_module
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from pydantic import BaseModel

from funes_lab.event import Event
from funes_lab.interchange.tzif import BEGINNING, LAST_YEAR, Change, changes
from funes_lab.projection import Projection, interpretation_for
from funes_lab.stream import EventStream

__all__ = [
    "BEGINNING",
    "LAST_YEAR",
    "Change",
    "ClockChanged",
    "Offset",
    "OffsetInForce",
    "TimeZoneStream",
    "clock_changes",
    "log_rows",
    "tzdata_version",
    "zone_names",
]


class ClockChanged(Event, name="TimeZone::ClockChanged"):
    """The clocks of a zone changed; `occurred_at` is the instant from which on the new offset holds.

    Parameters
    ----------
    utc_offset : int
        By how many seconds local time is ahead of UTC from then on; east is positive (Lisbon in summer 3600,
        New York in winter -18000). Local mean times are odd seconds (Lisbon until 1912: -2205).
    abbreviation : str
        The name of the new local time: ``"WEST"``, ``"LMT"``, ``"+08"`` where no letters are in use.
    dst : bool
        The database's flag for daylight saving time. In Ireland the standard time is that of summer: the
        winter, an hour back, carries the flag.
    """

    utc_offset: int
    abbreviation: str
    dst: bool


class Offset(BaseModel):
    """The offset in force in a zone: the fields of `ClockChanged`, and since when they hold.

    Before the first change it is zero, and the abbreviation is ``"-00"``, the database's own sign for a local
    time that nobody knows.
    """

    utc_offset: int = 0
    abbreviation: str = "-00"
    dst: bool = False
    since: datetime | None = None

    def local(self, instant: datetime) -> datetime:
        """Say what the clock on the wall says at an instant, this offset being in force.

        Parameters
        ----------
        instant : datetime
            With a time zone.

        Returns
        -------
        datetime
            The same instant, in local time and with this offset and abbreviation as its time zone.

        Examples
        --------
        >>> from datetime import UTC, datetime
        >>> summer = Offset(utc_offset=7200, abbreviation="CEST", dst=True)
        >>> print(summer.local(datetime(1993, 7, 1, 12, tzinfo=UTC)))
        1993-07-01 14:00:00+02:00
        """
        if instant.tzinfo is None:
            raise ValueError(f"instant has no time zone: {instant!r}; give it one, e.g. tzinfo=UTC")
        return instant.astimezone(timezone(timedelta(seconds=self.utc_offset), self.abbreviation))


class OffsetInForce(Projection[Offset]):
    """The offset in force in a zone: that of its latest change."""

    @interpretation_for(ClockChanged)
    def changed(state: Offset, event: ClockChanged, at: datetime) -> Offset:
        """Put the new offset in force."""
        state.utc_offset = event.utc_offset
        state.abbreviation = event.abbreviation
        state.dst = event.dst
        state.since = at
        return state


class TimeZoneStream(EventStream):
    """The clock changes of one zone; its idx is the zone's name, e.g. ``"Europe/Lisbon"``."""


def zone_names(directory: Traversable | None = None) -> list[str]:
    """List the names of all time zones, in order of the alphabet; aliases are zones like any other.

    Parameters
    ----------
    directory : pathlib.Path or importlib.resources.abc.Traversable, optional
        A folder of TZif files, e.g. ``Path("/usr/share/zoneinfo")``. By default the one in PyPI's `tzdata`.

    Returns
    -------
    list of str

    Examples
    --------
    >>> [name for name in zone_names() if name.startswith("Europe/L")]
    ['Europe/Lisbon', 'Europe/Ljubljana', 'Europe/London', 'Europe/Luxembourg']
    """
    if directory is None:
        return sorted(files("tzdata").joinpath("zones").read_text(encoding="ascii").split())
    return sorted(_names_below(directory))


def clock_changes(zone: str, directory: Traversable | None = None, *, last_year: int = LAST_YEAR) -> list[Change]:
    """List the clock changes of a zone from `BEGINNING` to the end of `last_year`, oldest first.

    Parameters
    ----------
    zone : str
        A name out of `zone_names`.
    directory : pathlib.Path or importlib.resources.abc.Traversable, optional
        A folder of TZif files. By default the one in PyPI's `tzdata`.
    last_year : int
        Changes that a rule foretells are listed up to the end of this year (UTC).

    Returns
    -------
    list of Change
        Named tuples ``(at, utc_offset, abbreviation, dst)``.

    Raises
    ------
    ValueError
        There is no such zone, or its file is no TZif file.

    Examples
    --------
    >>> for change in clock_changes("Asia/Kathmandu"):
    ...     print(change.at.date(), change.utc_offset, change.abbreviation)
    0001-01-02 20476 LMT
    1919-12-31 19800 +0530
    1985-12-31 20700 +0545
    """
    folder = _default_directory() if directory is None else directory
    file = folder.joinpath(*zone.split("/"))
    if not zone or not {"", ".", ".."}.isdisjoint(zone.split("/")) or not file.is_file():
        raise ValueError(f"zone {zone!r} is not in {folder}: zone_names() lists those that are")
    return changes(file.read_bytes(), last_year=last_year)


def log_rows(recorded_at: datetime, directory: Traversable | None = None) -> Iterator[dict[str, Any]]:
    """Yield the clock changes of every zone as rows of an event log, as `Lab.load` takes them.

    Parameters
    ----------
    recorded_at : datetime
        The `created_at` of every row, with a time zone: the log learned all of it at once.
    directory : pathlib.Path or importlib.resources.abc.Traversable, optional
        A folder of TZif files. By default the one in PyPI's `tzdata`.

    Yields
    ------
    dict
        `klass`, `idx` (the zone), `props` (JSON text), `meta_info` (None), `version` (from 1 in each zone),
        `created_at`, `occurred_at` (the instant of the change).

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> row = next(log_rows(datetime(2026, 1, 1, tzinfo=UTC)))
    >>> row["idx"], row["version"], row["props"]
    ('Africa/Abidjan', 1, '{"utc_offset":-968,"abbreviation":"LMT","dst":false}')
    """
    for zone in zone_names(directory):
        for version, change in enumerate(clock_changes(zone, directory), start=1):
            occurred_at, payload = change.at, change._asdict()
            del payload["at"]
            yield {
                "klass": ClockChanged.event_name,
                "idx": zone,
                "props": json.dumps(payload, separators=(",", ":")),
                "meta_info": None,
                "version": version,
                "created_at": recorded_at,
                "occurred_at": occurred_at,
            }


def tzdata_version() -> str:
    """Tell which release of the IANA database the installed `tzdata` package holds, e.g. ``"2026f"``."""
    return str(import_module("tzdata").IANA_VERSION)


def _default_directory() -> Traversable:
    return files("tzdata").joinpath("zoneinfo")


def _names_below(directory: Traversable, prefix: str = "") -> Iterator[str]:
    for entry in directory.iterdir():
        # Systems keep a second copy of every zone in "posix", and one that counts leap seconds in "right".
        if entry.is_dir() and not (prefix == "" and entry.name in {"posix", "right"}):
            yield from _names_below(entry, f"{prefix}{entry.name}/")
        elif entry.is_file():
            with entry.open("rb") as file:
                if file.read(4) == b"TZif":
                    yield prefix + entry.name
