"""The controls of a form: ipywidgets that hold what `fields` says, each with a place for its errors.

The text beside a control comes from an event's class, the text under it may quote a payload: both are escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import ipywidgets as w

from funes_lab.audience import told_to_somebody
from funes_lab.widgets import markup, sentences
from funes_lab.widgets.form import fields
from funes_lab.widgets.form.fields import Field

Told = Callable[[], None]
_LONG: Final = 6  # so many types stand side by side; more are a list


class Control:
    """One field: its control, its type beside it, its errors under it.

    Parameters
    ----------
    field : Field
    path : str
        Where errors say it is.
    told : callable
        Called when somebody has changed it.
    """

    def __init__(self, field: Field, path: str, told: Told) -> None:
        self.field, self.path, self._told = field, path, told
        #: The errors that are shown: the gate of each, and what it says.
        self.told: Sequence[tuple[str, str]] = ()
        self._errors = w.HTML()
        self._errors.add_class("fl-errs")
        self.box = self._built()
        self.box.add_class("fl-field")

    def _built(self) -> Any:
        raise NotImplementedError

    @property
    def holds(self) -> Any:
        """What is in it, as `fields.given` reads it."""
        raise NotImplementedError

    @holds.setter
    def holds(self, value: Any) -> None:
        raise NotImplementedError

    def within(self) -> Iterator[Control]:
        """It, and the controls in it."""
        yield self

    def tell(self, errors: Sequence[tuple[str, str]]) -> None:
        """Show errors under it: the gate of each, and what it says."""
        self.told = tuple(errors)
        lines = [
            f'<div class="err {gate}" role="alert"><span aria-hidden="true">{sentences.stage_glyph(gate)}</span> '
            f"{markup.text(said)}</div>"
            for gate, said in errors
        ]
        shown = "".join(lines)
        if shown != self._errors.value:
            self._errors.value = shown
            (self.box.add_class if errors else self.box.remove_class)("bad")

    def hint_at(self, told: str) -> None:
        """Say something of its empty place; what is no line of text has none."""

    def _row(self, *controls: Any, hint: str | None = None) -> Any:
        beside = w.HTML(f'<span class="muted">{markup.text(self.field.hint if hint is None else hint)}</span>')
        beside.add_class("fl-hint")
        row = w.HBox([*controls, beside])
        row.add_class("fl-row")
        parts = [row, self._errors]
        if self.field.description:
            said = w.HTML(f'<div class="muted">{markup.text(self.field.description)}</div>')
            said.add_class("fl-said")
            parts.insert(1, said)
        return w.VBox(parts)

    def _settings(self) -> dict[str, Any]:
        star = " *" if self.field.required and self.field.name else ""
        tip = self.field.description or self.field.path
        return {"description": f"{self.field.label}{star}", "tooltip": tip, "style": {"description_width": "132px"}}


class TextControl(Control):
    """A line of text, dots for a secret, several lines for JSON."""

    def _built(self) -> Any:
        kind = w.Password if self.field.secret else w.Textarea if self.field.kind == "json" else w.Text
        self._text = kind(placeholder=self.field.placeholder, continuous_update=True, **self._settings())
        self._text.observe(lambda _: self._told(), "value")
        return self._row(self._text)

    @property
    def holds(self) -> str:
        """The text as it was typed."""
        return str(self._text.value)

    @holds.setter
    def holds(self, value: str) -> None:
        self._text.value = value

    def hint_at(self, told: str) -> None:
        """Say something where nothing is typed yet."""
        self._text.placeholder = told


class ChoiceControl(Control):
    """A drop-down; the first line is nothing, where nothing may be chosen."""

    def _built(self) -> Any:
        shown = [label for label, _ in self.field.choices] or ["true", "false"]
        may_be_empty = self.field.optional or fields.blank(self.field) < 0
        options = [("–", -1)] if may_be_empty else []
        self._list = w.Dropdown(options=[*options, *((label, n) for n, label in enumerate(shown))], **self._settings())
        self._list.observe(lambda _: self._told(), "value")
        return self._row(self._list)

    @property
    def holds(self) -> int:
        """The place of what is chosen; -1 for nothing."""
        return int(self._list.value)

    @holds.setter
    def holds(self, value: int) -> None:
        self._list.value = value


class TruthControl(Control):
    """A box to tick, for what is either true or false from the beginning."""

    def _built(self) -> Any:
        settings = {**self._settings(), "style": {"description_width": "initial"}}
        self._box = w.Checkbox(indent=False, **settings)
        self._box.observe(lambda _: self._told(), "value")
        return self._row(self._box)

    @property
    def holds(self) -> int:
        """0 for true, 1 for false."""
        return 0 if self._box.value else 1

    @holds.setter
    def holds(self, value: int) -> None:
        self._box.value = value == 0


class GroupControl(Control):
    """A nested model: its fields under its name; one that may be empty is opened with a tick."""

    def _built(self) -> Any:
        self.parts = Parts(self.field.parts, self.path, self._told)
        star = " *" if self.field.required and self.field.name else ""
        self._opened = w.Checkbox(value=True, indent=False, description=f"{self.field.label}{star}")
        self._opened.observe(self._turned, "value")
        inner = w.VBox([part.box for part in self.parts.controls])
        inner.add_class("fl-inner")
        self._inner = inner
        if self._may_be_empty:
            return w.VBox([self._row(self._opened), inner])
        self._opened.layout.display = "none"
        name = w.HTML(f'<b class="mono">{markup.text(self.field.label)}{star}</b>')
        return w.VBox([self._row(name, self._opened), inner])

    @property
    def _may_be_empty(self) -> bool:
        return self.field.optional or not self.field.required

    def _turned(self, _: Any) -> None:
        self._inner.layout.display = None if self._opened.value else "none"
        self._told()

    @property
    def holds(self) -> dict[str, Any] | None:
        """What its fields hold; None while it is not opened."""
        return self.parts.holds if self._opened.value else None

    @holds.setter
    def holds(self, value: Mapping[str, Any] | None) -> None:
        self.parts.holds = value or {}
        self._opened.value = value is not None or not self._may_be_empty

    def within(self) -> Iterator[Control]:
        """It, and the controls in it."""
        yield self
        if self._opened.value:
            yield from self.parts.within()


class ListControl(Control):
    """A list that grows: a control an item, a button to add one and one to take it away."""

    def _built(self) -> Any:
        self._items: list[tuple[Control, Any]] = []
        self._inside = w.VBox()
        self._inside.add_class("fl-inner")
        star = " *" if self.field.required and self.field.name else ""
        name = w.HTML(f'<b class="mono">{markup.text(self.field.label)}{star}</b>')
        add = w.Button(description="Add", tooltip=f"Add an item to {self.field.path}")
        add.on_click(lambda _: self._add())
        return w.VBox([self._row(name, add), self._inside])

    def _add(self) -> None:
        self.holds = [*self.holds, fields.blank(self.field.parts[0])]
        self._told()

    def _remove(self, place: int) -> None:
        self.holds = [item for n, item in enumerate(self.holds) if n != place]
        self._told()

    @property
    def holds(self) -> list[Any]:
        """What its items hold."""
        return [control.holds for control, _ in self._items]

    @holds.setter
    def holds(self, value: Sequence[Any]) -> None:
        for _, row in self._items[len(value) :]:
            close(row)
        del self._items[len(value) :]
        for n in range(len(self._items), len(value)):
            self._items.append(self._item(n))
        for (control, _), holds in zip(self._items, value, strict=True):
            control.holds = holds
        self._inside.children = [row for _, row in self._items]

    @told_to_somebody()
    def _item(self, n: int) -> tuple[Control, Any]:
        control = control_of(self.field.parts[0], f"{self.path}.{n}", self._told)
        remove = w.Button(description="Remove", tooltip=f"Remove item {n + 1} of {self.field.path}")
        remove.on_click(lambda _: self._remove(n))
        row = w.HBox([control.box, remove])
        row.add_class("fl-item")
        return control, row

    def within(self) -> Iterator[Control]:
        """It, and the controls in it."""
        yield self
        for control, _ in self._items:
            yield from control.within()


class Parts:
    """Controls by the names of their fields: of an event, or of a model in it."""

    def __init__(self, listed: Sequence[Field], path: str, told: Told) -> None:
        above = f"{path}." if path else ""
        self.fields = listed
        self.controls = [control_of(field, f"{above}{field.name}", told) for field in listed]
        self.holds = {}

    @property
    def holds(self) -> dict[str, Any]:
        """What they hold by name; what is not set becomes its default."""
        return {control.field.name: control.holds for control in self.controls}

    @holds.setter
    def holds(self, value: Mapping[str, Any]) -> None:
        for control in self.controls:
            name = control.field.name
            control.holds = value[name] if name in value else fields.blank(control.field)

    def within(self) -> Iterator[Control]:
        """The controls, and those in them."""
        for control in self.controls:
            yield from control.within()


@told_to_somebody()
def control_of(field: Field, path: str, told: Told) -> Control:
    """Make the control for a field."""
    if field.kind == "truth" and not field.optional and fields.blank(field) >= 0:
        return TruthControl(field, path, told)
    made: dict[str, type[Control]] = {
        "truth": ChoiceControl,
        "choice": ChoiceControl,
        "group": GroupControl,
        "list": ListControl,
    }
    return made.get(field.kind, TextControl)(field, path, told)


def choice_of_types(names: Sequence[str]) -> Any:
    """Make the choice of event types: side by side, or a list where there are many."""
    options = [(name, n) for n, name in enumerate(names)]
    if len(names) > _LONG:
        return w.Dropdown(options=options, tooltip="Event type")
    return w.ToggleButtons(options=options, tooltip="Event type")


def close(widget: Any) -> None:
    """Close a widget and everything in it: ipywidgets leaves the children of a box, and its looks, behind."""
    parts = [*getattr(widget, "children", ()), getattr(widget, "layout", None), getattr(widget, "style", None)]
    for part in parts:
        if isinstance(part, w.Widget):
            close(part)
    w.Widget.close(widget)
