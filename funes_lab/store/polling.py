"""Who wants to know of changes that another process made: the file is looked at now and then, without its lock."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Final

from funes_lab.watching import Watchers

#: Seconds between two looks, and so many looks at most one waits for whoever is at work in the file.
EVERY: Final = 0.5
_PATIENCE: Final = 20

#: What changes when something is written: which file it is, its size and its time, and those of its write-ahead log.
Token = tuple[tuple[int, int, int] | None, ...]


def token(path: str) -> Token:
    """How a database looks from outside; two `stat`, nothing is opened."""
    return tuple(_look(name) for name in (path, f"{path}.wal"))


class PollingWatchers(Watchers):
    """Watchers that are also told of what other processes write.

    A thread looks as long as anybody watches. What this process writes is told by the store at once, and is no news.

    Parameters
    ----------
    path : str
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        #: How the file looked when this process left it.
        self.left: Token | None = None
        #: How it looked when the watchers were told of it.
        self._told: Token | None = None
        self._found_news = False
        self._looks = 0
        self._thread: threading.Thread | None = None
        self._changing = threading.Lock()
        self._closed = threading.Event()

    def add(self, method: Callable[[], Any]) -> None:
        """Call a bound method whenever something has changed, as long as its object is alive."""
        with self._changing:
            super().add(method)
            if self._thread is None:
                self._told = token(self._path)
                self._thread = threading.Thread(
                    target=_look_now_and_then,
                    args=[weakref.ref(self), self._closed],
                    name="funes_lab watch",
                    daemon=True,
                )
                self._thread.start()

    def found(self, now: Token) -> None:
        """This process has opened the file, which looked like this before."""
        self._found_news = now != self._told

    def leave(self, now: Token) -> None:
        """This process has closed it: what it wrote is no news, unless there was some before."""
        self.left = now
        if not self._found_news:
            self._told = now

    def look(self) -> bool:
        """Tell the watchers if there is news; gives whether anybody watches."""
        now = token(self._path)
        if now != self._told and not self._is_at_work(now):
            self._told = now
            self.tell()
        with self._changing:
            if len(self) == 0:
                self._thread = None
            return self._thread is not None

    def _is_at_work(self, now: Token) -> bool:
        """Whether somebody is writing: to read now would wait for them, in the middle of what a notebook does."""
        self._looks = 0 if now[1] is None else self._looks + 1
        return 0 < self._looks < _PATIENCE

    def close(self) -> None:
        """Look no more."""
        self._closed.set()


def _look_now_and_then(watchers: weakref.ref[PollingWatchers], closed: threading.Event) -> None:
    while not closed.wait(EVERY):
        there = watchers()
        if there is None or not there.look():
            return
        del there


def _look(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116  (a text, asked for twice a second)
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
