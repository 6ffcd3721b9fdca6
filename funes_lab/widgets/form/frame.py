"""The frame of a form: the box that everything stands in, and what it says around the fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import anywidget
import ipywidgets as w
import traitlets

from funes_lab import formats
from funes_lab.widgets import markup, theme
from funes_lab.widgets.form import fields, outlook
from funes_lab.widgets.form.controls import TextControl, choice_of_types
from funes_lab.widgets.form.outlook import Outlook
from funes_lab.widgets.live import Follower
from funes_lab.widgets.twin import Twin, source

_WHEN: Final = fields.Field("occurred at", "at", "text", hint="UTC", placeholder="now", required=False)


class Keys(anywidget.AnyWidget):
    """Ctrl+Enter, and what a screen reader is told."""

    _esm = source("form/form.js")
    label = traitlets.Unicode("").tag(sync=True)


class Frame(Follower, Twin, w.VBox):  # type: ignore[misc]  # the twin's bundle is the wider one
    """The boxes of a form; what its buttons do is said by the form."""

    def append(self) -> Any:
        """Append the event in the form."""
        raise NotImplementedError

    def read_again(self) -> None:
        """See the stream as it is now."""
        raise NotImplementedError

    def _again(self) -> None:
        self.read_again()
        self.append()

    def _turned(self) -> None:
        """Somebody chose another type."""
        raise NotImplementedError

    def _typed(self) -> None:
        """Somebody changed a control."""
        raise NotImplementedError

    def _pressed_key(self, content: object) -> None:
        raise NotImplementedError

    def _do(self, work: Callable[[], Any]) -> None:
        """Do what a button says."""
        raise NotImplementedError

    def _built(self, idx: str, names: Sequence[str], *, timed: bool) -> list[Any]:
        self._choice = choice_of_types(names)
        self._choice.observe(lambda _: self._turned(), "value")
        self._head, self._note, self._panel = w.HTML(), w.HTML(), w.HTML()
        self._behind, self._retry = w.Button(description="Read again"), w.Button(description="Read again and retry")
        self._behind.on_click(lambda _: self._do(self.read_again))
        self._retry.on_click(lambda _: self._do(self._again))
        self._body, self._when = w.VBox(), TextControl(_WHEN, "at", self._typed)
        self._keys = Keys(label=f"Append to {formats.middle(idx, 60)}")
        self._keys.on_msg(lambda _, content, __: self._pressed_key(content))
        form = w.VBox([self._body, self._actions(timed=timed), self._when.box])
        columns = w.Box([_classed(form, "fl-pad"), _classed(self._panel, "fl-pad")])
        title = w.HTML(f'<h3 class="fl-title mono jp-toc-ignore">{markup.name(idx, 60)}</h3>')
        self._choice.layout.display = None if len(names) > 1 else "none"
        head = _classed(w.HBox([title, self._choice, _classed(self._head, "grow"), self._behind]), "fl-head")
        style = w.HTML(f"<style>{theme.sheet(source('form/form.css'))}</style>")
        style.layout.display = "none"
        return [style, head, self._note, self._retry, _classed(columns, "fl-cols"), self._keys]

    def _actions(self, *, timed: bool) -> Any:
        self._button = _classed(w.Button(description="Append"), "main")
        self._button.on_click(lambda _: self._do(self.append))
        self._disclosed = w.Button(description="occurred at ▸", tooltip="Say when it happened")
        self._disclosed.on_click(lambda _: self._disclose(shown=self._when.box.layout.display == "none"))
        self._when.box.layout.display = "none"
        if timed:
            self._disclosed.layout.display = "none"
        keys = w.HTML('<span class="muted"><kbd>Ctrl</kbd> <kbd>Enter</kbd></span>')
        return _classed(w.HBox([self._button, _classed(keys, "grow"), self._disclosed]), "act")

    def _disclose(self, *, shown: bool) -> None:
        self._when.box.layout.display = None if shown else "none"
        self._disclosed.description = f"occurred at {'▾' if shown else '▸'}"

    def _say(self, told: str, now: Outlook, *, pressed: bool) -> None:
        """Say what the form reads, and what pressing Append would do or has done."""
        _set(self._head, f'<span class="muted">{markup.text(told)}</span>')
        _set(self._note, outlook.note_html(now, pressed=pressed or now.tone == "accepted"))
        _set(self._panel, outlook.panel_html(now))
        conflict = now.tone == "conflict"
        self._retry.layout.display = None if conflict else "none"
        self._behind.layout.display = None if "·" in told and not conflict else "none"


def _classed(widget: Any, name: str) -> Any:
    widget.add_class(name)
    return widget


def _set(shown: Any, value: str) -> None:
    """Change what is shown only where it changes, so that a screen reader is not told it again."""
    if shown.value != value:
        shown.value = value
