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

#: A verdict: its glyph in a terminal, its glyph in a notebook, the colour of its meaning, its word.
_VERDICTS: Final = {
    True: ("✓", "accepted", "accepted", "right"),
    False: ("✗", "refused", "own", "not yet"),
    None: ("·", "own", "muted", "yours to do"),
}
_SIDE, _STEP = 12, 18  # of a square in the bar, in px


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
        glyph, _, _, word = _VERDICTS[self.passed]
        lines = columns.sentence(
            f"{glyph} {self.exercise} {self.title.rstrip('?')}: {word}. {self.says}".rstrip(), "", "  "
        )
        if self.hint:
            lines += columns.sentence(f"{self._hint_caption()}: {self.hint}", "  ", "    ")
        squares = "".join("■" if passed else "□" for passed in self.progress.values())
        return "\n".join([*lines, f"  lesson {self.exercise[:2]}  {squares}  {self._done()}"])

    def _repr_html_(self) -> str:
        _, glyph, tone, word = _VERDICTS[self.passed]
        parts = [markup.head(f"{self.exercise}  {self.title}", markup.verdict(glyph, tone, word), named=False)]
        told = [markup.text(self.says)] if self.says else []
        if self.hint:
            told.append(markup.muted(f"{self._hint_caption()}: {self.hint}"))
        if told:
            parts.append(f'<div class="fl-pad">{"".join(markup.line(one) for one in told)}</div>')
        parts.append(f'<div class="fl-foot">lesson {self.exercise[:2]} {self._bar()} {self._done()}</div>')
        return markup.section(f"Exercise {self.exercise}, {word}", *parts)

    def _hint_caption(self) -> str:
        number, of = self.hints
        return f"Hint {number} of {of}" if of > 1 else "Hint"

    def _done(self) -> str:
        return f"{sum(passed is True for passed in self.progress.values())} of {len(self.progress)}"

    def _bar(self) -> str:
        """The exercises of the lesson as squares, filled where they are right."""
        squares = "".join(
            f'<rect x="{_STEP * n + 1}" y="1" width="{_SIDE - 2}" height="{_SIDE - 2}" '
            + ('fill="var(--fl-accepted)"/>' if passed else 'fill="none" stroke="var(--fl-edge)"/>')
            for n, passed in enumerate(self.progress.values())
        )
        width = _STEP * len(self.progress)
        size = f'width="{width}" height="{_SIDE}" viewBox="0 0 {width} {_SIDE}"'
        # beside a widget on the same page, pictures are blocks
        return f'<svg {size} style="display:inline-block;vertical-align:-1px" aria-hidden="true">{squares}</svg>'


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
    · 01.1 What is a fact: yours to do. Put your answer in the place of the three dots.
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
        return None, "Put your answer in the place of the three dots.", None
    try:
        remember = asked.check(answer)
    except Wrong as wrong:
        return False, _sentence(str(wrong)), None
    except Exception as error:  # noqa: BLE001  (whatever a learner's code raises is what is shown)
        told = formats.shorten(f"{type(error).__name__}: {error}", 300)
        return False, f"When it was tried, it raised {told}", error
    return True, remember or "", None


def _sentence(told: str) -> str:
    """Write what is said of an answer as a sentence."""
    return told[:1].upper() + told[1:] + ("" if told.endswith((".", "?")) else ".")


def _report(checked: Checked) -> None:
    """Tell `grade`, if it is grade that runs this notebook."""
    if path := os.environ.get(GRADES):
        line = {"exercise": checked.exercise, "passed": checked.passed, "says": checked.says}
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
