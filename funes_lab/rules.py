"""What the class of a stream asks of its events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from funes_lab.errors import DefinitionError
from funes_lab.fold import Fold
from funes_lab.judging import Order
from funes_lab.projection import fold_of, latest
from funes_lab.tiers import Async, ReadModel, read_model


@dataclass(frozen=True, slots=True)
class Rules:
    """The configuration of a stream class, with its projections as they are defined now."""

    owner: Any
    stream_class: str
    consistency: Fold | None
    order: Order
    actual_time_attribute: str | None
    transactional: tuple[ReadModel, ...]
    background: tuple[Async, ...]


def rules_of(cls: Any) -> Rules:
    """The rules of a stream class."""
    projection = cls.consistency_projection
    return Rules(
        owner=cls,
        stream_class=cls.__name__,
        consistency=None if projection is None else latest(projection)._fold,
        order="on_top" if cls.consistency_order == "on_top" else "true_place",
        actual_time_attribute=cls.actual_time_attribute,
        transactional=tuple(read_model(latest(projection)) for projection in cls.transactional_projections),
        background=tuple(cls.async_projections),
    )


def check_configuration(cls: Any) -> None:
    """Refuse a stream class that cannot work, when it is defined."""
    projection: object = cls.consistency_projection
    if projection is not None:
        try:
            fold_of(projection, "consistency_projection")
        except TypeError as failure:
            raise DefinitionError(f"{cls.__name__}: {failure}") from None
    listed: object = cls.transactional_projections
    if isinstance(listed, type) or not isinstance(listed, Sequence):
        raise DefinitionError(f"{cls.__name__}: transactional_projections must be a list, got {listed!r}")
    for one in listed:
        try:
            read_model(one)
        except (TypeError, DefinitionError) as failure:
            raise DefinitionError(f"{cls.__name__}: transactional_projections: {failure}") from None
    waiting: object = cls.async_projections
    if not isinstance(waiting, Sequence) or not all(isinstance(one, Async) for one in waiting):
        raise DefinitionError(f"{cls.__name__}: async_projections must be a list of fl.Async(…), got {waiting!r}")
    for one in waiting:
        read_model(one.projection)
    if cls.consistency_order not in ("true_place", "on_top"):
        raise DefinitionError(
            f"{cls.__name__}: consistency_order must be 'true_place' or 'on_top', got {cls.consistency_order!r}"
        )
    attribute: object = cls.actual_time_attribute
    if attribute is not None and not (isinstance(attribute, str) and attribute.isidentifier()):
        raise DefinitionError(
            f"{cls.__name__}: actual_time_attribute must be the name of an attribute, such as 'at', got {attribute!r}"
        )
