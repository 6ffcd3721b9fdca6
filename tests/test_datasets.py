"""The bundled data sets: what they promise, and how they are opened."""

from __future__ import annotations

import json
import runpy
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import BaseModel

import funes_lab as fl
from funes_lab import registry

FOLDER = Path(__file__).parents[1] / "datasets"
ATTEMPTS = 123


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    table = pq.read_table(FOLDER / "debts.parquet")
    return [row | {"props": json.loads(row["props"])} for row in table.to_pylist()]


@pytest.fixture(scope="module")
def debts(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The facts, a list a debt, in the order in which they were recorded."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["attempt"] is None:
            found.setdefault(row["idx"], []).append(row)
    return found


@pytest.fixture
def lab() -> Iterator[fl.Lab]:
    loaded = fl.datasets.load("debts")
    yield loaded
    loaded.close()


# --- the ledger -------------------------------------------------------------------------------------------


def test_there_are_500_debts_each_issued_first_and_recorded_in_order_of_version(debts) -> None:
    assert sorted(debts) == [f"debts-{number:03}" for number in range(1, 501)]
    for stream in debts.values():
        assert [row["version"] for row in stream] == list(range(1, len(stream) + 1))
        issued, *payments = [row["klass"] for row in stream]
        assert issued == "Debt::Issued"
        assert set(payments) <= {"Debt::PaymentReceived"}
        recorded = [row["created_at"] for row in stream]
        assert recorded == sorted(recorded)


def test_no_debt_is_ever_below_zero_whatever_had_been_recorded_by_then(debts) -> None:
    for stream in debts.values():
        for known in range(1, len(stream) + 1):
            in_place = sorted(stream[:known], key=lambda row: (row["occurred_at"], row["version"]))
            assert in_place[0]["klass"] == "Debt::Issued"
            balance = Decimal(in_place[0]["props"]["amount"])
            for row in in_place[1:]:
                balance -= Decimal(row["props"]["principal_amount"])
                assert balance >= 0


def test_nothing_is_recorded_before_it_happened_and_the_event_says_when_that_was(debts) -> None:
    for row in (row for stream in debts.values() for row in stream):
        assert row["occurred_at"] <= row["created_at"]
        assert row["props"]["at"].endswith("Z")
        assert datetime.fromisoformat(row["props"]["at"]) == row["occurred_at"]


def test_decimals_are_text_with_the_cents_they_came_with(debts) -> None:
    for row in (row for stream in debts.values() for row in stream):
        for name in set(row["props"]) - {"at"}:
            assert isinstance(row["props"][name], str)
        if row["klass"] == "Debt::PaymentReceived":
            assert Decimal(row["props"]["principal_amount"]).as_tuple().exponent >= -2


def test_many_payments_are_recorded_weeks_late_and_after_later_ones(debts) -> None:
    facts = [row for stream in debts.values() for row in stream]
    assert sum(row["created_at"] - row["occurred_at"] > timedelta(days=14) for row in facts) > 100
    overtaken = [
        row
        for stream in debts.values()
        for number, row in enumerate(stream)
        if any(row["occurred_at"] < earlier["occurred_at"] for earlier in stream[:number])
    ]
    assert len(overtaken) > 100


def test_lives_differ_paid_off_as_agreed_or_early_given_up_never_begun(debts) -> None:
    owed = Counter()
    for issued, *payments in debts.values():
        paid = sum(Decimal(row["props"]["principal_amount"]) for row in payments)
        rest = Decimal(issued["props"]["amount"]) - paid
        owed["never paid" if not payments else "paid off" if rest == 0 else "open"] += 1
    assert owed["paid off"] > 250
    assert owed["open"] > 50
    assert owed["never paid"] > 20


def test_the_generator_gives_the_rows_of_the_file_again() -> None:
    # A name of its own for the module, so that its event names do not meet those of another.
    with fl.testing.registry():
        script = runpy.run_path(str(FOLDER / "debts.py"), run_name="generator_of_debts")
        again = script["log_rows"]()
    table = pq.read_table(FOLDER / "debts.parquet")
    assert pa.Table.from_pylist(again, table.schema).to_pylist() == table.to_pylist()


# --- loading ----------------------------------------------------------------------------------------------


def test_loading_the_debts_brings_every_fact_as_it_is(lab: fl.Lab, debts) -> None:
    log = lab.sql("SELECT klass, idx, props, version, created_at, occurred_at FROM event_entries")
    facts = {(row["idx"], row["version"]): row for stream in debts.values() for row in stream}
    assert len(log) == len(facts)
    for row in log.to_dict("records"):
        fact = facts[row["idx"], row["version"]]
        assert row | {"props": json.loads(row["props"])} == {column: fact[column] for column in row}


def test_every_attempt_is_refused_at_its_gate_after_the_facts_are_loaded(lab: fl.Lab, rows) -> None:
    wanted = Counter((row["idx"], row["klass"], row["attempt"]) for row in rows if row["attempt"])
    refused = lab.rejections.df()
    assert Counter(zip(refused["idx"], refused["event"], refused["stage"], strict=True)) == wanted
    assert wanted.total() == ATTEMPTS
    assert {stage for _, _, stage in wanted} == {"own", "interpretation", "state"}


def test_loading_takes_no_event_name_that_a_notebook_may_want() -> None:
    names = ("Debt::Issued", "Debt::PaymentReceived")
    before = [registry.find(name) for name in names]
    lab = fl.datasets.load("debts")
    assert [registry.find(name) for name in names] == before
    with fl.testing.registry():

        class Issued(fl.Event, name="Debt::Issued"):
            amount: Decimal
            interest_rate: Decimal
            at: datetime

        class Amount(BaseModel):
            amount: Decimal = Decimal(0)

        class Lent(fl.Projection[Amount]):
            @fl.interpretation_for(Issued)
            def issued(state, event):
                state.amount = event.amount

        stream = fl.EventStream.for_("debts-001", lab)
        assert isinstance(stream.events[0], Issued)
        assert stream.projected_with(Lent).amount == stream.events[0].amount
    lab.close()


def test_a_loaded_lab_is_the_current_one() -> None:
    loaded = fl.datasets.load("debts")
    try:
        assert fl.current_lab() is loaded
        assert fl.EventStream.for_("debts-500").version > 0
    finally:
        loaded.close()


def test_a_data_set_is_kept_in_a_file_and_loading_it_again_opens_the_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.duckdb"
    with fl.datasets.load("debts", path) as first:
        events, refused = len(first.log), len(first.rejections)
        stream = fl.EventStream.for_("debts-001", first)
        length = stream.version
        stream.append(note(), at=datetime(2025, 3, 1, tzinfo=UTC))
    with fl.datasets.load("debts", str(path)) as again:
        assert len(again.log) == events + 1
        assert len(again.rejections) == refused == ATTEMPTS
        assert fl.EventStream.for_("debts-001", again).version == length + 1


def test_a_file_with_other_events_in_the_same_streams_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.duckdb"
    with fl.Lab(path) as mine:
        fl.EventStream.for_("debts-001", mine).append(note())
    with pytest.raises(ValueError, match=r"path .*mine.duckdb. has events .* in 'debts-001'"):
        fl.datasets.load("debts", path)
    with fl.Lab(path) as mine:
        assert len(mine.log) == 1
        assert len(mine.rejections) == 0


def note() -> fl.Event:
    with fl.testing.registry():

        class Noted(fl.Event, name="TestDatasets::Noted"):
            text: str

    return Noted(text="called the debtor")


@pytest.mark.parametrize("name", ["debt", "", "Debts", "../debts", None, 1])
def test_an_unknown_name_is_refused_with_the_names_that_there_are(name: object) -> None:
    with pytest.raises(ValueError, match=r"name must be one of 'debts', 'timezones'; got ") as refusal:
        fl.datasets.load(name)
    assert repr(name) in str(refusal.value)


# --- the list ---------------------------------------------------------------------------------------------


def test_the_list_tells_what_each_data_set_holds() -> None:
    frame = fl.datasets.list()
    assert frame.columns.tolist() == ["name", "events", "streams", "refused", "about", "source"]
    assert frame["name"].tolist() == ["debts", "timezones"]
    for row in frame.itertuples():
        loaded = fl.datasets.load(row.name)
        assert len(loaded.log) == row.events
        assert len(loaded.log.streams()) == row.streams
        assert len(loaded.rejections) == row.refused
        loaded.close()


def test_the_files_are_small_and_the_readme_tells_their_counts() -> None:
    readme = (FOLDER / "README.md").read_text()
    for row in fl.datasets.list().itertuples():
        assert f"{row.streams} streams, {row.events:,} events" in readme
        assert f"## {row.name}" in readme
        assert (FOLDER / f"{row.name}.parquet").stat().st_size < 300_000
        assert (FOLDER / f"{row.name}.py").exists()


def test_an_installed_package_finds_the_files_inside_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "funes_lab"
    inside = package / "_data" / "datasets"
    inside.mkdir(parents=True)
    (inside / "debts.parquet").write_bytes((FOLDER / "debts.parquet").read_bytes())
    (tmp_path / "datasets").mkdir()  # another package of that name lies beside
    (tmp_path / "datasets" / "__init__.py").touch()
    monkeypatch.setattr(fl.datasets, "__file__", str(package / "datasets.py"))
    monkeypatch.setattr(fl.datasets, "files", lambda name: tmp_path / name)
    assert fl.datasets.list()["name"].tolist() == ["debts"]
