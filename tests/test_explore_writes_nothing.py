"""Nothing that is explored is ever written: the database is the same before and after, also when a question fails.

A new door belongs into `ASKED`, and what may go wrong in it into `FAILED`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import funes_lab as fl
from tests.domain import (
    DebtEventStream,
    Forgiven,
    Issued,
    Noted,
    NoteStream,
    OutstandingBalance,
    PaymentReceived,
    ShortTrail,
    VirtualOutstandingBalance,
    day,
    issued,
    noted,
    paid,
)

scenario, find_breach = fl.testing.scenario, fl.testing.find_breach


class Balances(fl.Projection[OutstandingBalance]):
    """A read model of its own, written with every event."""

    table = "balances"

    @fl.interpretation_for(Issued)
    def issued(state, event):
        state.outstanding_balance = event.amount

    @fl.interpretation_for(PaymentReceived)
    def paid(state, event, at):
        state.outstanding_balance -= event.principal_amount
        state.last_payment_at = at


class Letters(Balances):
    """Another, written after the commit."""

    table = "letters"


class LedgerStream(DebtEventStream):
    transactional_projections = (Balances,)
    async_projections = (fl.Async(Letters),)


class Prudence(fl.Projection[OutstandingBalance]):
    """A rule that refuses some of what happened."""

    @fl.interpretation_for(PaymentReceived)
    def paid(state, event):
        if event.principal_amount >= 20:
            event.errors.add("principal_amount", "is too much at once")


class Broken(fl.Projection[OutstandingBalance]):
    @fl.interpretation_for(PaymentReceived)
    def paid(state, event):
        raise RuntimeError("the block broke")


@dataclass(frozen=True)
class World:
    """A lab with whatever a lab can hold."""

    lab: fl.Lab

    @property
    def stream(self) -> LedgerStream:
        return LedgerStream.for_("debts-1", lab=self.lab)

    @property
    def notes(self) -> NoteStream:
        return NoteStream.for_("notes-1", lab=self.lab)

    def rejection(self, stage: str = "state") -> fl.Rejection:
        return next(rejection for rejection in self.lab.rejections if rejection.stage == stage)


def filled(lab: fl.Lab) -> World:
    """Facts, refusals of every stage, read models, a job, tables and a sequence of one's own."""
    world = World(lab)
    for event in (issued(100), paid(30, 2), paid(10, 4), paid(25, 3)):
        world.stream.append_or_raise(event)
    late = world.stream.read()
    world.stream.append_or_raise(paid(5, 5))
    late.append(paid(1, 6))
    for refused in (paid(31, 7), paid(13, 7), issued(-1, 7)):
        world.stream.append(refused)
    for text in ("a", "b", "broken"):
        world.notes.append_or_raise(noted(text))
    with lab.transaction() as tx:
        tx.execute("CREATE TABLE mine (n INTEGER)")
        tx.execute("CREATE SEQUENCE numbers")
        tx.execute("INSERT INTO mine SELECT nextval('numbers') FROM range(3)")
    lab.jobs.wait()
    assert {rejection.stage for rejection in lab.rejections} == {"own", "interpretation", "state", "conflict"}
    assert set(lab.sql("SELECT table_name AS name FROM duckdb_tables()").name) >= {"balances", "letters", "mine"}
    return world


def everything(lab: fl.Lab) -> list[tuple[Any, ...]]:
    """What a database holds: of every table its definition and a checksum of its rows, every sequence, index and view.

    And what a lab holds beside it: its jobs.
    """
    found: list[tuple[Any, ...]] = []
    tables = lab.sql("SELECT schema_name, table_name, sql FROM duckdb_tables() ORDER BY ALL")
    for schema, name, sql in tables.itertuples(index=False, name=None):
        rows = lab.sql(f'SELECT t::VARCHAR AS row FROM "{schema}"."{name}" t ORDER BY ALL').row
        found.append((schema, name, sql, len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest()))
    for others in (
        "sequence_name, last_value FROM duckdb_sequences",
        "sql FROM duckdb_indexes",
        "sql FROM duckdb_views",
    ):
        found += lab.sql(f"SELECT {others}() ORDER BY ALL").itertuples(index=False, name=None)
    return [*found, ("jobs", len(lab.jobs.df()))]


