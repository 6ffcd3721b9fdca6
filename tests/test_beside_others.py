"""The README's table of what this does beside what others do: a row is a test.

What the Ruby gem did is in the vectors of tests/conformance; the Python library `eventsourcing` is asked here.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import IntegrityError
from pydantic import BaseModel, Field

import funes_lab as fl

ROOT = Path(__file__).parents[1]
VECTORS = ROOT / "tests" / "conformance" / "vectors"
COLUMNS = ["funes_lab", "Funes, the Ruby gem", "eventsourcing, a Python library"]
COMPARED: dict[str, Any] = {}


def row(label: str) -> Any:
    """Say which row of the table a test proves."""

    def register(test: Any) -> Any:
        COMPARED[label] = test
        return test

    return register


def test_every_row_of_the_table_has_its_test_and_the_other_way_round():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    head, _, *rows = re.search(r"^\| +\| funes_lab \|.*(?:\n\|.*)+", readme, re.MULTILINE)[0].splitlines()
    assert [cell.strip() for cell in head.strip("|").split("|")[1:]] == COLUMNS
    assert [line.split("|")[1].strip() for line in rows] == [*COMPARED]


# --- here -------------------------------------------------------------------------------------------------------------


class Balance(BaseModel):
    balance: int = Field(default=0, ge=0)


@pytest.fixture
def account(lab):
    """A stream of an account with 100 in it, and a function that takes money out of it."""

    class Opened(fl.Event, name="Opened"):
        amount: int

    class Withdrawn(fl.Event, name="Withdrawn"):
        amount: int
        at: datetime | None = None

    class Left(fl.Projection[Balance]):
        @fl.interpretation_for(Opened)
        def opened(state, event):
            state.balance = event.amount

        @fl.interpretation_for(Withdrawn)
        def withdrawn(state, event):
            state.balance -= event.amount

    class Account(fl.EventStream):
        consistency_projection = Left

    stream = Account.for_("account", lab)
    stream.append(Opened(amount=100))
    stream.left, stream.withdrawn = Left, Withdrawn
    return stream


# --- there ------------------------------------------------------------------------------------------------------------


class Theirs(Aggregate):
    """The same account, in the other library."""

    def __init__(self, amount):
        self.balance = amount

    @event("Withdrawn")
    def withdraw(self, amount):
        self.balance -= amount


@pytest.fixture
def application():
    """An application with an account of 100, and the account's id."""
    found = Application()
    account = Theirs(amount=100)
    found.save(account)
    return found, account.id


def observed(number: str) -> list[dict[str, Any]]:
    """What the Ruby gem did, step by step."""
    (path,) = VECTORS.glob(f"{number}_*.json")
    return [step["observed"] for step in json.loads(path.read_text(encoding="utf-8"))["steps"]]


# --- the rows ---------------------------------------------------------------------------------------------------------


@row("two writers at one version")
def test_who_lost_a_race_is_told_more_here(account, application):
    one, other = account.read(), account.read()
    one.append(account.withdrawn(amount=60))
    lost = other.append(account.withdrawn(amount=50))
    assert (lost.persisted, lost.rejection.winner.event, lost.rejection.winner.version) == (False, "Withdrawn", 2)
    assert lost.rejection.winner.payload["amount"] == 60
    assert lost.rejection.winner.created_at

    refused = observed("039")[6]["event"]
    assert (refused["persisted"], refused["errors_full"]) == (False, ["The current event led to an invalid state"])

    app, name = application
    one, other = app.repository.get(name), app.repository.get(name)
    one.withdraw(amount=60)
    app.save(one)
    other.withdraw(amount=50)
    with pytest.raises(IntegrityError, match="already recorded") as raised:
        app.save(other)
    assert '"amount":50' in str(raised.value).replace(" ", "")


@row("an event that leads to an invalid state")
def test_what_leads_to_an_invalid_state_is_refused_by_a_rule_of_the_state(account, application):
    refused = account.append(account.withdrawn(amount=150))
    assert (refused.persisted, refused.rejection.stage) == (False, "state")
    assert (refused.rejection.state_before, refused.rejection.state_after) == ({"balance": 100}, {"balance": -50})

    assert observed("002")[1]["event"]["errors_full"] == [
        "Led to invalid state: Outstanding balance must be greater than or equal to 0"
    ]

    app, name = application
    theirs = app.repository.get(name)
    theirs.withdraw(amount=150)
    app.save(theirs)
    assert app.repository.get(name).balance == -50


