"""The frames keep to their schemas, in a process of their own.

Once pandera is imported, pyarrow reads a time of another zone than UTC as if it were in UTC: whatever else is tested in
that process would be tested against that.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_frame_keeps_to_its_schema():
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "tests/schemas/frames.py"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-2000:]
    assert " passed" in run.stdout
