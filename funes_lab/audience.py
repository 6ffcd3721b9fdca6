"""Whether anybody is there to look, or a program executes the notebook.

Such a program stores the state of every widget that tells of itself, and the page of a notebook with any state asks a
network for what draws it. So where nobody is there, a widget speaks to nobody, as outside of a kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any

import comm


def request() -> dict[str, Any]:
    """What the front end asked the kernel for just now, if there is a kernel."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return {}
    kernel = getattr(get_ipython(), "kernel", None)
    return {} if kernel is None else kernel.get_parent("shell") or {}


def somebody_is_there() -> bool:
    """Whether a person may be asked: programs that execute a notebook say that nobody is."""
    return bool(request().get("content", {}).get("allow_stdin", True))


class PassingLine:
    """A line in the output of a cell that is written anew again and again, and is empty in the end.

    A bar that is a widget leaves its model and the seconds that it took in the notebook, others in every run.
    """

    encoding = "utf-8"

    def __init__(self) -> None:
        self._handle: Any = None

    def write(self, text: str) -> None:
        """Show a text in the place of the one before."""
        from IPython.display import display

        shown = {"text/plain": text.strip()}
        if self._handle is not None:
            self._handle.update(shown, raw=True)
        elif text.strip():
            self._handle = display(shown, raw=True, display_id=True)  # type: ignore[no-untyped-call]

    def flush(self) -> None:
        """Nothing is held back."""


@contextmanager
def bar(total: int | None, unit: str, *, progress: bool) -> Iterator[Callable[[int], object]]:
    """Show how far something is, if it takes longer than a second and somebody looks; nothing of it stays.

    Gives the function that is told how many more are done: in a notebook a line that passes, else in the terminal.
    """
    from tqdm import tqdm

    seen, line = progress and somebody_is_there(), PassingLine() if request() else None
    with tqdm(total=total, unit=unit, unit_scale=True, delay=1, disable=not seen, leave=False, file=line) as shown:
        yield shown.update


@contextmanager
def told_to_somebody() -> Iterator[None]:
    """Widgets that are made inside, and their parts, tell of themselves only where somebody is there.

    Also a decorator. `comm.create_comm` is made to be replaced: a kernel does the same when it starts.
    """
    if somebody_is_there():
        yield
        return
    told, here = comm.create_comm, get_ident()

    def create(*args: Any, **kwargs: Any) -> Any:
        made = comm.DummyComm if get_ident() == here else told
        return made(*args, **kwargs)

    comm.create_comm = create
    try:
        yield
    finally:
        comm.create_comm = told
