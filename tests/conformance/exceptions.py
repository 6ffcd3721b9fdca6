"""What an exception of the Ruby gem means here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb

import funes_lab as fl
from tests.conformance.domains.inventory import ArchiveRefused

_MEANING: dict[str, tuple[type[Exception], ...]] = {
    "ActiveRecord::RecordNotFound": (fl.StreamNotFound,),
    "Funes::UnknownEvent": (fl.UnknownEventError,),
    "Funes::ConflictingActualTimeError": (fl.ConflictingActualTimeError,),
    "Funes::MissingActualTimeAttributeError": (fl.MissingActualTimeAttributeError,),
    "Funes::InvalidEventMetainformation": (fl.InvalidMetainformationError,),
    "Funes::InvalidMaterializationState": (fl.InvalidReadModelError,),
    "Funes::UnknownMaterializationModel": (fl.DefinitionError,),
    "ActiveRecord::NotNullViolation": (duckdb.ConstraintException,),
    "ActiveModel::RangeError": (fl.InvalidReadModelError,),
    "InventoryArchive::Refused": (ArchiveRefused,),
}
#: What DuckDB says of it, where one class of its stands for several of Rails'.
_WORDS = {"ActiveRecord::NotNullViolation": "NOT NULL constraint failed"}


def says_the_same(step: Mapping[str, Any], error: BaseException) -> bool:
    """Whether an exception of ours says what Funes raised in a step."""
    raised = step["observed"]["raised"]
    return type(error) in _meaning(step, raised) and _WORDS.get(raised["class"], "") in str(error)


def _meaning(step: Mapping[str, Any], raised: Mapping[str, Any]) -> tuple[type[Exception], ...]:
    if raised["class"] == "ActiveRecord::RecordInvalid":
        if raised.get("record", "event") == "event":
            return (fl.EventRejected, fl.ConflictError)
        return (fl.InvalidReadModelError,)
    if _source(step)["op"] == "metainfo":
        return (TypeError,) if raised["class"] == "NoMethodError" else ()
    if "::" in raised["class"] or not raised["class"].endswith("Error"):
        return _MEANING.get(raised["class"], ())
    # one of Ruby's own: a block broke
    return (fl.ProjectionError,)


def _source(step: Mapping[str, Any]) -> Mapping[str, Any]:
    """The step that raised: of a block, the one inside."""
    inner = [nested for nested in step.get("steps", ()) if "raised" in nested.get("observed", ())]
    return _source(inner[-1]) if inner else step
