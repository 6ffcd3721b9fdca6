"""The context that a scenario declares: which names can be bound, and what is asked of two of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, create_model

_ACTION = re.compile(r"\w+#\w+", re.ASCII)


def _present(value: Any) -> Any:
    if value is None or value is False or (isinstance(value, str) and not value.strip()):
        raise ValueError("can't be blank")
    return value


def _an_action(value: Any) -> Any:
    if not _ACTION.fullmatch(str(value)):
        raise ValueError("is invalid")
    return value


_VALIDATED = {
    "user_id": Annotated[Any, AfterValidator(_present)],
    "action": Annotated[Any, AfterValidator(_present), AfterValidator(_an_action)],
}


def model_of(declared: Mapping[str, Any]) -> type[BaseModel] | None:
    """The model for what a scenario says of its metainformation; None if it says nothing."""
    if not declared:
        return None
    kinds = _VALIDATED if declared.get("validations") else {}
    default = Field(default=None, validate_default=True)
    fields: dict[str, Any] = {name: (kinds.get(name, Any), default) for name in declared["attributes"]}
    return create_model("EventMetainformation", **fields)
