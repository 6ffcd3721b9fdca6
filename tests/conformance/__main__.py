"""`python -m tests.conformance [DIRECTORY]`: run every scenario of a directory and say which differ."""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.conformance import scenario
from tests.conformance.world import run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the scenarios; the exit status is 1 if one failed and 2 if there is none to run."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("directory", nargs="?", type=Path, default=scenario.DEFAULT_DIRECTORY)
    directory = parser.parse_args(arguments).directory
    try:
        found = scenario.files(directory)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 2
    about = scenario.decisions(directory)
    counts = Counter(_verdict(path, scenario.decided(about, path.stem)) for path in found)
    print(f"{counts['decided']} improved or Ruby's own")
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    return 1 if counts["failed"] else 0


def _verdict(path: Path, decision: str) -> str:
    if decision != "keep":
        return "decided"
    try:
        found = run(scenario.read(path))
    except Exception as error:  # one file that cannot be run must not hide the others
        found = f"cannot be run: {type(error).__name__}: {error}"
    if found is None:
        return "passed"
    print(f"{path.stem}: {found}")
    return "failed"


if __name__ == "__main__":
    # scenarios refuse events where a refusal has no effect, and what is logged of it would hide the report
    logging.disable(logging.WARNING)
    sys.exit(main())
