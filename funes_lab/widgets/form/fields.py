"""Which control a field of an event gets, and how a value goes into it and comes out of it.

Nothing here knows a widget. A control holds a text, a truth, the place of a choice, or, for groups and lists, what
their parts hold. Texts reach the event as they were typed: its own rules read them, so no digit is lost on the way.
"""

from __future__ import annotations

import datetime as dt
import json
import types
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic.types import Strict
from pydantic_core import PydanticUndefined, to_json, to_jsonable_python

from funes_lab import formats
from funes_lab.event import Event
from funes_lab.storable import unconstrained, utc


class _Missing(Enum):
    MISSING = "missing"


#: What an empty control holds: the event is built without that field.
MISSING: Final = _Missing.MISSING

_HINTS: Final[Mapping[Any, tuple[str, str]]] = {
    dt.datetime: ("UTC", "2026-11-02 09:00"),
    dt.date: ("date", "2026-11-02"),
    dt.time: ("time", "09:00"),
    dt.timedelta: ("duration", "P1DT2H"),
    bytes: ("bytes as UTF-8", ""),
    UUID: ("UUID", ""),
    **{kind: (kind.__name__, "") for kind in (str, int, float, Decimal)},
}
_MANY: Final = (list, set, frozenset, Sequence, Collection, AbstractSet)


@dataclass(frozen=True)
class Field:
    """One field of an event, or one item of a list.

    Attributes
    ----------
    name, path : str
        `path` is where errors say it is; an item of a list has an empty name.
    kind : {"text", "json", "truth", "choice", "group", "list"}
    hint, placeholder, description : str
        Its type and bounds, an example, and what its author says of it.
    required, optional, secret : bool
        `optional`: it may be None.
    choices : tuple of (str, object)
        What stands in a drop-down, and what it means.
    parts : tuple of Field
        Of a group; of a list one, what each item is.
    default : object
        MISSING if it has none, or one that is made anew for each event.
    """

    name: str
    path: str
    kind: str
    hint: str = ""
    placeholder: str = ""
    description: str = ""
    required: bool = True
    optional: bool = False
    secret: bool = False
    choices: tuple[tuple[str, Any], ...] = ()
    parts: tuple[Field, ...] = ()
    default: Any = MISSING
    annotation: Any = Any
    strict: bool = False

    @property
    def label(self) -> str:
        """Its name, as it stands before the control."""
        return formats.middle(self.name or "item", 40)


def fields_of(cls: type[BaseModel]) -> tuple[Field, ...]:
    """The fields of an event class, in their order.

    Examples
    --------
    >>> import funes_lab as fl
    >>> from decimal import Decimal
    >>> from pydantic import Field
    >>> class Sold(fl.Event, name="Example::SoldOut"):
    ...     price: Decimal = Field(ge=0)
    ...     note: str | None = None
    >>> [(f.name, f.kind, f.hint, f.required) for f in fields_of(Sold)]
    [('price', 'text', 'Decimal ≥ 0', True), ('note', 'text', 'str or empty', False)]
    """
    secret = frozenset(getattr(cls, "filter_attributes", ()))
    return tuple(_members(cls, "", secret, (cls,)))


def _members(cls: type[BaseModel], above: str, secret: Collection[str], within: tuple[type, ...]) -> Iterator[Field]:
    strict = bool(cls.model_config.get("strict"))
    for name, info in cls.model_fields.items():
        yield _Making(f"{above}{name}", secret, within, strict=strict).field(name, info)


