"""Python source of classes, line by line; no line is longer than 120 characters."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from funes_lab.interchange.identifiers import chunks, class_names, field_names, quoted
from funes_lab.interchange.inference import Place

_WIDTH: Final = 120
_IMPORTS: Final = {
    "datetime": ("date", "datetime", "time"),
    "decimal": ("Decimal",),
    "typing": ("Any",),
    "uuid": ("UUID",),
    "pydantic": ("BaseModel", "ConfigDict", "Field"),
}
_TYPES: Final = frozenset({"bool", "int", "float", "str", "list", "dict"})
_TAKEN: Final = frozenset({"fl", *(name for names in _IMPORTS.values() for name in names)})


class Model:
    """A class that is to be written.

    Parameters
    ----------
    attributes : mapping of str to Place
    count : int
        How many events or objects there were; an attribute that fewer of them have is optional.
    event : str, optional
        The event's name in the log; None for the model of an object within an event.
    about : str
        What the docstring says.
    secret : collection of str
        Attributes of which no value is shown.
    is_secret : bool
        Whether all of them are.
    """

    def __init__(
        self, attributes: Mapping[str, Place], count: int, *, event: str | None, about: str,
        secret: Sequence[str] = (), is_secret: bool = False,
    ) -> None:  # fmt: skip
        self.attributes, self.count, self.event, self.about = attributes, count, event, about
        self.secret, self.is_secret = secret, is_secret
        self.name = ""
        #: The models of the objects in it, and the attributes that lead there, nearest last.
        self.parts: list[tuple[Place, list[str], Model]] = [*self._parts()]

    def _parts(self) -> Iterator[tuple[Place, list[str], Model]]:
        for key, place in self.attributes.items():
            there = place.model_place()
            if there is not None and there.keys:
                hidden = self.is_secret or key in self.secret
                part = Model(there.keys, there.seen - there.nulls, event=None, about="", secret=self.secret,
                             is_secret=hidden)  # fmt: skip
                yield from ((found, [key, *path], model) for found, path, model in part.parts)
                yield there, [key], part


def source_of(events: Sequence[Model]) -> str:
    """The source of all classes, with the imports that they need."""
    names = class_names([[part for part in (model.event or "").split("::") if part] for model in events], _TAKEN)
    for model, name in zip(events, names, strict=True):
        model.name = name
    parts = [(place, [event.name, *path], part, event) for event in events for place, path, part in event.parts]
    for (_, _, part, event), name in zip(
        parts, class_names([path for _, path, _, _ in parts], _TAKEN.union(names)), strict=True
    ):
        part.name, part.about = name, f"A part of {event.name}."
    writer = _Writer({place: part for place, _, part, _ in parts})
    models = [model for event in events for model in (*(part for _, _, part in event.parts), event)]
    return writer.source(models)


class _Writer:
    def __init__(self, models: Mapping[Place, Model]) -> None:
        self._models = models
        self._used: set[str] = set(_TYPES)

    def source(self, models: Sequence[Model]) -> str:
        for model in models:
            for place in model.attributes.values():
                self._used.update(re.findall(r"\w+", self._annotation(place)))
        fields = self._used | {"Field"}
        texts = ["\n".join(self._class(model, fields)) for model in models]
        return "\n\n\n".join(["\n".join(self._imports("\n".join(texts), models)), *texts]) + "\n"

    def _annotation(self, place: Place) -> str:
        return place.annotation(lambda there: self._models[there].name)

    def _imports(self, text: str, models: Sequence[Model]) -> Iterator[str]:
        used = self._used | {name for name in ("Field", "ConfigDict") if f" = {name}(" in text}
        if any(model.event is None for model in models):
            used.add("BaseModel")
        lines = {
            module: f"from {module} import {', '.join(there)}"
            for module, names in _IMPORTS.items()
            if (there := [name for name in names if name in used])
        }
        third = lines.pop("pydantic", None)
        yield from lines.values()
        if lines:
            yield ""
        yield "import funes_lab as fl"
        if third:
            yield third

    # --- one class -------------------------------------------------------------------------------------------

    def _class(self, model: Model, used: Collection[str]) -> Iterator[str]:
        names = field_names([*model.attributes], used)
        yield from _header(model)
        yield f'    """{model.about}"""'
        if model.event is None and any(key != name for key, name in names.items()):
            yield ""
            yield "    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)"
        if names:
            yield ""
        for key, place in model.attributes.items():
            yield from self._field(model, key, names[key], place)
        if model.event is not None and model.secret:
            yield ""
            yield from _items("    filter_attributes = [", [quoted(name) for name in self._secret(model, used)], "]")

    def _field(self, model: Model, key: str, name: str, place: Place) -> Iterator[str]:
        annotation = self._annotation(place)
        optional = bool(place.nulls) or place.seen < model.count
        if optional and annotation != "Any":
            annotation += " | None"
        arguments = [["default=None"]] if optional else []
        if name != key:
            arguments.append(_argument("alias", key))
        if place.examples and not model.is_secret and key not in model.secret and annotation != "Any":
            examples = [quoted(value) if isinstance(value, str) else repr(value) for value in place.examples]
            arguments.append([f"examples=[{', '.join(examples)}]"])
        head = f"    {name}: {annotation}"
        if len(head) > _WIDTH - len(" = Field("):
            head = f"    {name}: (\n        {annotation}\n    )"
        if arguments in ([], [["default=None"]]):
            yield head + (" = None" if optional else "")
        else:
            yield from _items(f"{head} = Field(", arguments, ")")

    def _secret(self, model: Model, used: Collection[str]) -> list[str]:
        """The secret names, and those that secret attributes have in the class."""
        secret = dict.fromkeys(model.secret)
        for part in (model, *(part for _, _, part in model.parts)):
            names = field_names([*part.attributes], used)
            secret.update({name: None for key, name in names.items() if key in model.secret})
        return [*secret]


def _header(model: Model) -> Iterator[str]:
    if model.event is None:
        yield f"class {model.name}(BaseModel):"
    else:
        yield from _items(f"class {model.name}(", [["fl.Event"], _argument("name", model.event)], "):")


def _argument(name: str, text: str) -> list[str]:
    """An argument that is a text: its lines."""
    pieces = chunks(text)
    return [f"{name}={pieces[0]}"] if len(pieces) == 1 else [f"{name}=(", *(f"    {piece}" for piece in pieces), ")"]


def _items(head: str, items: Sequence[str | Sequence[str]], end: str) -> Iterator[str]:
    """Something in brackets: in one line, or in one for each item."""
    lines = [[item] if isinstance(item, str) else item for item in items]
    line = f"{head}{', '.join(item[0] for item in lines)}{end}"
    if all(len(item) == 1 for item in lines) and len(line.rpartition("\n")[2]) <= _WIDTH:
        yield line
        return
    yield head
    for item in lines:
        for number, text in enumerate(item, 1):
            yield f"        {text}{',' if number == len(item) else ''}"
    indent = head[: len(head) - len(head.lstrip())]
    yield f"{indent}{end}"
