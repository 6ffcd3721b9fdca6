"""Every scenario that is kept comes out as Funes did it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.conformance import scenario
from tests.conformance.world import run

ABOUT = scenario.decisions(scenario.DEFAULT_DIRECTORY)
READ = [scenario.read(path) for path in scenario.files(scenario.DEFAULT_DIRECTORY)]
KEPT = [told for told in READ if scenario.decided(ABOUT, told.key) == "keep"]
IMPROVED = [told.key for told in READ if scenario.decided(ABOUT, told.key) == "improve"]


@pytest.mark.parametrize("told", KEPT, ids=lambda told: told.key)
def test_a_kept_scenario_comes_out_as_funes_did_it(told):
    found = run(told)
    assert found is None, str(found)


def improvements() -> list[ast.FunctionDef]:
    modules = sorted(Path(__file__).parent.glob("test_improved_*.py"))
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in modules]
    found = [node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [node for node in found if node.name.startswith("test_")]


@pytest.mark.parametrize("key", IMPROVED)
def test_an_improved_scenario_has_a_test_that_names_it_and_says_the_rule(key):
    number = key.partition("_")[0]
    told = [ast.get_docstring(node) or "" for node in improvements() if f"_{number}_" in node.name]
    rules = [" ".join(docstring.split()) for docstring in told if key in docstring]
    assert any(ABOUT[key]["instead"] in rule for rule in rules)


def test_every_scenario_is_decided_about():
    assert {told.key for told in READ} == set(ABOUT) - {"_notes"}


def test_no_scenario_is_named_in_the_code_that_runs_it():
    here = Path(__file__).parent
    code = [path for path in here.rglob("*.py") if not path.name.startswith("test_")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in code)
    assert not [told.key for told in READ if told.key in text or told.key.partition("_")[2] in text]
