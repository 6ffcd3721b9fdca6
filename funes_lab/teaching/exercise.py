"""Exercise: what a lesson asks, the hints that lead to it, and how a right answer is known from a wrong one.

A lesson's exercises are functions in `lessons/lesson_NN.py`: each gets the learner's answer and returns if it is right.
For a wrong one it raises `Wrong`, with a sentence that says what was found and leads on, and does not tell.
"""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pandas as pd

from funes_lab import current
from funes_lab.lab import Lab
from funes_lab.storable import Moment, instant
from funes_lab.teaching import lessons

#: Gets the answer; raises Wrong, or returns; a sentence to remember, if there is one.
Check = Callable[[Any], str | None]


class Wrong(Exception):
    """What is said of a wrong answer."""


@dataclass(frozen=True)
class Exercise:
    """One exercise of the course."""

    key: str
    title: str
    hints: tuple[str, ...]
    check: Check

    @property
    def lesson(self) -> str:
        """The two digits of its lesson."""
        return self.key[:2]


_known: dict[str, Exercise] = {}


def exercise(key: str, title: str, *hints: str) -> Callable[[Check], Check]:
    """Say that a function checks an exercise.

    Parameters
    ----------
    key : str
        The lesson and the number in it, as ``"03.2"``.
    title : str
        A few words, for the result and the table of grades.
    *hints : str
        From the gentlest to the plainest: each wrong answer shows one more.
    """

    def register(check: Check) -> Check:
        _known[key] = Exercise(key, title, hints, check)
        return check

    return register


def named(key: str) -> Exercise:
    """Find an exercise by its key.

    Raises
    ------
    ValueError
        There is none of that name.
    """
    known = {one.key: one for one in every()}
    if isinstance(key, str) and key in known:
        return known[key]
    near = difflib.get_close_matches(str(key), known, 1)
    guess = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(
        f"exercise must be the name of one, as in '03.2'; got {key!r}{guess} fl.teaching.exercises() lists them"
    )


def every(lesson: str | None = None) -> list[Exercise]:
    """List the exercises of the course, or of one lesson, in their order."""
    for module in iter_modules(lessons.__path__):
        import_module(f"{lessons.__name__}.{module.name}")
    return [_known[key] for key in sorted(_known) if lesson in (None, _known[key].lesson)]


def exercises() -> pd.DataFrame:
    """List the exercises of the course.

    Returns
    -------
    pandas.DataFrame
        A row an exercise, in the order of the course: `exercise` (str, what `check` calls it), `lesson` (int64),
        `title` (str), `hints` (int64, how many there are).

    Examples
    --------
    >>> exercises()["exercise"].head(2).to_list()
    ['01.1', '01.2']
    """
    found = every()
    return pd.DataFrame(
        {
            "exercise": pd.Series([one.key for one in found], dtype="str"),
            "lesson": pd.Series([int(one.lesson) for one in found], dtype="int64"),
            "title": pd.Series([one.title for one in found], dtype="str"),
            "hints": pd.Series([len(one.hints) for one in found], dtype="int64"),
        }
    )


# --- for those who write a check --------------------------------------------------------------------------------------


def expect(holds: object, otherwise: str) -> None:
    """Go on if it holds; else the answer is wrong, and this is said of it."""
    if not holds:
        raise Wrong(otherwise)


def kind(answer: Any, wanted: type, what: str) -> Any:
    """Return the answer if it is a subclass of a class or an instance of it; else say what was wanted."""
    fits = issubclass(answer, wanted) if isinstance(answer, type) else isinstance(answer, wanted)
    if not fits:
        raise Wrong(f"this wants {what}, and got {_named(answer)}")
    return answer


def number(answer: Any) -> Decimal:
    """Return the answer as a Decimal of two places if it is a number; else say that one was wanted."""
    is_number = isinstance(answer, Decimal | numbers.Real) and not isinstance(answer, bool)
    expect(is_number and math.isfinite(answer), f"this wants a number, and got {_named(answer)}")
    return Decimal(str(answer)).quantize(Decimal("0.01"))


def letters(answer: Any, known: str) -> set[str]:
    """Return the answer as letters, be it a set, a list or a text; else say that some were wanted."""
    wanted = f"this wants letters, as {{{known[0]!r}, {known[1]!r}}}"
    expect(isinstance(answer, Iterable) and not isinstance(answer, type), wanted)
    found = {str(letter).strip().lower() for letter in answer if str(letter).strip(" ,")}
    expect(found, wanted)
    expect(found <= set(known), f"there is no {', '.join(sorted(found - set(known)))}; {wanted}")
    return found


def columns(answer: Any, *names: str) -> pd.DataFrame:
    """Return the answer if it is a DataFrame with these columns; else say what is missing."""
    frame: pd.DataFrame = kind(answer, pd.DataFrame, "a DataFrame")
    missing = [name for name in names if name not in frame.columns]
    expect(
        not missing, f"the DataFrame has no column {', '.join(missing)}; it has {', '.join(map(str, frame.columns))}"
    )
    return frame


@contextmanager
def practice_lab(start: Moment | None = None) -> Iterator[Lab]:
    """Open a lab in memory to try an answer in; the learner's own stays the current one.

    Its clock stands still at `start` if that is given.
    """
    clock = None if start is None else _still(start)
    with current.aside():
        lab = Lab() if clock is None else Lab(clock=clock)
        try:
            with current.scope(lab):
                yield lab
        finally:
            lab.close()


def _still(start: Moment) -> Callable[[], Any]:
    moment = instant(start, "start")
    return lambda: moment


def _named(answer: Any) -> str:
    return f"the class {answer.__name__}" if isinstance(answer, type) else f"{type(answer).__name__}: {answer!r:.60}"
