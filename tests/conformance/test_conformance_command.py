"""The command tells a scenario that differs from one that does not, and says where."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.conformance import scenario
from tests.conformance.__main__ import main

ISSUED = {"amount": "100", "interest_rate": "0.05", "at": "2025-01-01T00:00:00Z"}
PERSISTED = {
    "persisted": True,
    "version": 1,
    "created_at": "2025-01-01T00:00:00.001000Z",
    "occurred_at": "2025-01-01T00:00:00.001000Z",
    "valid": True,
    "errors": [],
    "errors_full": [],
    "own_errors": [],
    "own_errors_full": [],
    "state_errors": [],
    "state_errors_full": [],
}


def an_append(**changed):
    return {
        "op": "append",
        "stream": "DebtEventStream",
        "idx": "s1",
        "event": {"type": "Debt::Issued", "attrs": ISSUED, "as": "issued"},
        "observed": {
            "clock": "2025-01-01T00:00:00.000000Z",
            "returned_same_event": True,
            "event": {**PERSISTED, **changed},
            "rows": 1,
        },
    }


def an_inspection(**changed):
    observed = {"clock": "2025-01-01T00:00:01.001000Z", "event": {**PERSISTED, **changed}, "rows": 1}
    return {"op": "inspect", "event": "issued", "observed": observed}


def write(directory: Path, name: str, *steps, domain: str = "debt") -> None:
    told = {"name": name, "about": "", "domain": domain, "steps": list(steps)}
    (directory / f"{name}.json").write_text(json.dumps(told))


def closing(capsys) -> str:
    return capsys.readouterr().out.splitlines()[-1]


def test_the_default_directory_is_the_copy_kept_here(capsys):
    assert main([]) == 0
    assert re.fullmatch(r"[1-9]\d* passed, 0 failed", closing(capsys))


def test_a_scenario_that_it_has_never_seen_is_kept_and_run(tmp_path, capsys):
    write(tmp_path, "900_new", an_append(), an_inspection())
    assert main([str(tmp_path)]) == 0
    assert closing(capsys) == "1 passed, 0 failed"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"version": 2}, "event.version: expected 2, got 1"),
        ({"persisted": False}, "event.persisted: expected false, got true"),
        ({"valid": False}, "event.valid: expected false, got true"),
        (
            {"created_at": "2025-01-01T00:00:00.002000Z"},
            "event.created_at: expected 2025-01-01T00:00:00.002000Z, got 2025-01-01T00:00:00.001000Z",
        ),
        ({"errors": [["base", "no"]]}, 'event.errors: expected [["base", "no"]], got []'),
        ({"own_errors_full": ["no"]}, 'event.own_errors_full: expected ["no"], got []'),
    ],
)
def test_the_first_step_that_differs_is_told(tmp_path, capsys, changed, told):
    write(tmp_path, "900_new", an_append(), an_inspection(**changed), an_inspection(version=9))
    assert main([str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert f"900_new: step 2, {told}\n" in out
    assert out.splitlines()[-1] == "0 passed, 1 failed"


def test_an_exception_that_funes_did_not_raise_is_a_difference(tmp_path, capsys):
    step = an_append()
    write(tmp_path, "900_new", {**step, "stream": "NoSuchStream"})
    assert main([str(tmp_path)]) == 1
    assert "900_new: step 1, raised: expected nothing raised, got LookupError" in capsys.readouterr().out


def test_an_exception_that_is_missing_is_a_difference(tmp_path, capsys):
    step = an_append()
    step["observed"]["raised"] = {"class": "TypeError", "message": "nil can't be coerced"}
    write(tmp_path, "900_new", step)
    assert main([str(tmp_path)]) == 1
    assert "900_new: step 1, raised: expected TypeError, got nothing raised" in capsys.readouterr().out


def test_a_step_inside_a_transaction_has_a_number_of_its_own(tmp_path, capsys):
    observed = {"clock": "2025-01-01T00:00:00.000000Z", "events_after": {}, "rows": 1}
    block = {"op": "transaction", "finish": "commit", "steps": [an_append(version=7)], "observed": observed}
    write(tmp_path, "900_new", block)
    assert main([str(tmp_path)]) == 1
    assert "900_new: step 1.1, event.version: expected 7, got 1" in capsys.readouterr().out


def test_a_file_that_is_no_scenario_fails_and_the_rest_runs(tmp_path, capsys):
    (tmp_path / "100_broken.json").write_text("{")
    write(tmp_path, "900_new", an_append())
    assert main([str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "100_broken: cannot be run: JSONDecodeError" in out
    assert out.splitlines()[-1] == "1 passed, 1 failed"


@pytest.mark.parametrize("place", [".", ".."])
def test_what_is_improved_or_rubys_own_is_counted_apart(tmp_path, capsys, place):
    directory = tmp_path / "scenarios"
    directory.mkdir()
    write(directory, "900_new", an_append(version=7))
    write(directory, "901_new", an_append())
    (directory / place / "decisions.json").write_text(json.dumps({"900_new": {"decision": "improve"}}))
    assert main([str(directory)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told == ["1 improved or Ruby's own", "1 passed, 0 failed"]


def test_without_decisions_nearby_those_kept_here_count(tmp_path, capsys):
    about = scenario.decisions(scenario.DEFAULT_DIRECTORY)
    ruby = next(key for key in about if scenario.decided(about, key) == "ruby")
    shutil.copy(scenario.DEFAULT_DIRECTORY / f"{ruby}.json", tmp_path)
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("1 improved or Ruby's own")


def test_the_label_of_a_domain_is_for_grouping_only(tmp_path, capsys):
    write(tmp_path, "900_new", an_append(version=7), domain="not a domain")
    assert main([str(tmp_path)]) == 1
    assert closing(capsys) == "0 passed, 1 failed"


def test_a_directory_without_scenarios_is_an_error(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "has none" in capsys.readouterr().err
