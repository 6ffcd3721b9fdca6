"""The files of a branch, commit by commit: which stream a change belongs to, how many lines it moved, and when."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from funes_lab.interchange.git import SUBMODULE, Change, Commit, Contents
from funes_lab.interchange.git_events import FileAdded, FileChanged, FileEvent, FileRemoved, FileRenamed, Kind

_KINDS: Final[dict[str, Kind]] = {"120000": "link", "100755": "executable", SUBMODULE: "submodule"}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: The last second of the year 9999; git knows none before 1970.
_END: Final = 253_402_300_799
_DIGITS: Final = 20
_LONGEST: Final = 960


@dataclass(slots=True)
class Life:
    """What is known of a file until now; a binary one has no lines."""

    idx: str
    version: int = 0
    binary: bool = False
    lines: int = 0


class Files:
    """The files of the branch, by the paths at which they are, and those that were removed, by their last ones."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._there: dict[bytes, Life] = {}
        self._gone: dict[bytes, Life] = {}
        self._taken: set[str] = set()

    def touched(self, changes: Iterable[Change]) -> Iterator[tuple[type[FileEvent], Life, dict[str, Any]]]:
        """The events of one commit."""
        for change in sorted(changes, key=lambda change: change.status != "D"):  # what is gone makes room
            klass, life = self._life(change)
            added, removed = self._lines(change, life)
            life.version += 1
            life.lines += added - removed
            payload: dict[str, Any] = {"path": _text(change.path)}
            if change.old_path is not None:
                payload["old_path"] = _text(change.old_path)
            kind = _KINDS.get(change.old_mode if klass is FileRemoved else change.mode, "file")
            yield (
                klass,
                life,
                payload
                | {
                    "lines_added": added,
                    "lines_removed": removed,
                    "binary": life.binary,
                    "kind": kind,
                },
            )

    def _life(self, change: Change) -> tuple[type[FileEvent], Life]:
        path = change.path
        if change.status == "D":
            life = self._gone[path] = self._there.pop(path)
            return FileRemoved, life
        if change.status == "R":
            assert change.old_path is not None
            life = self._there[path] = self._there.pop(change.old_path)
            return FileRenamed, life
        if change.status == "A":
            life = self._gone.pop(path) if path in self._gone else Life(self._free(path))
            self._there[path] = life
            return FileAdded, life
        return FileChanged, self._there[path]

    def _lines(self, change: Change, life: Life) -> tuple[int, int]:
        """What was added and removed, so that the sum is what is there; git does not say it of binary contents."""
        if change.status == "D":
            return 0, life.lines
        if change.mode == SUBMODULE:
            life.binary = False
            return 0, life.lines
        if change.lines is not None and change.old_mode != SUBMODULE:
            life.binary = False
            return change.lines
        if change.status == "A" or not (life.binary or change.old_mode == SUBMODULE):
            life.binary = True
            return 0, life.lines
        content = self._contents.of(change.blob)
        life.binary = content.binary
        return content.lines, 0

    def _free(self, path: bytes) -> str:
        """An idx that no other file has."""
        wish = _text(path)
        if len(wish) > _LONGEST:
            wish = f"{wish[:_LONGEST]}… {hashlib.sha256(path).hexdigest()[:12]}"
        idx, number = wish, 1
        while idx in self._taken:
            number += 1
            idx = f"{wish} ({number})"
        self._taken.add(idx)
        return idx


@dataclass(slots=True)
class Clock:
    """When the log learned of a commit: never before the one before it, and never later than now."""

    now: datetime
    latest: datetime | None = None

    def times(self, commit: Commit) -> dict[str, Any]:
        """The times of its events, and in `meta_info` what they should have been."""
        committed, authored = _moment(commit.committed), _moment(commit.authored)
        known = {}
        if committed is None or committed > self.now:
            created_at = self.latest or min(authored or self.now, self.now)
        else:
            created_at = max(committed, self.latest or committed)
        if created_at != committed:
            known["committer_date"] = _as_told(committed, commit.committed)
        if authored is None:
            known["author_date"] = _as_told(None, commit.authored)
        self.latest = created_at
        meta_info = json.dumps(known) if known else None
        return {"created_at": created_at, "occurred_at": authored or created_at, "meta_info": meta_info}


def _moment(seconds: str) -> datetime | None:
    """A time that a log can hold, or None."""
    if not seconds.isdecimal() or len(seconds) > _DIGITS or int(seconds) > _END:
        return None
    return _EPOCH + timedelta(seconds=int(seconds))


def _as_told(moment: datetime | None, seconds: str) -> str:
    if moment is not None:
        return moment.isoformat()
    return f"{seconds[:_DIGITS]} seconds since 1970" if seconds else "none that can be read"


def _text(path: bytes) -> str:
    return path.decode(errors="backslashreplace")
