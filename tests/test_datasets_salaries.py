"""The salaries and their corrections: what their page says is in them, is in them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

import funes_lab as fl

PAGE = " ".join((Path(__file__).parents[1] / "datasets" / "salaries.md").read_text(encoding="utf-8").split())


@pytest.fixture(scope="module")
def firm() -> Iterator[SimpleNamespace]:
    with fl.datasets.load("salaries") as lab, fl.testing.registry():
        yield SimpleNamespace(lab=lab, log=lab.log.df(), classes=fl.datasets.classes("salaries"))
        lab.close()


def test_every_kind_of_event_is_there_as_often_as_the_page_says(firm) -> None:
    for name, count in firm.log["event"].value_counts().items():
        assert f"| `{name}` | {count} |" in PAGE


def test_every_gate_refused_as_often_as_the_page_says(firm) -> None:
    for gate, count in firm.lab.rejections.df()["stage"].value_counts().items():
        assert count == 0 or f"| `{gate}` | {count} |" in PAGE


def test_most_is_recorded_late_and_some_of_it_before_its_day(firm) -> None:
    lag = (firm.log["created_at"] - firm.log["occurred_at"]).dt.days
    assert f"{(lag > 30).sum()} events were recorded more than 30 days late, up to {lag.max()} days" in PAGE
    assert f"{(lag < 0).sum()} before their day, up to {-lag.min()} days" in PAGE


def test_salaries_are_corrected_for_the_day_on_which_they_took_effect(firm) -> None:
    corrections = firm.log[firm.log["event"] == "Employee::SalaryCorrected"]
    assert f"{len(corrections)} corrections, of {corrections['idx'].nunique()} employees" in PAGE
    times = corrections.groupby(["idx", "effective_on"]).size()
    twice = [f"`{idx}`" for idx, _ in times[times > 1].index]
    assert f"corrected three weeks later: {', '.join(twice)}" in PAGE


def test_a_raise_was_recorded_twice_and_nobody_noticed(firm) -> None:
    raises = firm.log[firm.log["event"] == "Employee::Raised"]
    times = raises.groupby(["idx", "effective_on"]).size()
    twice = [f"`{idx}`" for idx, _ in times[times > 1].index]
    assert f"for {' and '.join(twice)}: nobody has noticed" in PAGE


def test_a_leave_is_refused_because_of_a_raise_that_was_recorded_after_that_day(firm) -> None:
    refused = [r for r in firm.lab.rejections if "Employee::Raised would be refused" in r.errors.full_messages[0]]
    assert f"{' and '.join(sorted(f'`{r.idx}`' for r in refused))} left before the raise of 2024" in PAGE
    assert {r.event for r in refused} == {"Employee::Left"}


def test_what_somebody_earned_on_a_day_has_five_right_answers(firm) -> None:
    stream = firm.classes.EmployeeStream.for_("employees-059", firm.lab)
    found = set()
    for as_of in pd.date_range("2021-01-01", "2024-12-31", freq="5D", tz="UTC").to_pydatetime():
        found.add(stream.projected_with(firm.classes.SalaryInForce, at="2022-01-15", as_of=as_of).salary)
    assert found == {Decimal(text) for text in ("2340", "2520", "2430", "2466.45", "2515.78")}
    for as_of in ("2021-01-05", "2021-02-01", "2021-02-20", "2021-04-01", "2022-07-01"):
        known = stream.projected_with(firm.classes.SalaryInForce, at="2022-01-15", as_of=as_of).salary
        assert f"| {as_of} | {known} |" in PAGE


def test_the_promotion_in_february_does_not_hide_what_was_known_in_january(firm) -> None:
    both = firm.lab.bitemporal(firm.classes.SalaryInForce, "employees-059", "salary")
    assert both.shape[0] == 8
    assert both.iloc[-1].nunique() > 3
