"""Metainformation: the context that events are recorded in, bound to a block of code.

Who did it, from where, why: what is bound while an event is appended is stored beside it, in `meta_info`. It is
bound in a context variable, so that it does not leak into other threads and tasks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError

from funes_lab.causation import Cause
from funes_lab.errors import DefinitionError, InvalidMetainformationError
from funes_lab.storable import settle
from funes_lab.upcast import SHAPE_KEY
from funes_lab.validation import errors_of


class Metainformation:
    """What a lab knows of the context of its appends.

    Parameters
    ----------
    model : pydantic model class, optional
        Its fields are the names that can be bound.

    Raises
    ------
    TypeError
        For what is no model.
    DefinitionError
        If it has a field that is written under the key of the payload's shape, `upcast.SHAPE_KEY`.
    """

    def __init__(self, model: type[BaseModel] | None) -> None:
        if model is not None and not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise TypeError(f"metainformation_model must be a pydantic model class, got {model!r}")
        if model is not None:
            _refuse_shape_key(model)
        self.model = model
        self._bound: ContextVar[Mapping[str, Any]] = ContextVar("funes_lab_metainformation")

    @contextmanager
    def bind(self, values: Mapping[str, Any]) -> Iterator[None]:
        """Bind values for the events appended in the block, beside those of the blocks around it.

        Raises
        ------
        TypeError
            For a name that the model does not have.
        """
        self._refuse_unknown(values)
        token = self._bound.set({**self._bound.get({}), **values})
        try:
            yield
        finally:
            self._bound.reset(token)

    def now(self, cause: Cause | None = None) -> dict[str, Any]:
        """What is stored with an event that is written now: JSON values, validated.

        The ids that are carried on from a cause are the lab's own and stand beside what the model made; it judges them
        only where it asks for one of them, so that nobody has to bind what is carried on anyway.

        Parameters
        ----------
        cause : Cause, optional

        Raises
        ------
        InvalidMetainformationError
            If what is bound does not fit the model, or contradicts the cause; it says which, and that nothing was
            stored.
        """
        if self.model is None:
            return {} if cause is None else cause.ids()
        bound = self._bound.get({})
        if cause is None:
            return self._stored(self._fitting(self.model, bound))
        asked = {name: own for name, own in cause.ids().items() if _is_required(self.model, name) and name not in bound}
        context = self._fitting(self.model, {**asked, **bound})
        values = self._stored(context)
        unsaid = (self.model.model_fields.keys() - context.model_fields_set) | asked.keys()
        return cause.beside(values, {name: value for name, value in values.items() if name not in unsaid})

    def _fitting(self, model: type[BaseModel], bound: Mapping[str, Any]) -> BaseModel:
        context, told = self._validated(model, bound)
        if context is None:
            raise InvalidMetainformationError(
                f"{'; '.join(told)} (metainformation {model.__name__}); nothing was stored. "
                "Bind it with `with lab.metainformation(…):`"
            )
        return context

    def _validated(self, model: type[BaseModel], bound: Mapping[str, Any]) -> tuple[BaseModel | None, list[str]]:
        # what is raised must not hold on to pydantic's error: it keeps the frames of validators alive
        try:
            return model.model_validate(dict(bound), by_name=True), []
        except ValidationError as failure:
            return None, [e.full_message for e in errors_of(failure, source="own", owner=model.__name__)]

    def _stored(self, context: BaseModel) -> dict[str, Any]:
        """What was bound, and what has a default; a name that was never bound and is empty is left out."""
        problems: list[str] = []
        settle(dict(context.__dict__), "metainformation", lambda path, message: problems.append(f"{path} {message}"))
        if problems:
            raise InvalidMetainformationError(f"{'; '.join(problems)}; nothing was stored")
        try:
            values: dict[str, Any] = json.loads(context.model_dump_json())
        except PydanticSerializationError as failure:
            raise InvalidMetainformationError(
                f"metainformation cannot be written to the log as JSON: {failure}; nothing was stored"
            ) from None
        if SHAPE_KEY in values:
            raise InvalidMetainformationError(
                f"metainformation {type(context).__name__} writes {SHAPE_KEY!r}, where the shape of a payload is kept; "
                "leave that key out of what it is written as; nothing was stored"
            )
        bound = context.model_fields_set
        return {name: value for name, value in values.items() if value is not None or name in bound}

    def _refuse_unknown(self, values: Mapping[str, Any]) -> None:
        if self.model is None:
            raise TypeError(
                f"this lab has no metainformation_model, so {', '.join(values) or 'nothing'} cannot be bound; "
                "say what can: fl.Lab(…, metainformation_model=Context)"
            )
        unknown = [name for name in values if name not in self.model.model_fields]
        if unknown:
            raise TypeError(
                f"{unknown[0]!r} is not a name of {self.model.__name__}; it has {', '.join(self.model.model_fields)}"
            )


def _is_required(model: type[BaseModel], name: str) -> bool:
    info = model.model_fields.get(name)
    return info is not None and info.is_required()


def _refuse_shape_key(model: type[BaseModel]) -> None:
    """Refuse a model that can be seen to write the key under which the lab keeps the shape of a payload."""
    written = {name: (info.alias, info.serialization_alias) for name, info in model.model_fields.items()}
    computed = {name: (info.alias,) for name, info in model.model_computed_fields.items()}
    for name, aliases in {**written, **computed}.items():
        if SHAPE_KEY in (name, *aliases):
            raise DefinitionError(
                f"metainformation_model {model.__name__} would write {name!r} as {SHAPE_KEY!r}, where the shape of a "
                "payload is kept; give it another name"
            )
