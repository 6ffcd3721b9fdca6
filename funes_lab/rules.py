"""What the class of a stream asks of its events."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from funes_lab.errors import DefinitionError
from funes_lab.fold import Fold
from funes_lab.judging import Order
from funes_lab.projection import Projection, fold_of


@dataclass(frozen=True, slots=True)
class Rules:
    """The configuration of a stream class, with its projections as they are defined now."""

    stream_class: str
    consistency: Fold | None
    order: Order
    actual_time_attribute: str | None


def rules_of(cls: Any) -> Rules:
    """The rules of a stream class."""
    projection = latest(cls.consistency_projection)
    return Rules(
        stream_class=cls.__name__,
        consistency=None if projection is None else projection._fold,
        order="on_top" if cls.consistency_order == "on_top" else "true_place",
        actual_time_attribute=cls.actual_time_attribute,
    )


def latest(projection: type[Projection[Any]] | None) -> type[Projection[Any]] | None:
    """A projection as its module has it now: a cell that was run again replaced the class."""
    if projection is None or "<locals>" in projection.__qualname__:
        return projection
    found: Any = sys.modules.get(projection.__module__)
    for part in projection.__qualname__.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) and issubclass(found, Projection) else projection


def check_configuration(cls: Any) -> None:
    """Refuse a stream class that cannot work, when it is defined."""
    projection: object = cls.consistency_projection
    if projection is not None:
        try:
            fold_of(projection, "consistency_projection")
        except TypeError as failure:
            raise DefinitionError(f"{cls.__name__}: {failure}") from None
    if cls.consistency_order not in ("true_place", "on_top"):
        raise DefinitionError(
            f"{cls.__name__}: consistency_order must be 'true_place' or 'on_top', got {cls.consistency_order!r}"
        )
    attribute: object = cls.actual_time_attribute
    if attribute is not None and not (isinstance(attribute, str) and attribute.isidentifier()):
        raise DefinitionError(
            f"{cls.__name__}: actual_time_attribute must be the name of an attribute, such as 'at', got {attribute!r}"
        )
