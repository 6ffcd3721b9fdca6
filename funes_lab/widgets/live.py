"""What every live widget does: it follows the log, makes room for itself, and shows what broke.

A widget is held by the machinery of ipywidgets as long as its comm is open, whether anybody looks at it or not. So a
cell that is run again closes what it showed before: one follower of the log is left, however often it is run.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import weakref
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Any, Final

import anywidget
import traitlets

from funes_lab.audience import request, told_to_somebody
from funes_lab.current import Workspace
from funes_lab.widgets import theme
from funes_lab.widgets.twin import Static, Twin, source

#: Appends that follow each other within so many seconds are drawn once.
PAUSE: Final = 0.05

_PACKAGE: Final = str(Path(__file__).parents[1])
_log = logging.getLogger("funes_lab")
_shown: dict[Hashable, tuple[Hashable, weakref.WeakSet[Any]]] = {}
_hosted: ContextVar[bool] = ContextVar("funes_lab_hosted", default=False)


class Follower:
    """A widget that draws itself anew when the log has changed; mixed into boxes and pictures."""

    #: The exception of a callback, in one line; empty while nothing is wrong.
    fault: str

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            # the boxes and buttons that a widget makes of itself are widgets, too
            cls.__init__ = _quietly(cls.__init__)  # type: ignore[method-assign]

    def follow(self, lab: Workspace, *identity: Hashable) -> None:
        """Draw whenever something is appended or refused; what the same cell showed before is closed.

        Parameters
        ----------
        lab : Lab
        *identity
            What is shown: outside of a notebook, the same thing made at the same line takes the place of the former.
        """
        self._watchers, self._due = lab.store.watchers, False
        self._loop = running_loop()
        self.take_the_place(*identity)
        self._watchers.add(self.changed)

    def take_the_place(self, *identity: Hashable) -> None:
        """Close what the same cell showed before; what follows the log does so already."""
        if not _hosted.get():
            # by name: every widget of anywidget gets a class of its own
            _make_room(self, (type(self).__qualname__, *identity))

    def open(self) -> None:
        """Tell the front end of it, if anybody is there."""
        with told_to_somebody():
            super().open()  # type: ignore[misc]

    def changed(self) -> None:
        """The log has changed: called by the store, in the thread that wrote."""
        if self._loop is None or self._loop.is_closed():
            self._draw_again()
        elif not self._due:
            self._due = True
            self._loop.call_soon_threadsafe(self._loop.call_later, PAUSE, self._draw_again)

    def refresh(self) -> None:
        """Read the log and draw."""
        raise NotImplementedError

    def leave(self) -> None:
        """Follow the log no more."""
        self._watchers.remove(self.changed)

    def _draw_again(self) -> None:
        self._due = False
        with self.telling():
            self.refresh()

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Show what breaks inside, in the widget and in the log of the kernel; whoever appended is not disturbed."""
        try:
            yield
        except Exception as failure:  # noqa: BLE001  (shown here; an append elsewhere must not fail for it)
            self.fault = f"{type(failure).__name__}: {failure}"
            _log.exception("%s could not be drawn", type(self).__name__)
        else:
            self.fault = ""


class Live(Follower, Twin, anywidget.AnyWidget):  # type: ignore[misc]  # the twin's bundle is the wider one
    """A picture that moves: data made in Python, drawn by one ESM file.

    A subclass names its file and its layout, `class Scrubber(Live, esm="scrubber/scrubber.js", layout="…")`, fills
    `data` with values that are formatted already, and gives its picture as SVG.
    """

    data = traitlets.Dict().tag(sync=True)
    fault = traitlets.Unicode("").tag(sync=True)

    def __init_subclass__(cls, esm: str = "", layout: str = "", **kwargs: Any) -> None:
        if esm:
            cls._esm = source(esm)
            cls._css = theme.sheet(layout)
        super().__init_subclass__(**kwargs)

    def picture(self) -> tuple[str, str]:
        """The picture as it is now: an SVG document, and what it shows in a sentence."""
        raise NotImplementedError

    def static(self) -> Static:
        """The picture as it is now, for a page that nobody runs."""
        svg, label = self.picture()
        state = {name: getattr(self, name) for name in self.static_state()}
        return Static(svg, label, esm=str(self._esm), css=str(self._css), state=state)

    def static_state(self) -> tuple[str, ...]:
        """The names of the values that the static twin draws from."""
        return ("data", "fault")

    def close(self) -> None:
        """Let go of the view and of the log."""
        if hasattr(self, "_watchers"):
            self.leave()
        super().close()

    def __repr__(self) -> str:
        return self.picture()[1]


def _quietly(init: Callable[..., None]) -> Callable[..., None]:
    """A constructor that tells of what it makes only where somebody is there.

    Not the decorator: its frame would stand between a widget and the line that it is made at.
    """

    @wraps(init)
    def made(self: Any, *args: Any, **kwargs: Any) -> None:
        with told_to_somebody():
            init(self, *args, **kwargs)

    return made


@contextmanager
def hosted() -> Iterator[None]:
    """What is made inside stands in another widget, which closes it: it takes nobody's place."""
    token = _hosted.set(True)
    try:
        yield
    finally:
        _hosted.reset(token)


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The loop of this thread, in a kernel: that of the cells, or that of what widgets say."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _make_room(widget: Any, identity: Hashable) -> None:
    """Close what was shown at this place before."""
    place, turn = _place(identity)
    former, there = _shown.get(place, (turn, weakref.WeakSet()))
    if former != turn or turn is None:
        for older in list(there):
            older.close()
        there = weakref.WeakSet()
    there.add(widget)
    _shown[place] = (turn, there)


def _place(identity: Hashable) -> tuple[Hashable, Hashable]:
    """A cell and the run of it; elsewhere a line of code and what it shows."""
    asked = request()
    cell = asked.get("metadata", {}).get("cellId")
    if cell is not None:
        return cell, asked["header"]["msg_id"]
    frame = sys._getframe()  # noqa: SLF001  (what inspect.currentframe gives, which may be None)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return (frame.f_code.co_filename, frame.f_lineno, identity), None
