"""The library's loans: what their page says is in them, is in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

import funes_lab as fl

PAGE = " ".join((Path(__file__).parents[1] / "datasets" / "loans.md").read_text(encoding="utf-8").split())


@pytest.fixture(scope="module")
def library() -> Iterator[SimpleNamespace]:
    with fl.datasets.load("loans") as lab, fl.testing.registry():
        classes = fl.datasets.classes("loans")
        log = lab.log.df().sort_values(["idx", "version"], ignore_index=True)
        yield SimpleNamespace(lab=lab, log=log, steps=lab.replay(classes.CopyNow, steps=True), classes=classes)
        lab.close()


@pytest.fixture(scope="module")
def loans(library: SimpleNamespace) -> pd.DataFrame:
    """A row a loan: member, when it began, and when it ended."""
    found, open_ = [], {}
    for event in library.log.sort_values(["idx", "occurred_at"]).itertuples():
        if event.event == "Copy::Borrowed":
            open_[event.idx] = (event.member, event.occurred_at)
        elif event.event == "Copy::Returned" and event.idx in open_:
            found.append((event.idx, *open_.pop(event.idx), event.occurred_at))
    still_out = pd.Timestamp("2025-02-01", tz="UTC")
    found += [(idx, member, since, still_out) for idx, (member, since) in open_.items()]
    return pd.DataFrame(found, columns=["idx", "member", "since", "until"])


@pytest.fixture(scope="module")
def returns(library: SimpleNamespace) -> pd.DataFrame:
    """The returns, each with the date on which it was due."""
    steps = library.steps
    due_on = steps.groupby("idx")["due_on"].shift(1)
    found = steps.assign(due_on=pd.to_datetime(due_on, utc=True))
    return found[found["event"] == "Copy::Returned"]


def test_every_kind_of_event_is_there_as_often_as_the_page_says(library) -> None:
    for name, count in library.log["event"].value_counts().items():
        assert f"| `{name}` | {count:,} |" in PAGE
    acquired = library.log[library.log["event"] == "Copy::Acquired"]
    assert f"100 copies of books (of {acquired['title'].nunique()} titles)" in PAGE
    assert f"with {library.log['member'].nunique()} members" in PAGE


def test_every_gate_refused_as_often_as_the_page_says(library) -> None:
    for gate, count in library.lab.rejections.df()["stage"].value_counts().items():
        assert count == 0 or f"| `{gate}` | {count} |" in PAGE


def test_some_returns_are_late_and_some_only_looked_it(returns) -> None:
    late = returns["occurred_at"].dt.normalize() > returns["due_on"]
    assert f"{late.sum()} of the {len(returns):,} returns are late" in PAGE
    looked_late = (returns["created_at"].dt.normalize() > returns["due_on"]) & ~late
    assert f"{looked_late.sum()} loans looked late for a while" in PAGE
    behind = (returns["created_at"] - returns["occurred_at"]) > pd.Timedelta(days=30)
    assert f"{behind.sum()} returns were recorded more than 30 days after" in PAGE


def test_two_members_had_more_books_at_home_than_the_house_allows(loans) -> None:
    def most(of_member: pd.DataFrame) -> int:
        return max(((of_member["since"] <= at) & (at < of_member["until"])).sum() for at in of_member["since"])

    peak = {member: most(group) for member, group in loans.groupby("member")}
    over = [f"`{member}`" for member, books in peak.items() if books > 3]
    assert f"{' and '.join(over)} had 4" in PAGE
    assert max(peak.values()) == 4


def test_some_copies_were_forgotten_some_lost_and_found(library) -> None:
    now = library.lab.replay(library.classes.CopyNow)
    forgotten = now[~now["lost"] & (pd.to_datetime(now["due_on"]) < "2024-01-01")]
    assert f"{' and '.join(f'`{idx}`' for idx in forgotten['idx'])} were lent in June 2023" in PAGE
    assert set(forgotten["occurred_at"].dt.strftime("%Y-%m")) == {"2023-06"}
    lost = (library.log["event"] == "Copy::Lost").sum()
    assert f"| {lost} | `at`; {lost - now['lost'].sum()} of these copies came back" in PAGE


def test_three_authors_and_two_due_dates_are_the_wrong_way_round(library) -> None:
    turned = library.log[library.log["author"].fillna("").str.contains(", ")]
    assert f"({', '.join(f'`{idx}`' for idx in turned['idx'])})" in PAGE
    years = pd.to_datetime(library.log["due_on"]).dt.year
    typed = library.log[years > 2025]
    assert f"({', '.join(f'`{idx}`' for idx in typed['idx'])})" in PAGE
    assert set(years[typed.index]) == {2032}
