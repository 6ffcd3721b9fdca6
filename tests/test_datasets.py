"""The bundled data sets: what they promise, and how they are opened."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import BaseModel
from tqdm.auto import tqdm

import funes_lab as fl
from funes_lab import registry
from funes_lab.datasets import files
from funes_lab.datasets.recording import Entry, Recorder
from funes_lab.store.checkup import findings

FOLDER = Path(__file__).parents[1] / "datasets"
NAMES = sorted(path.stem for path in FOLDER.glob("*.parquet"))
INVENTED = [name for name in NAMES if name != "timezones"]
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


def test_the_page_of_the_debts_tells_every_kind_of_event_and_every_gate(rows) -> None:
    page = (FOLDER / "debts.md").read_text(encoding="utf-8")
    for name, count in Counter(row["klass"] for row in rows if row["attempt"] is None).items():
        assert f"| `{name}` | {count:,} |" in page
    for gate, count in Counter(row["attempt"] for row in rows if row["attempt"]).items():
        assert f"| `{gate}` | {count} |" in page


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


@pytest.mark.parametrize("name", INVENTED)
def test_the_script_gives_the_rows_of_the_file_again(name: str) -> None:
    with files.script(name) as script:
        again = script.log_rows()
    table = pq.read_table(FOLDER / f"{name}.parquet")
    assert pa.Table.from_pylist(again, table.schema).to_pylist() == table.to_pylist()


@pytest.mark.parametrize("name", INVENTED)
def test_the_same_rows_give_the_bytes_of_the_file(name: str, tmp_path: Path) -> None:
    committed = FOLDER / f"{name}.parquet"
    made_by = pq.ParquetFile(committed).metadata.created_by
    table = pq.read_table(committed)
    about = json.loads(table.schema.metadata[b"funes_lab"])
    again = tmp_path / "again.parquet"
    fl.datasets.write(again, table.to_pylist(), about=about["about"], source=about["source"])
    if pq.ParquetFile(again).metadata.created_by == made_by:
        assert again.read_bytes() == committed.read_bytes()
    assert pq.read_table(again).equals(table, check_metadata=True)


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


@pytest.mark.parametrize("name", INVENTED)
def test_every_attempt_is_refused_again_at_its_gate_its_version_and_its_time(name: str) -> None:
    rows = [row for row in pq.read_table(FOLDER / f"{name}.parquet").to_pylist() if row["attempt"]]
    wanted = Counter((row["idx"], row["klass"], row["attempt"], row["version"] - 1, row["created_at"]) for row in rows)
    loaded = fl.datasets.load(name)
    refused = [(r.idx, r.event, r.stage, r.version_read, r.time) for r in loaded.rejections]
    loaded.close()
    assert Counter(refused) == wanted
    assert refused


def test_what_is_appended_to_a_loaded_lab_is_recorded_now_or_when_its_clock_says() -> None:
    before = datetime.now(UTC)
    with fl.datasets.load("debts") as now:
        assert before <= fl.EventStream.for_("talk").append(note()).created_at <= datetime.now(UTC)
        now.close()
    with fl.datasets.load("debts", clock=fl.testing.Clock("2025-03-01")) as later:
        assert fl.EventStream.for_("talk").append(note()).created_at == datetime(2025, 3, 1, tzinfo=UTC)
        later.close()


def test_a_clock_that_is_none_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(TypeError, match="clock must be a function that gives a datetime, got 7"):
        fl.datasets.load("debts", clock=7)


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


BAD_NAMES = ["debt", "", "Debts", "../debts", None, 1, ["debts"]]
OPENERS = [fl.datasets.load, fl.datasets.classes, lambda name: fl.datasets.generate(name, 10)]


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize("opener", OPENERS, ids=["load", "classes", "generate"])
def test_an_unknown_name_is_refused_with_the_names_that_there_are(opener, name: object) -> None:
    with pytest.raises(ValueError, match=f"name must be one of {', '.join(map(repr, NAMES))}; got ") as refusal:
        opener(name)
    assert repr(name) in str(refusal.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_holds_a_data_set_is_opened_again_as_it_is(name: str, tmp_path: Path) -> None:
    path = tmp_path / "kept.duckdb"
    told = fl.datasets.list().set_index("name").loc[name]
    for _ in range(2):
        with fl.datasets.load(name, path) as lab:
            assert (len(lab.log), len(lab.rejections)) == (told["events"], told["refused"])
            assert [*findings(lab.store, datetime.now(UTC))] == []


# --- the classes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_classes_of_a_data_set_read_its_log_and_find_nothing_to_refuse(name: str) -> None:
    with fl.datasets.load(name) as lab, fl.testing.registry():
        classes = vars(fl.datasets.classes(name))
        events = {c.event_name: c for c in classes.values() if isinstance(c, type) and issubclass(c, fl.Event)}
        streams = [c for c in classes.values() if isinstance(c, type) and issubclass(c, fl.EventStream)]
        assert len(streams) == 1
        assert {registry.canonical(name) for name in lab.log.df()["event"].unique()} <= set(events)
        first = lab.log.streams()["idx"].iloc[0]
        for event in streams[0].for_(first).events:
            assert type(event) is events[event.event_name]
            assert (event.kept_aside, event.own_errors.full_messages) == ({}, [])
        if streams[0].consistency_projection is not None:
            assert len(lab.audit(streams[0].consistency_projection)) == 0
        lab.close()


def test_asking_for_the_classes_again_is_like_running_a_cell_again() -> None:
    with fl.testing.registry():
        before, after = fl.datasets.classes("loans"), fl.datasets.classes("loans")
        assert registry.find("Copy::Borrowed") is after.Borrowed
        assert before.Borrowed is not after.Borrowed
        assert "SEED" not in vars(after)


def test_the_classes_of_a_data_set_do_not_take_the_names_of_yours() -> None:
    with fl.testing.registry():

        class Returned(fl.Event, name="Copy::Returned"):
            at: datetime

        before = registry.generation()
        with pytest.raises(fl.DefinitionError, match=r"'Copy::Returned' of 'loans' is taken by .*Returned; take the"):
            fl.datasets.classes("loans")
        assert registry.generation() == before
        assert registry.find("Copy::Returned") is Returned
        assert registry.find("Copy::Borrowed") is None


# --- large ones -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", INVENTED)
def test_a_large_log_is_sound_and_every_event_of_it_is_lawful(name: str) -> None:
    with fl.testing.registry():
        lab = fl.datasets.generate(name, events=4_001, seed=7, progress=False)
        assert len(lab.log) == 4_001
        assert len(lab.rejections) == 0
        assert [*findings(lab.store, datetime.now(UTC))] == []
        classes = fl.datasets.classes(name)
        (stream,) = (c for c in vars(classes).values() if isinstance(c, type) and issubclass(c, fl.EventStream))
        audit = lab.audit(stream.consistency_projection, progress=False)
        assert (audit.events, len(audit)) == (4_001, 0)
        for event in stream.for_(lab.log.streams()["idx"].iloc[-2]).events:
            assert (event.kept_aside, event.own_errors.full_messages) == ({}, [])
        lab.close()


@pytest.mark.parametrize("name", [name for name in INVENTED if name != "orders"])  # whose programs changed
def test_what_is_made_in_bulk_is_what_real_streams_would_have_written(name: str) -> None:
    """Recorder appends each entry and compares what came of it with the row that was foretold."""
    with files.script(name) as script:
        lives = script.lives(Random(11), 5)
        assert all(isinstance(entry, Entry) for entry in next(lives))
        recorder = Recorder(getattr(script, "CONTEXT", None))
        recorder.record([entry for _ in range(8) for entry in next(lives)], script.STREAM)
        assert len(recorder.rows()) > 20


def log_of(lab: fl.Lab) -> list[tuple[Any, ...]]:
    rows = lab.sql("SELECT * FROM event_entries ORDER BY idx, version").itertuples(index=False)
    return [tuple(map(str, row)) for row in rows]


@pytest.mark.parametrize("name", INVENTED)
def test_the_same_seed_gives_the_same_rows_and_another_one_others(name: str, tmp_path: Path) -> None:
    logs = []
    for number, seed in enumerate([None, None, 5, 6, 5]):
        lab = fl.datasets.generate(name, 300, tmp_path / f"{number}.duckdb" if number == 1 else ":memory:", seed=seed)
        logs.append(log_of(lab))
        lab.close()
    assert logs[0] == logs[1]
    assert logs[2] == logs[4]
    assert logs[0] != logs[2] != logs[3]


def test_one_event_is_a_log_too_and_the_lab_is_the_current_one() -> None:
    lab = fl.datasets.generate("debts", events=1)
    try:
        assert fl.current_lab() is lab
        assert lab.log.df()["event"].tolist() == ["Debt::Issued"]
    finally:
        lab.close()


@pytest.mark.parametrize("events", [0, -1, 1.5, "1000", True, None, 2**40])
def test_a_number_of_events_that_is_none_is_refused(events: object) -> None:
    with pytest.raises(ValueError, match="events must be ") as refusal:
        fl.datasets.generate("debts", events)
    assert repr(events) in str(refusal.value)


@pytest.mark.parametrize("seed", [-1, 1.5, "x", True, 2**32])
def test_a_seed_that_is_none_is_refused(seed: object) -> None:
    with pytest.raises(ValueError, match="seed must be ") as refusal:
        fl.datasets.generate("debts", 10, seed=seed)
    assert repr(seed) in str(refusal.value)


def test_there_are_no_more_time_zones_than_there_are() -> None:
    there = ", ".join(map(repr, INVENTED))
    with pytest.raises(ValueError, match=f"name must be that of an invented data set, {there}; got 'timezones'"):
        fl.datasets.generate("timezones", 10)


def test_a_file_with_events_is_not_generated_into(tmp_path: Path) -> None:
    path = tmp_path / "mine.duckdb"
    with fl.Lab(path) as mine:
        fl.EventStream.for_("talk").append(note())
    with pytest.raises(ValueError, match=r"path .*mine.duckdb. has 1 event already; give the path of a new file"):
        fl.datasets.generate("debts", 10, path)
    with fl.Lab(path) as mine:
        assert len(mine.log) == 1


def test_generating_takes_no_event_name_that_a_notebook_may_want() -> None:
    before = registry.names()
    fl.datasets.generate("debts", 10).close()
    assert registry.names() == before


def test_a_bar_tells_how_many_events_are_made(capsys, monkeypatch) -> None:
    monkeypatch.setattr("tqdm.tqdm", lambda **options: tqdm(**{**options, "delay": 0, "mininterval": 0}))
    fl.datasets.generate("debts", 2_000).close()
    assert "2.00k/2.00k" in capsys.readouterr().err
    fl.datasets.generate("debts", 2_000, progress=False).close()
    assert capsys.readouterr().err == ""


# --- the list ---------------------------------------------------------------------------------------------


def test_the_list_tells_what_each_data_set_holds() -> None:
    frame = fl.datasets.list()
    assert frame.columns.tolist() == ["name", "events", "streams", "refused", "about", "source"]
    assert frame["name"].tolist() == NAMES
    for row in frame.itertuples():
        loaded = fl.datasets.load(row.name)
        assert len(loaded.log) == row.events
        assert (loaded.log.streams()["events"] > 0).sum() == row.streams
        assert len(loaded.rejections) == row.refused
        loaded.close()


@pytest.mark.parametrize("name", NAMES)
def test_the_files_are_small_and_their_pages_tell_what_is_in_them(name: str) -> None:
    row = fl.datasets.list().set_index("name").loc[name]
    page = " ".join((FOLDER / f"{name}.md").read_text(encoding="utf-8").split())
    assert page.startswith(f"# {name} ")
    assert f"{row['streams']:,} streams, {row['events']:,} events" in page
    assert row["refused"] == 0 or f"{row['refused']} attempts that must be refused" in page
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"| [{name}]({name}.md) | {row['streams']:,} | {row['events']:,} | {row['refused'] or ''}" in index
    assert (FOLDER / f"{name}.parquet").stat().st_size < 300_000
    for told in ("Source: ", "Licence: ", "Regenerate: ", f"`python datasets/{name}.py`"):
        assert told in page
    if name in INVENTED:
        with files.script(name) as script:
            assert f"seed {script.SEED}" in page


def test_an_installed_package_has_the_data_sets_and_their_scripts(tmp_path: Path) -> None:
    """The wheel is laid out as pyproject.toml says, and a Python that sees nothing else loads and makes them."""
    wheel = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert "exclude" not in wheel
    for name in wheel["only-include"]:
        source, target = FOLDER.parent / name, tmp_path / wheel["sources"].get(name, name)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "datasets").mkdir()  # another package of that name lies beside
    (tmp_path / "datasets" / "__init__.py").touch()
    script = (
        "import funes_lab as fl\n"
        f"assert fl.__file__.startswith({str(tmp_path)!r}), fl.__file__\n"
        f"assert fl.datasets.list()['name'].tolist() == {NAMES!r}\n"
        "for name in fl.datasets.list()['name']: fl.datasets.load(name).close()\n"
        f"for name in {INVENTED!r}: assert len(fl.datasets.generate(name, 100).log) == 100\n"
    )
    subprocess.run([sys.executable, "-P", "-W", "error", "-c", script], cwd=tmp_path, check=True,
                   env={**os.environ, "PYTHONPATH": str(tmp_path)})  # fmt: skip


def test_a_data_set_whose_script_is_gone_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tmp_path / "funes_lab" / "_data" / "datasets"
    inside.mkdir(parents=True)
    (inside / "debts.parquet").write_bytes((FOLDER / "debts.parquet").read_bytes())
    monkeypatch.setattr(files, "__file__", str(tmp_path / "funes_lab" / "datasets" / "files.py"))
    monkeypatch.setattr(files, "files", lambda name: tmp_path / name)
    assert fl.datasets.list()["name"].tolist() == ["debts"]
    with pytest.raises(FileNotFoundError, match="the script of 'debts' is missing beside"):
        fl.datasets.load("debts")