@row("what was refused")
def test_what_was_refused_stays_here_only(account, application):
    account.append(account.withdrawn(amount=150))
    assert account.rejections.df()["payload"].to_list() == [{"amount": 150, "at": None}]
    assert account.version == 1

    assert observed("002")[3]["rows"] == 1
    assert not {"rejections", "attempts", "journal"} & set(observed("002")[3])

    app, name = application
    test_who_lost_a_race_is_told_more_here(account, application)
    kept = app.notification_log.select(start=1, limit=10)
    assert [note.topic.rpartition(".")[2] for note in kept] == ["Created", "Withdrawn"]
    assert app.repository.get(name).balance == 40


@row("a decision on an old state")
def test_a_decision_on_an_old_state_is_denied(account, application):
    stale = account.read()
    account.append(account.withdrawn(amount=80))
    assert stale.append(account.withdrawn(amount=80)).rejection.stage == "conflict"

    steps = observed("048")
    assert steps[4]["event"]["persisted"] is True
    assert steps[7]["state"]["attributes"]["outstanding_balance"] == "-60.0"

    app, name = application
    stale, fresh = app.repository.get(name), app.repository.get(name)
    fresh.withdraw(amount=80)
    app.save(fresh)
    stale.withdraw(amount=80)
    with pytest.raises(IntegrityError):
        app.save(stale)


@row("an event dated before others")
def test_an_event_dated_before_others_is_judged_at_its_place(account, application, clock):
    late = account.append(account.withdrawn(amount=10), at="2020-01-01")
    assert (late.persisted, late.rejection.place) == (False, 0)

    steps = observed("057")
    assert steps[1]["event"]["persisted"] is True
    assert steps[3]["raised"]["class"] == "NoMethodError"

    app, name = application
    (created,) = app.events.get(name)
    assert {field for field, value in vars(created).items() if isinstance(value, datetime)} == {"timestamp"}


@row("what had happened, and what we knew")
def test_both_times_can_be_asked_here_and_in_the_gem(account, application, clock):
    before = clock()
    account.append(account.withdrawn(amount=10), at=account.events[0].occurred_at)
    assert account.projected_with(account.left).balance == 90
    assert account.projected_with(account.left, as_of=before).balance == 100

    trails = [step["state"]["attributes"]["trail"] for step in observed("064") if "state" in step]
    assert [len(trail) for trail in trails] == [1, 1, 2, 2, 3, 3]

    app, name = application
    theirs = app.repository.get(name)
    theirs.withdraw(amount=10)
    app.save(theirs)
    assert app.repository.get(name, version=1).balance == 100


@row("a name that no class has any more")
def test_a_stream_with_a_name_that_no_class_has_can_still_be_read_here(account, application, lab):
    times = {"created_at": "2026-07-01", "occurred_at": "2026-07-01"}
    fl.testing.raw_insert(lab, {"klass": "Gone", "idx": "account", "version": 2, "props": {"why": "?"}, **times})
    assert isinstance(account.events[1], fl.UnknownEvent)
    assert account.events[1].payload() == {"why": "?"}

    assert observed("126")[2]["raised"]["message"] == "uninitialized constant Debt::Forgiven"

    app, name = application
    stored = app.recorder.select_events(name)[0]
    app.recorder.insert_events([type(stored)(stored.originator_id, 2, "nowhere:Gone", stored.state)])
    with pytest.raises(Exception, match="nowhere"):
        app.repository.get(name)


@row("snapshots, and notifications for other services")
def test_what_a_service_needs_is_there_and_not_here(account, application):
    assert not hasattr(account, "take_snapshot")
    assert not hasattr(account.lab, "notifications")

    app, _ = application
    assert [note.id for note in app.notification_log.select(start=1, limit=10)] == [1]
    snapshotting = Application(env={"IS_SNAPSHOTTING_ENABLED": "y"})
    theirs = Theirs(amount=1)
    snapshotting.save(theirs)
    snapshotting.take_snapshot(theirs.id)
    assert len([*snapshotting.snapshots.get(theirs.id)]) == 1