def branched(world: World) -> Any:
    """A branch where every what-if was tried, those that the rules refuse too."""
    branch = world.stream.branch()
    assert branch.append(paid(1, 9)).persisted
    assert not branch.append(paid(10_000, 9)).persisted
    assert branch.insert(paid(1), at=day(2.5)).persisted
    assert not branch.insert(paid(10_000), at=day(2.5)).persisted
    assert branch.replace(2, paid(3)).persisted
    assert not branch.replace(2, paid(1_000)).persisted
    assert branch.move(3, at=day(8)).persisted
    assert not branch.check(paid(10_000, 9))
    branch.skip(1)
    return branch


def of_a_branch(world: World) -> None:
    branch = branched(world)
    assert len(branch.problems()) > 0
    assert branch.compare(VirtualOutstandingBalance).parted_at is not None
    branch.df(), branch.events, branch.replay(VirtualOutstandingBalance), repr(branch), branch._repr_html_()
    assert len(branch.rejections) > 0
    again = branch.branch(at_version=2)
    again.append(paid(2, 9))
    branch.rejections[0].why()


def of_a_scenario(world: World) -> None:
    told = scenario(LedgerStream).given(*world.stream.events)
    told.when(paid(31, 9)).then_rejected(stage="state")
    told.when(paid(1, 9)).then_accepted().then_state(VirtualOutstandingBalance, outstanding_balance=29)


def of_a_breach(world: World) -> None:
    breach = find_breach(
        {"debts-1": LedgerStream, "notes-1": NoteStream},
        lambda states: states["debts-1"].outstanding_balance > 50,
        given={"debts-1": world.stream.events, "notes-1": []},
        events={"debts-1": [PaymentReceived], "notes-1": [Noted]},
        projection=VirtualOutstandingBalance,
        max_examples=30,
    )
    assert breach is not None
    breach.df()


def drawn(world: World) -> None:
    fl.testing.events(Issued, PaymentReceived).validate()


def shown(asked: Callable[[World], Any]) -> Callable[[World], None]:
    """What is asked, and then looked at, as a notebook and a terminal do."""

    def show(world: World) -> None:
        found = asked(world)
        repr(found), found._repr_html_()

    return show


#: Every door to what might be, by what is asked.
ASKED: dict[str, Callable[[World], object]] = {
    "audit, drop": shown(lambda world: world.lab.audit(Prudence)),
    "audit, keep": shown(lambda world: world.lab.audit(Prudence, then="keep")),
    "audit of one stream, by then": shown(
        lambda world: world.lab.audit(Prudence, "debts-1", at=day(3), as_of=day(900))
    ),
    "why, state": shown(lambda world: world.rejection().why()),
    "why, interpretation": shown(lambda world: world.rejection("interpretation").why()),
    "why, own": shown(lambda world: world.rejection("own").why()),
    "why, conflict": shown(lambda world: world.rejection("conflict").why()),
    "why, few tries": shown(lambda world: world.rejection().why(limit=1)),
    "boundary": shown(lambda world: world.rejection().boundary()),
    "boundary of a field": shown(lambda world: world.rejection().boundary("principal_amount")),
    "boundary, own": shown(lambda world: world.rejection("own").boundary()),
    "branch": of_a_branch,
    "branch of a reading": lambda world: world.stream.read().branch(at_version=2).append(paid(1, 9)),
    "branch at its beginning": lambda world: world.stream.branch(at_version=0).append(issued(5)),
    "comparison": shown(lambda world: branched(world).compare(VirtualOutstandingBalance)),
    "scenario": of_a_scenario,
    "scenario from a stream": lambda world: scenario.from_stream(world.stream),
    "scenario from a branch": lambda world: scenario.from_stream(branched(world)),
    "scenario from a rejection": lambda world: scenario.from_rejection(world.rejection()),
    "find_breach": of_a_breach,
    "strategies": drawn,
    "explain": shown(lambda world: world.stream.explain(1)),
    "explain, of a reading, with another projection": shown(
        lambda world: world.stream.read().explain(2, projections=[Prudence])
    ),
    "explain, of a branch": shown(lambda world: branched(world).explain(2)),
}

