"""Check: is this answer right? And if not, what leads on."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from funes_lab import formats
from funes_lab.teaching.exercise import Exercise, Wrong, every, named
from funes_lab.widgets import columns, markup

#: Where `grade` wants to read what was checked.
GRADES: Final = "FUNES_LAB_GRADES"

#: What this process has checked: right or wrong, the last time; and how many wrong answers there were.
_right: dict[str, bool] = {}
_wrong: Counter[str] = Counter()

_GLYPHS: Final = {True: "✓", False: "✗", None: "·"}


@dataclass(frozen=True)
class Checked:
    """What became of an answer: it shows itself as text and as HTML, and is true if the answer is right.

    Attributes
    ----------
    exercise, title : str
    passed : bool or None
        None as long as there is no answer.
    says : str
    hint : str or None
        One more after each wrong answer.
    hints : tuple of int
        The number of this hint, and how many there are.
    progress : dict of str to bool or None
        The exercises of the lesson: right, wrong, or not tried yet.
    error : Exception or None
        What the answer raised when it was tried.
    """

    exercise: str
    title: str
    passed: bool | None
    says: str
    hint: str | None
    hints: tuple[int, int]
    progress: dict[str, bool | None]
    error: Exception | None = None

    def __bool__(self) -> bool:
        return self.passed is True

    def __repr__(self) -> str:
        lines = columns.sentence(f"{_GLYPHS[self.passed]} {self.exercise} {self.title}: {self.says}", "", "  ")
        if self.hint:
            lines += columns.sentence(f"{self._hint_caption()}: {self.hint}", "  ", "    ")
        return "\n".join([*lines, f"  {self._bar()}"])

    def _repr_html_(self) -> str:
        glyph, tone, word = {
            True: ("accepted", "accepted", "right"),
            False: ("refused", "own", "not yet"),
            None: ("own", "muted", "yours to do"),
        }[self.passed]
        head = markup.head(f"{self.exercise}  {self.title}", markup.verdict(glyph, tone, word), named=False)
        parts = [f'<div class="fl-pad">{markup.text(self.says)}']
        if self.hint:
            parts.append(f'<div class="muted">{markup.text(self._hint_caption())}: {markup.text(self.hint)}</div>')
        bar = markup.text(self._bar())
        return markup.section(
            f"Exercise {self.exercise}, {word}", head, *parts, f'</div><div class="fl-foot">{bar}</div>'
        )

    def _hint_caption(self) -> str:
        number, of = self.hints
        return f"hint {number} of {of}" if of > 1 else "hint"

    def _bar(self) -> str:
        """The exercises of the lesson as squares, filled where they are right."""
        squares = "".join("■" if passed else "□" for passed in self.progress.values())
        done = sum(passed is True for passed in self.progress.values())
        return f"lesson {self.exercise[:2]}  {squares}  {done} of {len(self.progress)}"


def check(exercise: str, answer: Any) -> Checked:
    """Check the answer to an exercise of the course.

    Nothing of it is written to any log: classes are tried in labs of their own.

    Parameters
    ----------
    exercise : str
        Its name in the notebook, as ``"03.2"``.
    answer : object
        What the exercise asks for: a value, a DataFrame, a class, a function. ``...`` stands for none yet.

    Returns
    -------
    Checked
        True if the answer is right. In a notebook it shows what was found, a hint that leads on, one more after each
        wrong answer, and how far you are in the lesson.

    Raises
    ------
    ValueError
        There is no exercise of that name.

    Examples
    --------
    >>> check("01.1", ...)
    · 01.1 What is a fact?: yours to do. Put your answer in the place of the three dots.
      lesson 01  □□□□  0 of 4
    """
    asked = named(exercise)
    passed, says, error = _judged(asked, answer)
    if passed is not None:
        _right[asked.key] = passed
    hint, number = None, 0
    if passed is False:
        _wrong[asked.key] += 1
        number = min(_wrong[asked.key], len(asked.hints))
        hint = asked.hints[number - 1] if asked.hints else None
    progress = {one.key: _right.get(one.key) for one in every(asked.lesson)}
    checked = Checked(asked.key, asked.title, passed, says, hint, (number, len(asked.hints)), progress, error)
    _report(checked)
    return checked


def _judged(asked: Exercise, answer: Any) -> tuple[bool | None, str, Exception | None]:
    if answer is ...:
        return None, "yours to do. Put your answer in the place of the three dots.", None
    try:
        remember = asked.check(answer)
    except Wrong as wrong:
        return False, f"not yet: {wrong}.", None
    except Exception as error:  # noqa: BLE001  (whatever a learner's code raises is what is shown)
        told = formats.shorten(f"{type(error).__name__}: {error}", 300)
        return False, f"not yet: when it was tried, it raised {told}", error
    return True, f"right. {remember}" if remember else "right.", None


def _report(checked: Checked) -> None:
    """Tell `grade`, if it is grade that runs this notebook."""
    if path := os.environ.get(GRADES):
        line = {"exercise": checked.exercise, "passed": checked.passed, "says": checked.says}
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
