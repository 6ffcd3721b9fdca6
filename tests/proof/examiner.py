"""A program that opens damaged files, one after the other, and says what it found: a crash costs it alone its life.

A line in is a path; a line out is `{"error": [class, is it one of the lab's own]}` or `{"events": […]}`.
"""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any

import funes_lab as fl
import tests.domain  # noqa: F401  (the events of the files)


def look(path: str) -> dict[str, Any]:
    """Everything that can be read of a file, or why it cannot."""
    try:
        with fl.Lab(path) as lab:
            frame = lab.log.df()
            events = [
                [idx, event.version, digest(event.text), event.occurred_at.isoformat()]
                for idx in lab.log.streams().idx
                for event in sorted(fl.EventStream.for_(idx, lab=lab).events, key=lambda e: e.version)
            ]
            assert len(frame) == len(events) == len(lab.log)
            return {"events": events, "refused": len(lab.rejections)}
    except Exception as failure:  # noqa: BLE001  (whatever it is, the test judges it)
        return {"error": [type(failure).__name__, isinstance(failure, fl.StoreError), str(failure)[:300]]}


def digest(text: str) -> str:
    """Short, so that a line stays a line."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def main() -> None:
    """Line by line."""
    for line in sys.stdin:
        print(json.dumps(look(line.strip())), flush=True)


if __name__ == "__main__":
    main()
