"""What is public, and so has an entry in the reference."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import funes_lab

#: Modules whose public functions and classes are used by their name in the module.
MODULES = ("datasets", "teaching", "testing")

#: Members with a public name that are for the floors of the package and of no use outside; each says so itself.
INNER = {
    "AppendForm.card",
    "Jobs.add", "Jobs.finish",
    "Lab.check_writable", "Lab.metainformation_now", "Lab.queue", "Lab.row", "Lab.store", "Lab.transaction_now",
    "Lab.unit",
    "Race.scene",
    "ReadingSide.rows", "EventStream.rows", "Reading.rows", "Branch.rows",
    "Rejections.add", "Rejections.again", "Rejections.newest",
    "Scenario.rows",
    "Transaction.check_inside", "Transaction.commit", "Transaction.doom", "Transaction.end", "Transaction.moved",
    "Transaction.rollback", "Transaction.wrote",
}  # fmt: skip

#: Public classes that a reader is given and never makes; so are all that have no public name.
GIVEN = {"funes_lab.Error", "funes_lab.Errors", "funes_lab.Reading", "funes_lab.Rejection", "funes_lab.Verdict"}


def qualified(member: Any) -> str:
    """The name of a member with that of the class that defines it."""
    function = getattr(member, "fget", None) or getattr(member, "__func__", member)
    return str(getattr(function, "__qualname__", ""))


def public_names() -> Iterator[str]:
    """Every name that a user may rely on."""
    for name in funes_lab.__all__:
        thing = getattr(funes_lab, name)
        yield f"funes_lab.{name}"
        if inspect.isclass(thing):
            yield from (f"funes_lab.{name}.{member}" for member in members(thing))
    for name in MODULES:
        module = importlib.import_module(f"funes_lab.{name}")
        for inside in names_of(module):
            thing = getattr(module, inside)
            yield f"{module.__name__}.{inside}"
            if inspect.isclass(thing) and thing.__module__ == module.__name__:
                yield from (f"{module.__name__}.{inside}.{member}" for member in members(thing))


def names_of(module: ModuleType) -> list[str]:
    """The public names of a module: those that it lists, or those that are defined in it."""
    if listed := getattr(module, "__all__", None):
        return list(listed)
    at_home = {name for name, thing in vars(module).items() if getattr(thing, "__module__", None) == module.__name__}
    return [name for name in sorted(at_home | {"scenario"}) if not name.startswith("_")]


def members(cls: type) -> list[str]:
    """The public methods and properties of a class, but for those of a base that has an entry of its own."""
    found = {}
    for base in cls.__mro__:
        is_told_elsewhere = base is not cls and base.__name__ in funes_lab.__all__
        if base.__module__.startswith("funes_lab.") and not is_told_elsewhere:
            for name, member in vars(base).items():
                routine = inspect.isroutine(member) or isinstance(member, property)
                if routine and not name.startswith("_") and qualified(member) not in INNER:
                    found[name] = member
    return [*found]
