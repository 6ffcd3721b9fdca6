"""Writes timezones.parquet: every change of every clock in the world, from the IANA time zone database.

    pip install tzdata
    python datasets/timezones.py

The release is that of the installed package `tzdata`; the file and datasets/timezones.md name it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import funes_lab as fl
from funes_lab.interchange import timezones
from funes_lab.interchange.timezones import ClockChanged, Offset, OffsetInForce, TimeZoneStream

__all__ = ["ClockChanged", "Offset", "OffsetInForce", "TimeZoneStream"]

RECORDED_AT = datetime(2026, 10, 28, tzinfo=UTC)
"""The record time of every event: the day on which the package tzdata 2026.6 was made, from which we know it.

Set it to that of the package when you regenerate the file from another release.
"""

ABOUT = f"every clock change of every time zone, rules expanded to {timezones.LAST_YEAR}"


if __name__ == "__main__":
    # here, because the classes above are of use without the package
    SOURCE = f"IANA time zone database {timezones.tzdata_version()} (public domain), by datasets/timezones.py"
    rows = timezones.log_rows(RECORDED_AT)
    fl.datasets.write(Path(__file__).with_suffix(".parquet"), rows, about=ABOUT, source=SOURCE)
