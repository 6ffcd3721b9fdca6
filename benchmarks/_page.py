"""What a benchmark prints, kept for the documentation: a part of its page, with when and on what it was measured."""

from __future__ import annotations

import io
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

#: Below the folder in which they are run; `docs/benchmarks.md` includes what lies there.
PARTS = Path("docs", "parts", "bench")
_PACKAGES = ("duckdb", "pandas", "pyarrow", "pydantic")


class _Both(io.StringIO):
    """What is printed goes to the terminal at once, and is kept."""

    def __init__(self) -> None:
        super().__init__()
        self._terminal = sys.stdout

    def write(self, text: str) -> int:
        self._terminal.write(text)
        return super().write(text)

    def flush(self) -> None:
        self._terminal.flush()


@contextmanager
def kept(name: str) -> Iterator[None]:
    """Leave what is printed in the block as the part of the benchmark of that name; a run that breaks leaves none."""
    before = os.getloadavg()[0]
    printed = _Both()
    with redirect_stdout(printed):
        yield
    PARTS.mkdir(parents=True, exist_ok=True)
    text = f"{_measured(before)}\n\n```text\n{printed.getvalue().strip()}\n```\n"
    (PARTS / f"{name}.md").write_text(text, "utf-8")


def _measured(before: float) -> str:
    """When and on what, without a name of the machine."""
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    events = os.environ.get("FUNES_LAB_BENCH_EVENTS")
    reduced = f" **Reduced** to {int(events):,} events: the figures say little." if events else ""
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} with Python {platform.python_version()}, {versions}, on "
        f"{os.cpu_count()} cores; load {before:.1f} before and {os.getloadavg()[0]:.1f} after.{reduced}"
    )
