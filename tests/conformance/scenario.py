"""Reading scenarios and the decisions about them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.conformance.notation import instant

HERE = Path(__file__).parent
DEFAULT_DIRECTORY = HERE / "vectors"
DECISIONS = "decisions.json"


@dataclass(frozen=True)
class Scenario:
    """One scenario: its steps, each with what Funes did, and the clock that it runs by."""

    key: str
    steps: list[dict[str, Any]]
    start: datetime
    open_tick: timedelta
    step_tick: timedelta
    metainformation: Mapping[str, Any] = field(default_factory=dict)


def files(directory: Path) -> list[Path]:
    """The scenario files of a directory, in order.

    Raises
    ------
    FileNotFoundError
        If there is no such directory, or no scenario in it.
    """
    found = sorted(path for path in directory.glob("*.json") if path.name != DECISIONS)
    if not found:
        raise FileNotFoundError(f"directory must hold scenarios (*.json), and {str(directory)!r} has none")
    return found


def read(path: Path) -> Scenario:
    """The scenario in a file."""
    told = json.loads(path.read_text(encoding="utf-8"))
    tick = told.get("tick", {})
    return Scenario(
        key=path.stem,
        steps=told["steps"],
        start=instant(told.get("clock", "2025-01-01T00:00:00Z")),
        open_tick=timedelta(microseconds=tick.get("open_us", 1_000)),
        step_tick=timedelta(microseconds=tick.get("step_us", 1_000_000)),
        metainformation=told.get("metainformation", {}),
    )


def decisions(directory: Path) -> dict[str, dict[str, str]]:
    """What is decided about each scenario: beside the scenarios, one level up, or the copy kept here."""
    for place in (directory, directory.resolve().parent, HERE):
        if (place / DECISIONS).is_file():
            told = json.loads((place / DECISIONS).read_text(encoding="utf-8"))
            return {key: entry for key, entry in told.items() if isinstance(entry, dict)}
    return {}


def decided(about: Mapping[str, Mapping[str, str]], key: str) -> str:
    """`keep`, `improve` or `ruby`; what nobody decided about is to be kept."""
    return about.get(key, {}).get("decision", "keep")
