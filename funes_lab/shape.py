"""The shape of an event class: its payload as JSON, and back.

What pydantic accepts goes straight through its validator. What it does not is read field by field, because an
event with bad values must still be shown, and an old one in the log must still be read.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, Union, cast, get_args, get_origin
from uuid import UUID

import annotated_types
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticSerializationError

from funes_lab import formats
from funes_lab.errors import BASE, Error
from funes_lab.storable import is_immutable, is_plain, settle, unconstrained, utc

#: Types whose values no validation of ours would replace by others of the same type.
_SIMPLE = {bool, int, float, str, bytes, Decimal, datetime, date, time, timedelta, UUID, type(None)}

#: Turns a raw value into one of the field's type, or raises ValidationError.
Reader = Callable[[TypeAdapter[Any], Any], Any]


def from_python(adapter: TypeAdapter[Any], raw: Any) -> Any:
    """Read a value that a person passed."""
    return adapter.validate_python(raw)


def from_json(adapter: TypeAdapter[Any], raw: Any) -> Any:
    """Read a value that was stored as JSON: the models in it may be stored under names or aliases."""
    return adapter.validate_json(json.dumps(raw), by_alias=True, by_name=True)


class Shape:
    """What has to be known about the fields of one class; made once a class."""

    def __init__(self, cls: type[BaseModel]) -> None:
        self.cls = cls
        self.fields = cls.model_fields
        decorators = cls.__pydantic_decorators__
        own_format = bool(decorators.field_serializers or decorators.model_serializers)
        validated = {name for v in decorators.field_validators.values() for name in v.info.fields}
        changed = bool(decorators.model_validators or decorators.root_validators) or "*" in validated
        self.deep = [
            name
            for name, info in self.fields.items()
            if own_format or changed or name in validated or not is_plain(info.annotation) or _has_functions(info)
        ]
        validate = cls.__pydantic_validator__.validate_json
        #: Reads a payload: JSON text to an instance. Payloads have the names of fields, also in nested models.
        self.validate = partial(validate, by_alias=True, by_name=True) if self.deep else validate
        self.mutable = not all(is_immutable(info.annotation) for info in self.fields.values())
        self.times = [name for name, info in self.fields.items() if _is_time(info.annotation)]
        self._computed = set(cls.model_computed_fields) or None
        self._adapters: dict[str, TypeAdapter[Any]] = {}

    # --- to the log and back ---------------------------------------------------------------------------------

    def encode(self, event: BaseModel) -> str:
        """The payload as JSON text: Decimals as strings, times as ISO 8601 in UTC."""
        payload = self.cls.__pydantic_serializer__.to_json(event, by_alias=False, exclude=self._computed)
        return payload.decode()

    def times_to_utc(self, event: BaseModel) -> None:
        """Give the times of a payload that was just read the zone that all times here have."""
        values = event.__dict__
        for name in self.deep:
            values[name] = settle(values[name], name, _nothing_said)
        for name in self.times:
            if isinstance(value := values[name], datetime):
                values[name] = utc(value)

    def fill(self, event: BaseModel, data: Mapping[str, Any], read: Reader) -> dict[str, Any]:
        """Give `event` the fields that can be read; what cannot stays as it came.

        Returns
        -------
        dict
            What the class has no field for.
        """
        left = dict(data)
        values: dict[str, Any] = {}
        given: set[str] = set()
        for name, info in self.fields.items():
            key = next((key for key in (name, info.alias, info.validation_alias) if key in left), None)
            if isinstance(key, str):
                values[name] = self._read(name, left.pop(key), read)
                given.add(name)
            else:
                values[name] = None if info.is_required() else _default(info, values)
        object.__setattr__(event, "__dict__", values)
        object.__setattr__(event, "__pydantic_fields_set__", given)
        object.__setattr__(event, "__pydantic_extra__", None)
        private = {name: part.get_default() for name, part in self.cls.__private_attributes__.items()}
        object.__setattr__(event, "__pydantic_private__", private or None)
        return left

    def _read(self, name: str, raw: Any, read: Reader) -> Any:
        adapter = self._adapters.get(name)
        if adapter is None:
            annotation = unconstrained(self.fields[name].annotation)
            adapter = self._adapters[name] = TypeAdapter(annotation)
        try:
            return read(adapter, raw)
        except (ValidationError, ValueError, TypeError):
            return raw

    # --- what a log cannot hold ------------------------------------------------------------------------------

    def settle(self, event: BaseModel, secret: Collection[str], skip: Collection[str] = ()) -> list[Error]:
        """Make the payload independent of the caller's objects and say what of it cannot be stored.

        Parameters
        ----------
        event : BaseModel
            An instance of the class; its values are replaced by settled ones.
        secret : collection of str
            Fields whose values must not be quoted.
        skip : collection of str
            Fields that have an error already.

        Returns
        -------
        list of Error
        """
        problems: list[Error] = []

        def report(path: str, message: str) -> None:
            problems.append(Error(path, message, "own", rule=_name_of(self.cls)))

        values = event.__dict__
        for name in values:
            if name not in skip:
                values[name] = settle(values[name], name, report)
        if not problems and not skip and self.deep:
            self._prove_round_trip(event, secret, report)
        return problems

    def _prove_round_trip(self, event: BaseModel, secret: Collection[str], report: Callable[[str, str], None]) -> None:
        try:
            back = self.validate(self.encode(event)).__dict__
        except (PydanticSerializationError, ValidationError, ValueError, TypeError, RecursionError):
            back = None
        for name in self.deep:
            try:
                again = back[name] if back is not None else self._alone(event, name)
            except (PydanticSerializationError, ValidationError, ValueError, TypeError, RecursionError):
                report(name, "cannot be written to the log as JSON; use texts, numbers, lists and mappings")
                continue
            if again != event.__dict__[name]:
                shown = formats.FILTERED if name in secret else formats.value(again, limit=60)
                report(name, f"would come back from the log as {shown}; use texts, numbers, lists and mappings")
        if back is None and not self.deep:
            report(BASE, "cannot be written to the log as JSON")

    def _alone(self, event: BaseModel, name: str) -> Any:
        text = self.cls.__pydantic_serializer__.to_json(event, by_alias=False, include={name})
        return self._read(name, json.loads(text)[name], from_json)


def exact_types(cls: type[BaseModel]) -> dict[str, frozenset[type]] | None:
    """For each field the types of values that validation leaves as they are.

    Returns
    -------
    dict or None
        None for a class with validators of its own, settings that change values, or fields of other types.
    """
    decorators = cls.__pydantic_decorators__
    own = (decorators.validators, decorators.field_validators, decorators.root_validators, decorators.model_validators)
    if any(own) or any(name.startswith("str_") for name in cls.model_config):
        return None
    exact = {name: _exact(info) for name, info in cls.model_fields.items()}
    return None if any(kinds is None for kinds in exact.values()) else cast(dict[str, frozenset[type]], exact)


def _exact(info: FieldInfo) -> frozenset[type] | None:
    annotation: Any = info.annotation
    args = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    bounds_only = all(isinstance(part, annotated_types.BaseMetadata) for part in info.metadata)
    return frozenset(args) if bounds_only and set(args) <= _SIMPLE else None


def _nothing_said(path: str, message: str) -> None:
    """What is in the log is not refused any more."""


def _name_of(cls: type[BaseModel]) -> str:
    return str(getattr(cls, "event_name", cls.__name__))


def _is_time(annotation: object) -> bool:
    return annotation is datetime or any(_is_time(arg) for arg in get_args(annotation))


def _has_functions(info: FieldInfo) -> bool:
    """Whether a field is validated or written by functions: they run again when it is read."""
    return any("Serializer" in type(part).__name__ or "Validator" in type(part).__name__ for part in info.metadata)


def _default(info: FieldInfo, so_far: dict[str, Any]) -> Any:
    return info.get_default(call_default_factory=True, validated_data=so_far)


@lru_cache(maxsize=4096)
def shape_of(cls: type[BaseModel]) -> Shape:
    """The shape of a class, made at the first call."""
    return Shape(cls)
