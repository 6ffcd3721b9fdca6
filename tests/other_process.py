"""Another process with a Python of its own, as a second notebook: it runs what it is given, and says what came of it.

Run as a program it is that process: one line of JSON in, one line out.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


class Raised(Exception):
    """What the other process raised: its class, and what it said."""

    def __init__(self, kind: str, said: str, trace: str) -> None:
        super().__init__(f"{kind}: {said}\n{trace}")
        self.kind, self.said = kind, said


class OtherProcess:
    """A process that waits for code; the names of `tests.domain` and `fl` are there."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.other_process"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.pid = self._process.pid
        assert self.hear() == "ready"

    def run(self, code: str, **values: Any) -> Any:
        """Run it there, wait, and get the value of an expression; `values` are names there from then on."""
        self.begin(code, **values)
        return self.hear()

    def begin(self, code: str, **values: Any) -> None:
        """Have it run, and go on here."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([code, values]) + "\n")
        self._process.stdin.flush()

    def hear(self) -> Any:
        """What came of it."""
        assert self._process.stdout is not None
        told = json.loads(self._process.stdout.readline())
        if told[0] == "raised":
            raise Raised(*told[1:])
        return told[1]

    def kill(self) -> None:
        """Kill it, as nothing else would."""
        os.kill(self.pid, signal.SIGKILL)
        self.end()

    def end(self) -> None:
        """Let it end."""
        self._process.communicate()


def main() -> None:
    """Be the other process."""
    names: dict[str, Any] = {}
    exec("import os, time\nimport duckdb\nimport funes_lab as fl\nfrom tests.domain import *", names)
    print('["done", "ready"]', flush=True)
    for line in sys.stdin:
        code, values = json.loads(line)
        names.update(values)
        try:
            try:
                found = eval(code, names)
            except SyntaxError:
                found = exec(code, names)
            told = ["done", found]
        except BaseException as failure:  # noqa: BLE001  (told to the test)
            told = ["raised", type(failure).__name__, str(failure), traceback.format_exc()]
        print(json.dumps(told, default=str), flush=True)


if __name__ == "__main__":
    main()
