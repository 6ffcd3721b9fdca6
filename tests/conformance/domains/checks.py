"""What the domains demand of a value, in the words of the vectors."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field

T = TypeVar("T")

#: Digits behind the point of a table's decimals; the vectors' own tables had floats.
PLACES = 18


def _present(value: T | None) -> T:
    if value is None:
        raise ValueError("can't be blank")
    return value


def _a_number(value: T | None) -> T:
    if value is None:
        raise ValueError("is not a number")
    return value


PresentTime = Annotated[datetime | None, AfterValidator(_present)]
PositiveDecimal = Annotated[Decimal | None, Field(gt=0), AfterValidator(_a_number)]
DecimalFromZero = Annotated[Decimal | None, Field(ge=0), AfterValidator(_a_number)]
PositiveInt = Annotated[int | None, Field(gt=0), AfterValidator(_a_number)]
IntFromZero = Annotated[int | None, Field(ge=0), AfterValidator(_a_number)]


def required() -> Any:
    """A field that may be left out and is then refused in the words of its own check."""
    return Field(default=None, validate_default=True)
