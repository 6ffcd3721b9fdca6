"""Writes timezones.parquet: every change of every clock in the world, from the IANA time zone database.

    pip install tzdata
    python datasets/timezones.py

The release is that of the installed package `tzdata`; the file and datasets/README.md name it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import funes_lab as fl
from funes_lab.interchange import timezones

RECORDED_AT = datetime(2026, 10, 28, tzinfo=UTC)
"""The record time of every event: the day on which the package tzdata 2026.6 was made, from which we know it.

Set it to that of the package when you regenerate the file from another release.
"""

ABOUT = f"every clock change of every time zone, rules expanded to {timezones.LAST_YEAR}"
SOURCE = f"IANA time zone database {timezones.tzdata_version()} (public domain), by datasets/timezones.py"


if __name__ == "__main__":
    rows = timezones.log_rows(RECORDED_AT)
    fl.datasets.write(Path(__file__).with_suffix(".parquet"), rows, about=ABOUT, source=SOURCE)
