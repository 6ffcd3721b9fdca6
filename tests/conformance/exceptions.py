"""What an exception of the Ruby gem means here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb

import funes_lab as fl

_MEANING: dict[str, tuple[type[Exception], ...]] = {
    "ActiveRecord::RecordNotFound": (fl.StreamNotFound,),
    "Funes::UnknownEvent": (fl.UnknownEventError,),
    "Funes::ConflictingActualTimeError": (fl.ConflictingActualTimeError,),
    "Funes::MissingActualTimeAttributeError": (fl.MissingActualTimeAttributeError,),
    "Funes::InvalidEventMetainformation": (fl.InvalidMetainformationError,),
    "Funes::InvalidMaterializationState": (fl.InvalidReadModelError,),
    "Funes::UnknownMaterializationModel": (fl.DefinitionError,),
    "ActiveRecord::NotNullViolation": (duckdb.ConstraintException,),
}


def meaning(raised: Mapping[str, Any]) -> tuple[type[Exception], ...]:
    """The classes that say the same as what Funes raised."""
    if raised["class"] == "ActiveRecord::RecordInvalid":
        if raised.get("record", "event") == "event":
            return (fl.EventRejected, fl.ConflictError)
        return (fl.InvalidReadModelError,)
    if "::" in raised["class"]:
        return _MEANING.get(raised["class"], ())
    # one of Ruby's own, NoMethodError and the like: a block broke, and what it raises is wrapped
    return (fl.ProjectionError,)
