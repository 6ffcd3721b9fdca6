"""Which class an event's name stands for.

The log knows names, Python knows classes. A name belongs to one module: defining a class again in the same
module (a re-run cell) replaces it, a second module that claims the name is an error. Tests and bundled data
lay a layer over the registry, which vanishes when they are done.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import BaseModel

from funes_lab.errors import DefinitionError

_layers: list[dict[str, type[BaseModel]]] = [{}]
_generation = 0


def claim(name: str, cls: type[BaseModel]) -> None:
    """Let `name` stand for `cls`.

    Raises
    ------
    DefinitionError
        If a class of another module has the name.
    """
    global _generation
    holder = _layers[-1].get(name)
    if holder is not None and holder.__module__ != cls.__module__:
        raise DefinitionError(
            f"the event name {name!r} is taken by {holder.__module__}.{holder.__qualname__}; "
            f"give {cls.__module__}.{cls.__qualname__} another one: "
            f"class {cls.__name__}(fl.Event, name={cls.__module__ + '.' + cls.__name__!r})"
        )
    _layers[-1][name] = cls
    _generation += 1


def find(name: str) -> type[BaseModel] | None:
    """The class that has the name, or None."""
    for layer in reversed(_layers):
        if name in layer:
            return layer[name]
    return None


def canonical(name: str) -> str:
    """Stub."""
    return name


def names_of(name: str) -> tuple[str, ...]:
    """Stub."""
    return (name,)


def generation() -> int:
    """A number that grows whenever a name gets another class."""
    return _generation


@contextmanager
def layer() -> Iterator[None]:
    """Names claimed inside hide those outside, and are forgotten at the end."""
    global _generation
    names: dict[str, type[BaseModel]] = {}
    _layers.append(names)
    _generation += 1
    try:
        yield
    finally:
        _layers[:] = [other for other in _layers if other is not names]
        _generation += 1
