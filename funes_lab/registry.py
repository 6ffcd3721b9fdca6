"""Which class an event's name stands for, and which functions bring older payloads of it up to date.

The log knows names, Python knows classes. A name belongs to one module: defining a class again in the same
module (a re-run cell) replaces it, a second module that claims the name is an error. A class has one name of its
own and may read older ones, its aliases. Upcasters are kept by name, so that they outlive the class of a cell
that runs again. Tests and bundled data lay a layer over the registry, which vanishes when they are done; a class
that is claimed there hides the outer one of that name with its aliases and its upcasters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from pydantic import BaseModel

from funes_lab.errors import DefinitionError

#: Turns the payload of one shape into that of the next, or into several.
Upcaster = Callable[[dict[str, Any]], Any]


@dataclass(eq=False, slots=True)
class _Layer:
    """What was defined in one scope: classes by their own names, other names of theirs, upcasters by name."""

    classes: dict[str, type[BaseModel]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    upcasters: dict[str, dict[int, Upcaster]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _View:
    """What the layers look like from above, aliases beside own names: so that reading a row costs one look."""

    classes: Mapping[str, type[BaseModel]]
    own: Mapping[str, str]
    chains: Mapping[str, tuple[Upcaster, ...]]


_layers: list[_Layer] = [_Layer()]
_generation = 0
_view = _View({}, {}, {})
#: Definitions of two threads do not mix; whoever reads takes the view as it is.
_defining = RLock()


# --- what can be asked --------------------------------------------------------------------------------------------


def find(name: str) -> type[BaseModel] | None:
    """The class that reads the name, as its own or as an alias, or None."""
    return _view.classes.get(name)


def canonical(name: str) -> str:
    """The own name of the class that reads the name; a name that no class reads is itself."""
    return _view.own.get(name, name)


def names_of(name: str) -> tuple[str, ...]:
    """The own name of the class that reads the name, then its aliases; `(name,)` if no class does."""
    known = _view.own
    own = known.get(name, name)
    return own, *(other for other, of in known.items() if of == own != other)


def upcasters_of(name: str) -> tuple[Upcaster, ...]:
    """The functions that bring payloads of the name up to date: the first takes shape 1."""
    return _view.chains.get(name, ())


def names() -> tuple[str, ...]:
    """Every name that a class reads, aliases included."""
    return tuple(_view.classes)


def names_with_upcasters() -> tuple[str, ...]:
    """Every name that has upcasters, aliases and names that no class reads included."""
    return tuple(_view.chains)


def generation() -> int:
    """A number that grows whenever a name gets another class, other aliases or another upcaster."""
    return _generation


# --- what can be defined ------------------------------------------------------------------------------------------


def claim(name: str, cls: type[BaseModel], aliases: Sequence[str] = ()) -> None:
    """Let `name`, and the older names `aliases`, stand for `cls`; aliases of an earlier definition are dropped.

    Raises
    ------
    DefinitionError
        If a class of another module has the name, if a name would be read by two classes, or if two upcasters
        would take the same shape. Then nothing has changed.
    """
    with _defining:
        top = _layers[-1]
        _check_name(top, name, cls)
        for alias in aliases:
            _check_alias(top, alias, name, cls)
        chain = _joined(top, name, aliases)
        for taken in (name, *aliases):
            _give_way(top, taken)
        top.classes[name] = cls
        top.aliases.update(dict.fromkeys(aliases, name))
        if chain:
            top.upcasters[name] = chain
        _changed()


def add_upcaster(name: str, from_version: int, function: Upcaster) -> None:
    """Keep the function that takes payloads of the name from one shape to the next.

    An alias is as good as the class's own name. A function of the same module and qualified name is replaced.

    Raises
    ------
    DefinitionError
        If the upcaster of an earlier shape is missing, or another function takes this shape already.
    """
    with _defining:
        top, own = _layers[-1], canonical(name)
        first_missing = len(upcasters_of(name)) + 1
        if from_version > first_missing:
            raise DefinitionError(_gap(own, first_missing, from_version, function))
        known = top.upcasters.get(own, {}).get(from_version)
        if known is not None and not _is_same(known, function):
            raise DefinitionError(_twice(own, from_version, known, function))
        top.upcasters.setdefault(own, {})[from_version] = function
        _changed()


@contextmanager
def layer() -> Iterator[None]:
    """Names claimed inside hide those outside, and are forgotten at the end."""
    inner = _Layer()
    with _defining:
        _layers.append(inner)
        _changed()
    try:
        yield
    finally:
        with _defining:
            _layers.remove(inner)
            _changed()


def called(thing: type | Upcaster) -> str:
    """A class or a function as a message names it: module and qualified name."""
    return f"{getattr(thing, '__module__', '?')}.{getattr(thing, '__qualname__', type(thing).__qualname__)}"


# --- how ----------------------------------------------------------------------------------------------------------


def _changed() -> None:
    global _generation, _view
    _view = _look()
    _generation += 1


def _look() -> _View:
    classes: dict[str, type[BaseModel]] = {}
    own: dict[str, str] = {}
    chains: dict[str, dict[int, Upcaster]] = {}
    for level in _layers:
        for hidden in [name for name, of in own.items() if of in level.classes]:
            del own[hidden], classes[hidden]
        for name, cls in level.classes.items():
            classes[name], own[name] = cls, name
            chains.pop(name, None)
        for alias, name in level.aliases.items():
            classes[alias], own[alias] = level.classes[name], name
        for name, known in level.upcasters.items():
            chains[name] = {**chains.get(name, {}), **known}
    ordered = {name: tuple(chain[number] for number in sorted(chain)) for name, chain in chains.items()}
    read = {name: ordered[of] for name, of in own.items() if of in ordered}
    nobodys = {name: chain for name, chain in ordered.items() if name not in own}
    return _View(classes, own, {**nobodys, **read})


def _check_name(top: _Layer, name: str, cls: type[BaseModel]) -> None:
    holder = top.classes.get(name)
    if holder is not None and holder.__module__ != cls.__module__:
        raise DefinitionError(
            f"the event name {name!r} is taken by {called(holder)}; give {called(cls)} another one: "
            f"class {cls.__name__}(fl.Event, name={cls.__module__ + '.' + cls.__name__!r})"
        )
    if name in top.aliases and not _is_edited(reader := top.classes[top.aliases[name]], cls):
        raise DefinitionError(
            f"the event name {name!r} of {called(cls)} is an alias of {called(reader)}, and one class reads a name; "
            "take it out of the aliases= there, or give this class another name="
        )


def _check_alias(top: _Layer, alias: str, name: str, cls: type[BaseModel]) -> None:
    if alias == name:
        raise DefinitionError(f"{alias!r} is the name of {called(cls)} and cannot be its alias too: that is a loop")
    own = top.aliases.get(alias, alias)
    holder = top.classes.get(own)
    if holder is None or own == name or _is_edited(holder, cls):
        return
    held = "the name" if own == alias else "an alias"
    raise DefinitionError(
        f"the alias {alias!r} of {called(cls)} is {held} of {called(holder)}, and one class reads a name; leave it out "
        "here or there (a class of a notebook is forgotten when the kernel starts anew)"
    )


def _is_edited(earlier: type, now: type) -> bool:
    """Whether a class is the same cell or module line run again, with another name=; functions make many such."""
    return _is_same(earlier, now) and "<locals>" not in now.__qualname__


def _is_same(one: type | Upcaster, other: type | Upcaster) -> bool:
    return one is other or called(one) == called(other)


def _give_way(top: _Layer, name: str) -> None:
    """Forget whom the name stood for."""
    top.classes.pop(name, None)
    top.upcasters.pop(name, None)
    top.aliases.pop(name, None)
    for alias in [alias for alias, of in top.aliases.items() if of == name]:
        del top.aliases[alias]


def _joined(top: _Layer, name: str, aliases: Sequence[str]) -> dict[int, Upcaster]:
    """The upcasters of a class: those of its name, and those that an alias had before it was one."""
    chain = dict(top.upcasters.get(name, {}))
    for alias in aliases:
        for number, function in top.upcasters.get(alias, {}).items():
            known = chain.setdefault(number, function)
            if not _is_same(known, function):
                raise DefinitionError(_twice(name, number, known, function))
    for missing, number in enumerate(sorted(chain), start=1):
        if number != missing:
            raise DefinitionError(_gap(name, missing, number, chain[number]))
    return chain


def _gap(name: str, missing: int, number: int, function: Upcaster) -> str:
    told = f"{missing} is" if missing == number - 1 else f"{missing} to {number - 1} are"
    return (
        f"{called(function)} upcasts {name!r} from_version={number}, but from_version {told} missing: a gap that older "
        "payloads cannot cross. Define the upcasters in their order, from 1"
    )


def _twice(name: str, number: int, known: Upcaster, function: Upcaster) -> str:
    return (
        f"{name!r} has two upcasters from_version={number}: {called(known)} and {called(function)}; keep one, or give "
        "it the same name to replace it (a function of a notebook is forgotten when the kernel starts anew)"
    )