class _Making:
    """Makes the field at one place."""

    def __init__(self, path: str, secret: Collection[str], within: tuple[type, ...], *, strict: bool) -> None:
        self.path, self.secret, self.within, self.strict = path, secret, within, strict

    def field(self, name: str, info: FieldInfo) -> Field:
        return self.of(
            name,
            info.annotation,
            list(info.metadata),
            required=info.is_required(),
            default=MISSING if info.is_required() or info.default is PydanticUndefined else info.default,
            description=info.description or "",
        )

    def of(self, name: str, annotation: Any, rules: list[Any], **known: Any) -> Field:
        """The field of one annotation; `rules` are the bounds that stand beside it."""
        inner, optional = _without_none(annotation)
        inner, added = _without_annotated(inner)
        rules += added
        secret = name in self.secret
        made = self._by_type(inner, secret=secret)
        hint = " ".join((made.pop("hint"), ", ".join(_bounds(rules)))).strip()
        strict = self.strict or any(isinstance(rule, Strict) and rule.strict for rule in rules)
        hint = f"{hint} or empty".strip() if optional else hint
        return Field(
            name, self.path, hint=hint, optional=optional, secret=secret, annotation=inner, strict=strict,
            **made, **known,
        )  # fmt: skip

    def _by_type(self, inner: Any, *, secret: bool) -> dict[str, Any]:
        if inner in _HINTS:
            return {"kind": "text", "hint": _HINTS[inner][0], "placeholder": _HINTS[inner][1]}
        if inner is bool:
            return {"kind": "text" if secret else "truth", "hint": "bool"}
        if choices := _choices(inner):
            in_words = all(isinstance(_plain(value), str) for _, value in choices)
            kind = "choice" if not secret else "text" if in_words else "json"
            return {"kind": kind, "hint": "", "choices": choices}
        if not secret and isinstance(inner, type) and issubclass(inner, BaseModel) and inner not in self.within:
            return {"kind": "group", "hint": "", "parts": self._group(inner)}
        if not secret and (item := _item(inner)) is not MISSING and (part := self._item(item)).kind != "json":
            return {"kind": "list", "hint": f"list of {part.hint}".removesuffix(" of "), "parts": (part,)}
        return {"kind": "json", "hint": "JSON", "placeholder": '{"key": "value"}'}

    def _group(self, model: type[BaseModel]) -> tuple[Field, ...]:
        return tuple(_members(model, f"{self.path}.", self.secret, (*self.within, model)))

    def _item(self, annotation: Any) -> Field:
        """What each item of a list is; its path is that of the list, `.0` and so on come when it grows."""
        return _Making(self.path, self.secret, self.within, strict=self.strict).of("", annotation, [])


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation, False
    left = [arg for arg in get_args(annotation) if arg is not type(None)]
    if len(left) == len(get_args(annotation)):
        return annotation, False
    return (left[0] if len(left) == 1 else Union[tuple(left)]), True  # noqa: UP007  (of a tuple)


def _without_annotated(annotation: Any) -> tuple[Any, list[Any]]:
    if get_origin(annotation) is not Annotated:
        return annotation, []
    inner, *added = get_args(annotation)
    rules: list[Any] = []
    for rule in added:
        rules += rule.metadata if isinstance(rule, FieldInfo) else [rule]
    return inner, rules


def _choices(inner: Any) -> tuple[tuple[str, Any], ...]:
    if get_origin(inner) is Literal:
        values: list[Any] = list(get_args(inner))
    elif isinstance(inner, type) and issubclass(inner, Enum):
        values = list(inner)
    else:
        return ()
    return tuple((formats.value(value), value) for value in values)


def _item(inner: Any) -> Any:
    origin, args = get_origin(inner), get_args(inner)
    if origin in _MANY and len(args) == 1:
        return args[0]
    return args[0] if origin is tuple and len(args) == 2 and args[1] is Ellipsis else MISSING


#: How the rules of annotated_types and of pydantic stand beside a control, by what they call their bound.
_BOUNDS: Final = {
    "gt": "> {}", "ge": "≥ {}", "lt": "< {}", "le": "≤ {}", "multiple_of": "× {}", "min_length": "length ≥ {}",
    "max_length": "length ≤ {}", "pattern": "like {}", "max_digits": "{} digits", "decimal_places": "{} decimals",
}  # fmt: skip


def _bounds(rules: Sequence[Any]) -> Iterator[str]:
    for rule in rules:
        for name, shown in _BOUNDS.items():
            bound = getattr(rule, name, None)
            if bound is not None:
                yield shown.format(_figure(getattr(bound, "pattern", bound)))


def _figure(bound: Any) -> str:
    return formats.plain_number(bound) if not isinstance(bound, str) else bound


# --- into a control, and out of it --------------------------------------------------------------------------------


def blank(field: Field) -> Any:
    """What a control holds before anybody has touched it: the default."""
    if field.default is not MISSING:
        return held(field, field.default)
    return {"text": "", "json": "", "truth": -1, "choice": -1, "list": [], "group": None}[field.kind]


def held(field: Field, value: Any) -> Any:
    """What a control holds for a value.

    Returns
    -------
    object
        A text for a text or JSON; the place of a truth (0 is true) or a choice, -1 for none; a list; for a group a
        dict by the names of its parts, or None where nothing is given.

    Raises
    ------
    ValueError
        If a group or a list, or a choice, is none.
    """
    if field.kind == "truth":
        return {True: 0, False: 1, None: -1}[value] if isinstance(value, bool | None) else _no(field, value)
    if field.kind == "choice":
        return _chosen(field, value)
    if field.kind == "group":
        return None if value is None else _group_held(field, value)
    if field.kind == "list":
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Collection | None):
            _no(field, value)
        return [held(field.parts[0], item) for item in value or ()]
    if value is None:
        return ""
    return _as_json(value) if field.kind == "json" and not isinstance(value, _Typed) else _as_text(value)


class _Typed(str):
    """JSON that somebody typed, and that could not be read."""

    __slots__ = ()


