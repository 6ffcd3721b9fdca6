"""Every exercise passes a right answer and fails a wrong one, and says what was found."""

from __future__ import annotations

import importlib
import inspect
from pkgutil import iter_modules
from typing import Any

import pytest

import funes_lab as fl
from funes_lab.teaching.exercise import every
from tests.teaching import answers

MODULES = [importlib.import_module(f"{answers.__name__}.{found.name}") for found in iter_modules(answers.__path__)]
RIGHT = [(key, answer) for module in MODULES for key, many in module.RIGHT.items() for answer in many]
WRONG = [(key, *pair) for module in MODULES for key, many in module.WRONG.items() for pair in many]
#: What is no answer to anything.
ODD = {
    "None": None, "zero": 0, "no text": "", "no list": [], "no dict": {}, "a class": object, "NaN": float("nan"),
    "a function": lambda *given: None,
}  # fmt: skip


def made(answer: Any) -> Any:
    """An answer, built by its function where it needs names of its own.

    A function that can be called without arguments makes the answer; if the answer is one itself, another makes it.
    """
    if not inspect.isfunction(answer):
        return answer
    try:
        inspect.signature(answer).bind()
    except TypeError:
        return answer
    return answer()


def key_and_number(found: list[Any]) -> list[str]:
    return [f"{key}-{number}" for number, (key, *_) in enumerate(found)]


@pytest.mark.parametrize(("key", "answer"), RIGHT, ids=key_and_number(RIGHT))
def test_a_right_answer_passes(key, answer):
    checked = fl.teaching.check(key, made(answer))
    assert checked.passed is True, checked
    assert checked.hint is None


@pytest.mark.parametrize(("key", "answer", "says"), WRONG, ids=key_and_number(WRONG))
def test_a_wrong_answer_fails_and_is_told_why(key, answer, says):
    checked = fl.teaching.check(key, made(answer))
    assert checked.passed is False, checked
    assert says.lower() in checked.says.lower()
    assert checked.hint
    assert checked.error is None, f"the learner should get a sentence, not what Python raised: {checked.error!r}"


def test_every_exercise_has_a_right_answer_and_two_wrong_ones():
    for one in every():
        assert sum(key == one.key for key, _ in RIGHT) >= 1, one.key
        assert sum(key == one.key for key, *_ in WRONG) >= 2, one.key
    assert {key for key, *_ in [*RIGHT, *WRONG]} == {one.key for one in every()}


def test_hints_and_what_is_said_are_sentences_and_every_lesson_has_three_to_six_exercises():
    lessons: dict[str, int] = {}
    for number, one in enumerate(every(), 1):
        assert one.hints, one.key
        assert all(hint[-1] in ".?!`)" for hint in one.hints), one.key
        lessons[one.lesson] = lessons.get(one.lesson, 0) + 1
        assert one.key == f"{one.lesson}.{lessons[one.lesson]}", f"exercise {number} is out of order"
    assert all(3 <= many <= 6 for many in lessons.values()), lessons


@pytest.mark.parametrize("key", [one.key for one in every()])
@pytest.mark.parametrize("answer", ODD)
def test_an_answer_of_the_wrong_type_fails_and_never_raises(key, answer):
    checked = fl.teaching.check(key, ODD[answer])
    assert checked.passed is False
    assert checked.says