#: What goes wrong in them, and how.
FAILED: dict[str, tuple[Callable[[World], object], type[Exception]]] = {
    "audit, a block breaks": (lambda world: world.lab.audit(Broken), fl.ProjectionError),
    "audit, a block breaks on a list": (lambda world: world.lab.audit(ShortTrail, then="keep"), fl.ProjectionError),
    "audit, wrong word": (lambda world: world.lab.audit(Prudence, then="stay"), ValueError),  # type: ignore[arg-type]
    "why, no tries": (lambda world: world.rejection().why(limit=0), ValueError),
    "why, no class": (lambda world: world.rejection().why(stream_class=Issued), TypeError),  # type: ignore[arg-type]
    "boundary, no number": (lambda world: world.rejection().boundary("at"), ValueError),
    "branch, no such version": (lambda world: world.stream.branch(at_version=99), ValueError),
    "branch, append breaks": (lambda world: branched(world).append(broken()), fl.ProjectionError),
    "branch, insert breaks": (lambda world: branched(world).insert(broken(), at=day(1)), fl.ProjectionError),
    "branch, replace breaks": (lambda world: branched(world).replace(2, broken()), fl.ProjectionError),
    "branch, nothing to skip": (lambda world: branched(world).skip(99), ValueError),
    "branch, nothing to move": (lambda world: branched(world).move(99, at=day(1)), ValueError),
    "branch, comparison breaks": (lambda world: branched(world).compare(Broken), fl.ProjectionError),
    "branch, nothing judges": (lambda world: world.notes.branch().problems(), TypeError),
    "explain, no such version": (lambda world: world.stream.explain(99), ValueError),
    "explain, no projection": (lambda world: world.stream.explain(1, projections=[Issued]), TypeError),
    "scenario, not as told": (lambda world: scenario(LedgerStream).when(paid(1)).then_accepted(), AssertionError),
    "find_breach, the invariant breaks": (
        lambda world: find_breach(LedgerStream, lambda state: 1 / 0, max_examples=5),
        ZeroDivisionError,
    ),
}


def broken() -> Forgiven:
    return Forgiven(reason="broken", at=day(9))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that was closed."""
    path = tmp_path_factory.mktemp("explored") / "ledger.duckdb"
    with fl.Lab(path, clock=fl.testing.Clock("2026-06-01")) as lab:
        filled(lab)
    return path


@pytest.fixture(params=["memory", "file"])
def world(request: pytest.FixtureRequest, path: Path) -> Iterator[World]:
    clock = fl.testing.Clock("2026-06-02")
    if request.param == "memory":
        with fl.Lab(clock=clock) as lab:
            yield filled(lab)
        return
    before = bytes_of(path)
    with fl.Lab(path, clock=clock) as lab:
        yield World(lab)
    assert bytes_of(path) == before


def bytes_of(path: Path) -> tuple[list[str], str, int]:
    """The files that there are, what the database holds to the last byte, and when it was written."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    files = sorted(file.name for file in path.parent.iterdir() if not file.name.endswith(".lock"))
    return files, digest, path.stat().st_mtime_ns


@pytest.mark.parametrize("asked", ASKED)
def test_what_is_asked_leaves_the_database_as_it_is(world: World, asked: str) -> None:
    before = everything(world.lab)
    ASKED[asked](world)
    assert everything(world.lab) == before


@pytest.mark.parametrize("asked", FAILED)
def test_what_fails_leaves_the_database_as_it_is(world: World, asked: str) -> None:
    call, expected = FAILED[asked]
    before = everything(world.lab)
    with pytest.raises(expected):
        call(world)
    assert everything(world.lab) == before


def test_the_checksum_sees_whatever_is_written() -> None:
    """Else none of this would prove anything."""
    with fl.Lab(clock=fl.testing.Clock("2026-06-02")) as lab:
        world = filled(lab)
        seen = [everything(lab)]
        for write in (
            lambda: world.stream.append_or_raise(paid(Decimal("0.01"), 9)),
            lambda: world.stream.append(paid(1_000, 9)),
            lambda: execute(lab, "INSERT INTO mine VALUES (3)"),
            lambda: execute(lab, "SELECT nextval('numbers')"),
            lambda: execute(lab, "CREATE TABLE more (n INTEGER)"),
            lambda: execute(lab, "UPDATE balances SET outstanding_balance = 1"),
        ):
            write()
            seen.append(everything(lab))
        assert all(one != other for one, other in pairwise(seen))


def execute(lab: fl.Lab, sql: str) -> None:
    with lab.transaction() as tx:
        tx.execute(sql)
