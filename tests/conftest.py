"""What every test may rely on: no lab and no event name is left over from another one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import settings

import funes_lab as fl
from funes_lab import current

# pandera, once imported, has pyarrow read a time of any zone as if it were in UTC, unless this is set; empty means no.
os.environ.setdefault("PYARROW_IGNORE_TIMEZONE", "")

# CI tries the same examples each time: what passed on one machine passes on the next. People's runs try new ones.
settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    """Names claimed in a test are forgotten, and labs opened in it are closed."""
    process, before = list(current._process), list(current._before)
    with fl.testing.registry():
        yield
    for lab in [lab for lab in current._process if lab not in process]:
        lab.close()  # type: ignore[attr-defined]
    current._process[:], current._before[:] = process, before


@pytest.fixture
def clock() -> fl.testing.Clock:
    """A clock that moves on by a second whenever it is read."""
    return fl.testing.Clock("2026-06-01T09:00:00Z", tick=timedelta(seconds=1))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that is not there yet."""
    return tmp_path / "ledger.duckdb"


@pytest.fixture
def lab(clock: fl.testing.Clock) -> fl.Lab:
    """A lab in memory."""
    return fl.Lab(clock=clock)


@pytest.fixture(params=["memory", "file", "shared"])
def any_lab(request: pytest.FixtureRequest, clock: fl.testing.Clock, path: Path) -> fl.Lab:
    """A lab in memory, one on a file, and one on a file that it shares."""
    return fl.Lab(":memory:" if request.param == "memory" else path, clock=clock, shared=request.param == "shared")
