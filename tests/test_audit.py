"""A new rule over old facts: what it would have refused is what appends under it do refuse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError

import funes_lab as fl
from funes_lab.fold import project
from funes_lab.projection import fold_of
from tests.domain import (
    DebtEventStream,
    NoteStream,
    OutstandingBalance,
    ShortTrail,
    VirtualOutstandingBalance,
    day,
    debts_script,
    issued,
    noted,
    paid,
)


class Ran(fl.Event, name="Audit::Ran"):
    km: int
    secret: str = ""
    filter_attributes = ("secret",)


class Distance(BaseModel):
    km: int = Field(default=0, le=10)
    longest: int = 0


class Runner(fl.Projection[Distance]):
    """Ten in all; seven at once is refused by the block."""

    @fl.interpretation_for(Ran)
    def ran(state, event):
        state.km += event.km
        state.longest = max(state.longest, event.km)
        if event.km == 7:
            event.errors.add("km", "is too far")
            event.errors.add("base", "is a lie")


class Trip(BaseModel):
    legs: list[int] = Field(default=[], max_length=4)


class Legs(fl.Projection[Trip]):
    """A state with a list, which blocks change in place."""

    @fl.interpretation_for(Ran)
    def ran(state, event):
        state.legs.append(event.km)
        if event.km == 7:
            event.errors.add("km", "is too far")


class Ended(fl.Projection[Distance]):
    """The state is finished for the reader, and that is what is judged."""

    @fl.interpretation_for(Ran)
    def ran(state, event):
        state.longest = max(state.longest, event.km)
        state.km = event.km

    @fl.final_state
    def ended(state, at):
        state.km += state.longest


class Timed(fl.Projection[Distance]):
    """The beginning depends on the time of the query."""

    @fl.initial_state
    def begun(at):
        return Distance(km=at.day % 5)

    @fl.interpretation_for(Ran)
    def ran(state, event, at):
        state.km += event.km


class Last(fl.Projection[Distance]):
    """What came last counts, so that a backdated event may do no harm."""

    @fl.interpretation_for(Ran)
    def ran(state, event):
        state.km = event.km * 2


RULES = [Runner, Legs, Ended, Timed, Last]
runs = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 5)), max_size=8)


def logged(histories: Sequence[Sequence[tuple[int, int]]]) -> fl.Lab:
    lab = fl.Lab(clock=fl.testing.Clock("2026-06-01"))
    for number, history in enumerate(histories):
        stream = NoteStream.for_(f"s{number}", lab=lab)
        for km, on in history:
            stream.append_or_raise(Ran(km=km), at=day(on))
    return lab


def tried(lab: fl.Lab, rule: type[fl.Projection[Any]], then: str) -> list[tuple[Any, ...]]:
    """The same facts appended one by one under the rule, in another log."""

    class Judged(fl.EventStream):
        consistency_projection = rule

    other = fl.Lab(clock=fl.testing.Clock("2026-06-01"))
    found = []
    for idx in lab.log.streams().idx:
        recorded = sorted(fl.EventStream.for_(idx, lab=lab).events, key=lambda event: event.version)
        for event in recorded:
            copy, at = event.model_copy(), event.occurred_at
            verdict = Judged.for_(idx, lab=other).check(copy, at=at)
            if verdict.rejection is not None:
                refusal = verdict.rejection
                found.append((idx, event.version, refusal.stage, refusal.state_before, refusal.state_after))
            if verdict or then == "keep":
                fl.EventStream.for_(idx, lab=other).append_or_raise(event.model_copy(), at=at)
    return found


def told(audit: pd.DataFrame) -> list[tuple[Any, ...]]:
    columns = ["idx", "version", "stage", "state_before", "state_after"]
    return list(audit[columns].itertuples(index=False, name=None))


@pytest.mark.parametrize("then", ["drop", "keep"])
@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=15, deadline=None)
@given(histories=st.lists(runs, min_size=1, max_size=2))
def test_an_audit_is_what_appends_under_the_rule_refuse(rule, then, histories):
    lab = logged(histories)
    assert told(lab.audit(rule, then=then)) == tried(lab, rule, then)


@settings(max_examples=5, deadline=None)
@given(history=st.lists(st.integers(0, 8), min_size=20, max_size=60))
def test_a_long_stream_is_judged_in_stretches_as_one_by_one(history):
    lab = logged([[(km, number) for number, km in enumerate(history)]])
    for then in ("drop", "keep"):
        assert told(lab.audit(Runner, then=then)) == tried(lab, Runner, then)


def refused_by_brute_force(rule: type[fl.Projection[Any]], events: Sequence[fl.Event], then: str) -> list[int]:
    """Each fact of a stream by itself: replay every prefix with it and without it, and count what is wrong."""
    kept: list[fl.Event] = []
    found = []
    for event in sorted(events, key=lambda event: event.version):
        with_it = sorted([*kept, event], key=lambda event: (event.occurred_at, event.version))
        place = [known.version for known in with_it].index(event.version)
        errors = Counter(wrong for end in range(place, len(with_it)) for wrong in wrong_after(rule, with_it[: end + 1]))
        without = Counter(wrong for end in range(place, len(kept)) for wrong in wrong_after(rule, kept[: end + 1]))
        if errors - without:
            found.append(event.version)
        if then == "keep" or not errors - without:
            kept = with_it
    return found


def wrong_after(rule: type[fl.Projection[Any]], events: Sequence[fl.Event]) -> list[tuple[int, str]]:
    state = project(fold_of(rule), events, events[-1].occurred_at)
    try:
        type(state).model_validate(state.model_dump())
    except ValidationError as failure:
        return [(events[-1].version, str(error["loc"])) for error in failure.errors()]
    return []


@pytest.mark.parametrize("then", ["drop", "keep"])
def test_an_audit_of_the_debts_equals_a_replay_of_every_prefix(then):
    script = debts_script()

    class Lent(BaseModel):
        balance: Decimal = Field(default=Decimal(0), le=20_000)
        paid: Decimal = Field(default=Decimal(0), le=5_000)
        largest: Decimal = Field(default=Decimal(0), le=900)

    class Caution(fl.Projection[Lent]):
        @fl.interpretation_for(script["Issued"])
        def issued(state, event):
            state.balance = event.amount

        @fl.interpretation_for(script["PaymentReceived"])
        def paid(state, event):
            state.balance -= event.principal_amount
            state.paid += event.principal_amount
            state.largest = event.principal_amount

    lab = fl.datasets.load("debts")
    audit = lab.audit(Caution, then=then)
    backdated = lab.sql("""
        SELECT DISTINCT idx FROM (
            SELECT idx, occurred_at < max(occurred_at) OVER (PARTITION BY idx ORDER BY version) AS late
            FROM event_entries
        ) WHERE late ORDER BY idx
    """).idx.tolist()
    sample = [*lab.log.streams().idx[::10], *backdated[::3]]
    found = {idx: refused_by_brute_force(Caution, fl.EventStream.for_(idx, lab=lab).events, then) for idx in sample}
    assert {idx: audit.version[audit.idx == idx].tolist() for idx in sample} == found
    assert sum(map(len, found.values())) > 50
    assert any(found[idx] for idx in backdated[::3])


def test_a_stream_of_thousands_is_judged_to_its_end():
    kilometres = [number % 7 for number in range(2_100)]
    lab = fl.Lab()
    NoteStream.for_("s0", lab=lab).append_all([Ran(km=km) for km in kilometres])
    expected = [version for version, km in enumerate(kilometres, 1) if km == 6]
    for then, met in (("drop", 10), ("keep", 10)):
        audit = lab.audit(Last, then=then)
        assert audit.version.tolist() == expected
        assert {state["km"] for state in audit.state_before} == {met}


def test_the_state_that_a_refused_event_would_have_led_to_meets_no_later_event():
    class Tank(BaseModel):
        left: int = Field(default=10, ge=0)

    class Driven(fl.Projection[Tank]):
        @fl.interpretation_for(Ran)
        def ran(state, event):
            assert state.left >= 0, "drives on an empty tank"
            state.left -= event.km

    lab = logged([[(8, 1), (5, 2), (1, 3), (4, 4), (1, 5)]])
    assert lab.audit(Driven).version.tolist() == [2, 4]
    with pytest.raises(fl.ProjectionError, match="drives on an empty tank"):
        lab.audit(Driven, then="keep")


def test_a_block_that_sets_what_the_state_does_not_have_is_named_wherever_it_comes():
    class Lost(fl.Projection[Distance]):
        @fl.interpretation_for(Ran)
        def ran(state, event):
            state.km = event.km
            if event.km == 3:
                state.miles = 2

    lab = logged([[(20, 1), (1, 2), (3, 3), (20, 4)]])
    with pytest.raises(fl.ProjectionError, match=r"Lost.ran at Audit::Ran #3 .* set 'miles'"):
        lab.audit(Lost)


def test_the_row_of_a_refusal_says_which_event_which_rule_and_where_it_led():
    lab = logged([[(2, 1), (7, 2), (6, 3), (3, 4)]])
    audit = lab.audit(Runner)
    assert list(audit.columns) == [
        "idx", "version", "event", "occurred_at", "created_at", "stage", "attribute", "message", "errors",
        "state_before", "state_after",
    ]  # fmt: skip
    first, second = audit.to_dict("records")
    assert (first["version"], first["event"], first["stage"]) == (2, "Audit::Ran", "interpretation")
    assert (first["attribute"], first["message"]) == ("km", "is too far")
    assert first["errors"] == "Km is too far; is a lie"
    assert (first["state_before"], first["state_after"]) == ({"km": 2, "longest": 2}, {"km": 9, "longest": 7})
    assert (second["version"], second["stage"], second["message"]) == (4, "state", "must be less than or equal to 10")
    assert first["occurred_at"] == day(2)
    assert audit.dtypes.astype(str)[["idx", "version", "stage"]].tolist() == ["category", "int64", "category"]


def test_an_audit_without_a_refusal_has_its_columns():
    audit = logged([[(1, 1)]]).audit(Runner)
    assert len(audit) == 0
    assert "state_after" in audit.columns
    assert repr(audit) == "Runner would have refused none of 1 event in 1 stream."
    assert audit.summary().columns.tolist() == [
        "stage", "attribute", "message", "events", "streams", "first_at", "last_at",
    ]  # fmt: skip
    assert len(fl.Lab().audit(Runner)) == 0


def test_a_summary_counts_by_rule_and_by_time():
    lab = logged([[(7, 1), (7, 40), (9, 41), (9, 42)], [(7, 3)]])
    summary = lab.audit(Runner).summary()
    assert summary[["stage", "message", "events", "streams"]].to_numpy().tolist() == [
        ["interpretation", "is too far", 3, 2],
        ["state", "must be less than or equal to 10", 1, 1],
    ]
    assert (summary.first_at[0], summary.last_at[0]) == (day(1), day(40))
    by_month = lab.audit(Runner).summary("MS")
    assert by_month[["period", "events"]].to_numpy().tolist() == [
        [pd.Timestamp("2026-01-01", tz="UTC"), 2],
        [pd.Timestamp("2026-02-01", tz="UTC"), 1],
        [pd.Timestamp("2026-02-01", tz="UTC"), 1],
    ]


def test_a_part_of_an_audit_is_a_plain_frame():
    audit = logged([[(7, 1)]]).audit(Runner)
    assert type(audit[audit.version == 1]) is pd.DataFrame


def test_an_audit_asks_of_streams_and_times():
    lab = logged([[(7, 1), (7, 5)], [(7, 1)]])
    assert lab.audit(Runner, "s1").idx.tolist() == ["s1"]
    assert lab.audit(Runner, at=day(2)).version.tolist() == [1, 1]
    assert len(lab.audit(Runner, as_of="2026-05-01")) == 0


def test_the_rule_that_let_the_events_in_refuses_none_of_them():
    lab = fl.Lab()
    stream = DebtEventStream.for_("d", lab=lab)
    for event in (issued(100), paid(60), paid(60), paid(40)):
        stream.append(event)
    assert len(lab.audit(VirtualOutstandingBalance)) == 0


def test_a_stricter_rule_over_debts_says_what_it_would_have_refused():
    class Prudent(OutstandingBalance):
        outstanding_balance: Decimal = Field(default=Decimal(0), ge=10)

    class Prudence(fl.Projection[Prudent]):
        issued = VirtualOutstandingBalance.__dict__["issued"]

    lab = fl.Lab()
    DebtEventStream.for_("d", lab=lab).append_or_raise(issued(5))
    assert lab.audit(Prudence).message.tolist() == ["must be greater than or equal to 10"]


def test_secrets_are_masked_in_states_and_messages():
    class Kept(BaseModel):
        filter_attributes: ClassVar = ("secret",)
        secret: str = Field(default="", max_length=3)

    class Keeper(fl.Projection[Kept]):
        @fl.interpretation_for(Ran)
        def ran(state, event):
            state.secret = event.secret

    lab = fl.Lab()
    NoteStream.for_("n", lab=lab).append_or_raise(Ran(km=1, secret="hunter2"))
    assert "hunter2" not in lab.audit(Keeper).to_csv()
    assert lab.audit(Keeper).state_after[0] == {"secret": "[FILTERED]"}


def test_a_block_that_breaks_is_a_fault_and_no_refusal():
    lab = fl.Lab()
    NoteStream.for_("n", lab=lab).append_or_raise(noted("broken"))
    with pytest.raises(fl.ProjectionError, match="after the state was changed"):
        lab.audit(ShortTrail)


def test_what_was_one_fact_is_judged_as_one_when_an_upcaster_parts_it():
    class Step(fl.Event, name="Audit::Step"):
        km: int

    class Steps(fl.Projection[Distance]):
        @fl.interpretation_for(Step)
        def stepped(state, event):
            state.km += event.km

    lab = fl.Lab()
    stream = NoteStream.for_("n", lab=lab)
    for km in (6, 6, 2):
        stream.append_or_raise(Step(km=km))

    @fl.upcast(Step, from_version=1)
    def halved(payload):
        half = payload["km"] // 2
        return [{"km": half}, {"km": payload["km"] - half}]

    assert lab.audit(Steps).version.tolist() == [2]
    assert lab.audit(Steps, then="keep").version.tolist() == [2, 3]


@pytest.mark.parametrize("then", ["stay", None, True])
def test_what_becomes_of_a_refused_event_is_one_of_two(then):
    with pytest.raises(ValueError, match="then must be 'drop' or 'keep', got"):
        fl.Lab().audit(Runner, then=then)


def test_a_rule_is_a_projection():
    with pytest.raises(TypeError, match="rule must be"):
        fl.Lab().audit(Distance)


def test_an_audit_writes_nothing(path):
    with fl.Lab(path) as lab:
        NoteStream.for_("n", lab=lab).append_all([Ran(km=7), Ran(km=9), Ran(km=9)])
        before = lab.sql("SELECT md5(string_agg(e::text, '|' ORDER BY version)) AS sum FROM event_entries e")["sum"][0]
        tables = lab.sql("SELECT table_name, estimated_size FROM duckdb_tables() ORDER BY 1")
        assert len(lab.audit(Runner)) == 2
        after = lab.sql("SELECT md5(string_agg(e::text, '|' ORDER BY version)) AS sum FROM event_entries e")["sum"][0]
        assert before == after
        assert lab.sql("SELECT table_name, estimated_size FROM duckdb_tables() ORDER BY 1").equals(tables)
        assert isinstance(lab.now(), datetime)
