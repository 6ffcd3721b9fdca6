"""The pytest plugin of funes_lab.

It stands beside the package, because pytest imports its plugins at each start and funes_lab takes a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import funes_lab


@pytest.fixture
def lab() -> Iterator[funes_lab.Lab]:
    """A funes_lab lab in memory of its own, with a clock that stands still; the current lab during the test."""
    import funes_lab as fl

    opened = fl.Lab(clock=fl.testing.Clock("2026-01-01T09:00:00Z"))
    yield opened
    opened.close()
