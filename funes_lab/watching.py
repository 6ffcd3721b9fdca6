"""Who wants to know that a lab has changed.

What is shown in a notebook follows the log. A watcher is held weakly: when nobody shows it any more, it is gone.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any


class Watchers:
    """Methods that are called after something was appended, refused, loaded or forgotten.

    Examples
    --------
    >>> class Screen:
    ...     def changed(self):
    ...         print("changed")
    >>> watchers, screen = Watchers(), Screen()
    >>> watchers.add(screen.changed)
    >>> watchers.tell()
    changed
    >>> del screen
    >>> len(watchers)
    0
    """

    def __init__(self) -> None:
        self._methods: list[weakref.WeakMethod[Callable[[], Any]]] = []

    def add(self, method: Callable[[], Any]) -> None:
        """Call a bound method whenever something has changed, as long as its object is alive."""
        self._methods.append(weakref.WeakMethod(method))

    def remove(self, method: Callable[[], Any]) -> None:
        """Call it no more."""
        self._methods = [known for known in self._alive() if known() != method]

    def tell(self) -> None:
        """Call all of them."""
        if self._methods:
            for known in self._alive():
                method = known()
                if method is not None:
                    method()

    def __len__(self) -> int:
        return len(self._alive())

    def _alive(self) -> list[weakref.WeakMethod[Callable[[], Any]]]:
        self._methods = [known for known in self._methods if known() is not None]
        return self._methods
