"""Finding the first way in which a step differs from what Funes did."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.conformance.exceptions import says_the_same
from tests.conformance.status import CONFLICT, of_errors

#: What Funes wrote to its log file is informative only; what was raised is compared by its meaning.
_NOT_COMPARED = frozenset(("log", "raised"))


@dataclass(frozen=True)
class Difference:
    """A step that came out differently."""

    step: str
    what: str
    expected: Any
    got: Any

    def __str__(self) -> str:
        return f"step {self.step}, {self.what}: expected {_shown(self.expected)}, got {_shown(self.got)}"


def difference(place: str, step: Mapping[str, Any], got: Mapping[str, Any]) -> Difference | None:
    """The first difference of a step, or None if there is none."""
    expected = step["observed"]
    if ("raised" in expected or "raised" in got) and not _same_exception(step, got):
        said = expected["raised"]["class"] if "raised" in expected else "nothing raised"
        return Difference(place, "raised", said, got.get("raised", "nothing raised"))
    wanted, found = _sides(expected, got)
    for what, value in wanted.items():
        one, other = _comparable(what, value, found.get(what, "nothing"))
        if _text(one) != _text(other):
            return Difference(place, *_innermost(what, one, other))
    return None


def _sides(expected: Mapping[str, Any], got: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What is compared; an exception that carries errors shows them beside itself."""
    wanted = {what: value for what, value in expected.items() if what not in _NOT_COMPARED}
    if "raised" in got and "rows" not in got:
        wanted.pop("rows", None)
    raised, what = expected.get("raised", {}), "raised.record_errors"
    if "record_errors" not in raised:
        return wanted, got
    pairs, _ = of_errors(got["raised"].errors)
    return {**wanted, what: raised["record_errors"]}, {**got, what: pairs}


def _innermost(what: str, expected: Any, got: Any) -> tuple[str, Any, Any]:
    """The smallest part that differs: of two mappings with the same keys, of two lists of the same length."""
    if isinstance(expected, dict) and isinstance(got, dict) and expected.keys() == got.keys():
        parts = [(f"{what}.{key}", expected[key], got[key]) for key in expected]
    elif _are_records(expected) and _are_records(got) and len(expected) == len(got):
        pairs = zip(expected, got, strict=True)
        parts = [(f"{what}[{number}]", *pair) for number, pair in enumerate(pairs, start=1)]
    else:
        return what, expected, got
    return _innermost(*next(part for part in parts if _text(part[1]) != _text(part[2])))


def _are_records(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, dict) for part in value)


def _same_exception(step: Mapping[str, Any], got: Mapping[str, Any]) -> bool:
    return "raised" in step["observed"] and "raised" in got and says_the_same(step, got["raised"])


def _comparable(what: str, expected: Any, got: Any) -> tuple[Any, Any]:
    """The two sides, without what the decisions take out of the comparison."""
    if what == "event" and isinstance(got, dict) and CONFLICT in expected["errors"]:
        return _without(expected, "valid"), _without(got, "valid")
    if what == "events_after" and isinstance(got, dict):
        return expected, {name: _only(expected.get(name, status), status) for name, status in got.items()}
    if what == "state" and isinstance(got, dict) and "idx" not in got["attributes"]:
        return {**expected, "attributes": _without(expected["attributes"], "idx")}, got
    return expected, got


def _without(told: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in told.items() if key != name}


def _only(wanted: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in told.items() if key in wanted}


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=repr)


def _shown(value: Any) -> str:
    if isinstance(value, BaseException):
        return " ".join(f"{type(value).__name__}: {value}".split())
    return value if isinstance(value, str) else _text(value)