def _chosen(field: Field, value: Any) -> int:
    if value is None:
        return -1
    for place, (_, choice) in enumerate(field.choices):
        if type(choice) is type(value) and choice == value:
            return place
    for place, (_, choice) in enumerate(field.choices):
        if choice == value or (isinstance(choice, Enum) and choice.value == value):
            return place
    return int(_no(field, value))


def _group_held(field: Field, value: Any) -> dict[str, Any]:
    given = dict(value.__dict__) if isinstance(value, BaseModel) else value
    if not isinstance(given, Mapping):
        _no(field, value)
    check_names(given, field.parts, field.path)
    return {part.name: held(part, given[part.name]) if part.name in given else blank(part) for part in field.parts}


def check_names(given: Mapping[str, Any], fields: Sequence[Field], where: str) -> None:
    """Refuse names that no field has."""
    known = [field.name for field in fields]
    unknown = [name for name in given if name not in known]
    if unknown:
        raise ValueError(f"values has {unknown[0]!r}, which {where} does not have; it has {known}")


def _no(field: Field, value: Any) -> Any:
    wanted = " or ".join(shown for shown, _ in field.choices) or field.hint or "a mapping"
    told = formats.FILTERED if field.secret else formats.value(value, limit=60)
    raise ValueError(f"{field.path} must be {wanted}, got {told}")


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, dt.datetime):
        # what has no zone is UTC, so what is UTC needs none
        plain = utc(value).replace(tzinfo=None)
        seconds = "auto" if plain.second or plain.microsecond else "minutes"
        return plain.isoformat(sep=" ", timespec=seconds)
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, bool | int | float | Decimal):
        return str(value)
    plain = to_jsonable_python(value, fallback=str)
    return plain if isinstance(plain, str) else _as_json(plain)


def _as_json(value: Any) -> str:
    return to_json(value, fallback=str).decode()


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def given(field: Field, holds: Any) -> Any:
    """The value that a control holds, as it is handed to the event; MISSING for an empty one.

    Texts stay texts: the event reads them. What is meant to be JSON and is none stays the text that it is.
    """
    if field.kind in ("truth", "choice"):
        choices = field.choices if field.kind == "choice" else (("true", True), ("false", False))
        return choices[holds][1] if holds >= 0 else _nothing(field)
    if field.kind == "group":
        return _nothing(field) if holds is None else together(field.parts, holds)
    if field.kind == "list":
        items = [given(field.parts[0], item) for item in holds]
        nothing = "" if field.parts[0].annotation is str else None
        return [nothing if item is MISSING else item for item in items] if items else _empty_list(field)
    if holds == "" and not (field.annotation is str and not field.optional and isinstance(field.default, str)):
        return _nothing(field)
    return _read_json(field, holds) if field.kind == "json" else _read_text(field, holds)


def together(fields: Sequence[Field], holds: Mapping[str, Any]) -> dict[str, Any]:
    """The values of several controls by name, empty ones left out."""
    values = {field.name: given(field, holds[field.name]) for field in fields}
    return {name: value for name, value in values.items() if value is not MISSING}


def empty(fields: Sequence[Field], holds: Mapping[str, Any]) -> list[str]:
    """The names of required fields that nothing is in."""
    return [field.name for field in fields if field.required and given(field, holds[field.name]) is MISSING]


def _nothing(field: Field) -> Any:
    """An empty control: None where that is allowed and somebody emptied it, else no value at all."""
    return None if field.optional and (field.required or field.default is not MISSING) else MISSING


def _empty_list(field: Field) -> Any:
    if field.optional and not field.required and field.default is None:
        return None
    return MISSING if not field.required and (field.default is MISSING or not field.default) else []


def _read_text(field: Field, holds: str) -> Any:
    if not field.strict:
        return holds
    try:
        return TypeAdapter(unconstrained(field.annotation)).validate_python(holds)
    except ValidationError:
        return holds


def _read_json(field: Field, holds: str) -> Any:
    exact = Decimal if "Decimal" in str(field.annotation) else float
    try:
        return json.loads(holds, parse_float=exact)
    except ValueError:
        return _Typed(holds)


def problem(field: Field, holds: Any) -> str:
    """What is wrong with what a control holds, that no rule of the event could tell; "" for nothing."""
    if field.kind != "json" or holds == "" or not isinstance(_read_json(field, holds), _Typed):
        return ""
    return f"{formats.FILTERED if field.secret else f'“{formats.shorten(holds, 40)}”'} is not JSON"


def names_of(types_: Sequence[type[Event]]) -> list[str]:
    """What stands on the choice of types: the classes' names, or the events' where two classes share one."""
    short = [cls.__name__ for cls in types_]
    return short if len(set(short)) == len(short) else [cls.event_name for cls in types_]
