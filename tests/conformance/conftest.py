"""A lab with a clock of its own, and the domains' event names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

import funes_lab as fl
from tests.conformance.domains import claimed


@pytest.fixture(autouse=True)
def _names() -> Iterator[None]:
    with claimed():
        yield


@pytest.fixture
def clock() -> fl.testing.Clock:
    """A clock that moves on by a second whenever it is read."""
    return fl.testing.Clock(datetime(2025, 6, 1, tzinfo=UTC), tick=timedelta(seconds=1))


@pytest.fixture
def lab(clock) -> Iterator[fl.Lab]:
    with fl.Lab(clock=clock) as lab:
        yield lab
