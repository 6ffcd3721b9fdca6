"""One replay of a log on file, in a process of its own: what it took, and how much memory above its result.

`python -m benchmarks._growth FILE` prints it as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import funes_lab as fl
from benchmarks._ledger import LENGTH, VirtualOutstandingBalance, ledger

_ROOT = Path(__file__).parents[1]
_PROC = Path("/proc/self")


class Replayed(NamedTuple):
    """One replay: seconds by the clock and of the processor; in MiB the result, and how far memory grew above it."""

    seconds: float
    cpu: float
    result: float
    above: float | None


def replayed(path: Path) -> Replayed:
    """Replay the log at `path` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks._growth", str(path)]
    done = subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return Replayed(**json.loads(done.stdout))


def _replay(path: str) -> Replayed:
    # what is made once a process, such as validators, is made before
    with ledger(LENGTH) as small:
        small.replay(VirtualOutstandingBalance)
    with fl.Lab(path) as lab:
        before = _forget_the_peak()
        started = time.perf_counter(), time.process_time()
        frame = lab.replay(VirtualOutstandingBalance, progress=False)
        ended = time.perf_counter(), time.process_time()
        peak = _mebibytes("VmHWM")
        result = float(frame.memory_usage(deep=True).sum()) / 2**20
    above = None if peak is None or before is None else peak - before - result
    return Replayed(ended[0] - started[0], ended[1] - started[1], result, above)


def _forget_the_peak() -> float | None:
    """Let the high-water mark begin at what the process has now; gives that."""
    if _PROC.exists():
        (_PROC / "clear_refs").write_text("5")
    return _mebibytes("VmRSS")


def _mebibytes(name: str) -> float | None:
    """A figure that Linux has of this process; nothing elsewhere."""
    if not _PROC.exists():
        return None
    lines = dict(line.split(":", 1) for line in (_PROC / "status").read_text().splitlines())
    return int(lines[name].split()[0]) / 1024


if __name__ == "__main__":
    print(json.dumps(_replay(sys.argv[1])._asdict()))
