"""Races on the real store: in one order, in every order, with and without the guard of versions."""

from __future__ import annotations

import re
from decimal import Decimal
from math import factorial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

import funes_lab as fl
from funes_lab.races import schedule
from funes_lab.races.schedule import Step
from tests.domain import DebtEventStream, NoteStream, VirtualOutstandingBalance, issued, noted, paid, rows_of


@pytest.fixture
def lab() -> fl.Lab:
    lab = fl.Lab(clock=fl.testing.Clock("2026-03-01"))
    DebtEventStream.for_("debts-1", lab=lab).append_or_raise(issued(100))
    return lab


def race_of(lab: fl.Lab, a: object = 60, b: object = 30, **options: object) -> fl.Race:
    return fl.Race(DebtEventStream, "debts-1", {"A": [paid(a)], "B": [paid(b)]}, lab=lab, **options)


# One order


def test_of_two_writers_at_one_version_the_first_wins_and_the_other_is_denied_naming_it(lab):
    result = race_of(lab).run("A.read B.read A.append B.append B.retry")
    frame = result.df()
    assert list(frame.columns) == [
        "step", "writer", "action", "stream", "event", "version_seen", "version_tried", "outcome", "winner", "message",
    ]  # fmt: skip
    steps = frame[["step", "writer", "action", "version_seen", "version_tried", "outcome"]].astype(object)
    assert steps.where(steps.notna(), None).to_numpy().tolist() == [
        [1, "A", "read", 1, None, "read"],
        [2, "B", "read", 1, None, "read"],
        [3, "A", "append", 1, 2, "accepted"],
        [4, "B", "append", 1, 2, "denied"],
        [5, "B", "retry", 2, 3, "accepted"],
    ]
    assert frame.winner.fillna("").tolist() == ["", "", "", "A’s Debts::PaymentReceived", ""]
    assert result.final_state.outstanding_balance == 10
    assert (result.accepted, result.denied, result.refused, result.held) == (2, 1, 0, True)


def test_a_race_is_run_in_the_log_and_lost_attempts_are_in_the_journal(lab):
    race_of(lab).run("A.read B.read A.append B.append B.retry")
    stream = DebtEventStream.for_("debts-1", lab=lab)
    assert [event.principal_amount for event in stream.events[1:]] == [60, 30]
    (lost,) = stream.rejections
    assert (lost.stage, lost.version_read, lost.winner.version) == ("conflict", 1, 2)


def test_a_race_can_be_run_again_since_its_events_are_copied(lab):
    race = race_of(lab, 10, 10)
    for _ in range(3):
        assert race.run().accepted == 2
    assert rows_of(lab) == 1 + 3 * 2


def test_a_winner_from_outside_of_the_race_is_another_writer(lab):
    race = race_of(lab)
    race.step("A.read")
    DebtEventStream.for_("debts-1", lab=lab).append_or_raise(paid(5))
    assert race.step("A.append").df().winner.iloc[-1] == "another writer’s Debts::PaymentReceived"


def test_a_rule_refuses_and_a_retry_does_not_try_that_again(lab):
    result = race_of(lab, 60, 60).run("A.read A.append B.read B.append B.retry")
    assert result.df().outcome.tolist() == ["read", "accepted", "read", "refused", "skipped"]
    assert result.df().message.iloc[-1] == "nothing was denied"


def test_the_memory_of_the_lab_is_right_after_a_race(lab):
    stream = DebtEventStream.for_("debts-1", lab=lab)
    stream.append_or_raise(paid(1))
    race_of(lab, 60, 30).run()
    assert stream.append(paid(10)).rejection.stage == "state"
    assert stream.append(paid(9)).persisted


def test_steps_are_taken_one_by_one_and_a_reset_begins_anew(lab):
    race = race_of(lab)
    race.step("A.read")
    assert race.step("B.read").order == "A.read B.read"
    race.reset()
    assert race.step("B.read").order == "B.read"
    with pytest.raises(ValueError, match=r"order begins for A with A.append"):
        race.step("A.append")
    assert race.step("B.append").accepted == 1


def test_several_events_of_a_writer_are_appended_one_by_one(lab):
    race = fl.Race(DebtEventStream, "debts-1", {"A": [paid(1), paid(2)], "B": paid(3)}, lab=lab)
    result = race.run("A.read A.append B.read B.append A.append A.retry")
    assert result.df().outcome.tolist() == ["read", "accepted", "read", "accepted", "denied", "accepted"]


def test_a_writer_may_decide_on_what_it_read(lab):
    def all_of_it(reading: fl.Reading) -> fl.Event | None:
        owed = reading.projected_with(VirtualOutstandingBalance).outstanding_balance
        return paid(owed) if owed else None

    race = fl.Race(DebtEventStream, "debts-1", {"A": all_of_it, "B": all_of_it}, lab=lab)
    result = race.run("A.read B.read A.append B.append B.retry")
    assert result.df().outcome.tolist()[2:] == ["accepted", "denied", "declined"]
    assert result.final_state.outstanding_balance == 0


def test_what_a_decision_gives_is_looked_at(lab):
    race = fl.Race(DebtEventStream, "debts-1", {"A": lambda reading: "60"}, lab=lab)
    with pytest.raises(TypeError, match=r"what A decides must be an event, or None to append nothing; got '60'"):
        race.run("A.read A.append")


# Without the guard


def test_without_the_guard_a_stale_judgement_is_written_and_the_balance_is_below_zero(lab):
    race = race_of(lab, 60, 60)
    assert race.run("A.read B.read A.append B.append").final_state.outstanding_balance == 40
    unguarded = race_of(fl.Lab(), 60, 60, guard=False)
    DebtEventStream.for_("debts-1", lab=unguarded.lab).append_or_raise(issued(100))
    result = unguarded.run("A.read B.read A.append B.append")
    assert result.df().version_tried.tolist()[2:] == [2, 3]
    assert (result.final_state.outstanding_balance, result.held, result.denied) == (Decimal(-20), False, 0)


def test_no_log_is_ever_written_without_the_guard(lab):
    race = race_of(lab, 60, 60, guard=False)
    assert race.run().on_scratch
    assert (rows_of(lab), len(lab.rejections)) == (1, 0)
    with pytest.raises(ValueError, match="step is for the log, where versions are guarded"):
        race.step("A.read")


# Every order


def test_two_writers_who_read_and_append_have_six_orders_four_of_them_with_one_denial(lab):
    frame = race_of(lab).interleavings()
    assert len(frame) == 6
    assert frame.denied.tolist() == [0, 1, 1, 1, 1, 0]
    assert frame.accepted.tolist() == [2, 1, 1, 1, 1, 2]
    assert frame.invariant_held.all()
    assert frame.outcome_class.nunique() == 3
    assert frame.order[1] == "A.read B.read A.append B.append"
    assert frame[["A", "B"]].loc[1].tolist() == ["accepted", "denied"]


def test_without_the_guard_the_same_four_orders_break_the_invariant(lab):
    race = race_of(lab, 60, 60)
    denied = race.interleavings().denied == 1
    assert (~race.interleavings(guard=False).invariant_held).tolist() == denied.tolist()
    assert denied.sum() == 4


def test_with_retries_every_payment_that_fits_is_accepted_in_every_order(lab):
    frame = race_of(lab).interleavings(retry=True)
    assert frame.accepted.tolist() == [2] * 6
    assert frame.retries.tolist() == frame.denied.tolist()
    assert frame.outcome_class.nunique() == 1


def test_an_invariant_of_ones_own_is_asked_of_the_final_state(lab):
    frame = race_of(lab).interleavings(invariant=lambda state: state.outstanding_balance < 50)
    assert frame.invariant_held.tolist() == [state.outstanding_balance < 50 for state in frame.final_state]
    assert set(frame.invariant_held) == {True, False}


def test_exploring_writes_nothing_and_asks_the_clock_once(lab):
    before, journal = lab.log.df(), len(lab.rejections)
    now = lab.now()
    race_of(lab).interleavings(guard=False)
    race_of(lab).shortest(guard=False)
    race_of(lab).rehearse()
    assert lab.log.df().equals(before)
    assert len(lab.rejections) == journal
    assert (lab.now() - now).total_seconds() <= 5


class Seen(BaseModel):
    texts: list[str] = []


class Told(fl.Projection[Seen]):
    table = "told"

    @fl.interpretation_for(type(noted()))
    def told(state, event):
        state.texts.append(event.text)


def test_exploring_writes_no_read_model():
    class ToldStream(fl.EventStream):
        transactional_projections = [Told]
        async_projections = [fl.Async(Told)]

    lab = fl.Lab(jobs="manual")
    race = fl.Race(ToldStream, "n", {"A": noted("a"), "B": noted("b")}, lab=lab)
    assert len(race.interleavings()) == 6
    assert "told" not in lab.sql("SELECT table_name FROM duckdb_tables()").table_name.tolist()
    assert len(lab.jobs.df()) == 0
    race.run()
    assert lab.jobs.run_pending()


def test_orders_are_counted_before_any_is_run(lab):
    writers = {name: [paid(1), paid(1)] for name in "ABCDE"}
    race = fl.Race(DebtEventStream, "debts-1", writers, lab=lab)
    with pytest.raises(ValueError, match=r"there are 168,168,000 orders, more than limit=5,000; .* sample=1000"):
        race.interleavings()
    frame = race.interleavings(sample=5, seed=1)
    assert frame.order.tolist() == race.interleavings(sample=5, seed=1).order.tolist()
    assert frame.order.nunique() == 5


@pytest.mark.parametrize("name", ["order", "denied"])
def test_a_writer_called_like_a_column_has_a_column_of_its_own(lab, name):
    frame = fl.Race(DebtEventStream, "debts-1", {name: paid(1)}, lab=lab).interleavings()
    assert frame[f"writer.{name}"].tolist() == ["accepted"]


programs = st.dictionaries(
    st.sampled_from("ABC"), st.integers(1, 3).map(lambda n: ["read", *["append"] * n]), min_size=1, max_size=3
)


@settings(max_examples=40, deadline=None)
@given(programs)
def test_the_orders_are_all_there_are_each_once_and_keep_every_writers_own(programs):
    orders = list(schedule.every(programs))
    assert len(orders) == len(set(orders)) == schedule.count(programs)
    assert all([s.action for s in order if s.writer == n] == steps for order in orders for n, steps in programs.items())


@settings(max_examples=40, deadline=None)
@given(programs, st.integers(1, 20), st.integers(0, 5))
def test_a_sample_has_different_orders_that_are_among_all(programs, size, seed):
    drawn = schedule.sampled(programs, size, seed)
    assert len(drawn) == len(set(drawn)) == min(size, schedule.count(programs))
    assert set(drawn) <= set(schedule.every(programs))


def test_a_sample_is_drawn_evenly():
    programs = {"A": ["read", "append"], "B": ["read", "append"]}
    found = [schedule.sampled(programs, 1, seed)[0] for seed in range(600)]
    assert all(60 < found.count(order) < 150 for order in schedule.every(programs))


def test_the_beginnings_of_orders_are_those_of_all_orders():
    programs = {"A": ["read", "append"], "B": ["read", "append"], "C": ["read"]}
    for length in range(1, 6):
        expected = {order[:length] for order in schedule.every(programs)}
        assert set(schedule.beginnings(programs, length)) == expected
    assert schedule.count(programs) == factorial(5) // 4


# The shortest order that breaks an invariant


def test_the_shortest_order_that_breaks_the_balance_leaves_out_who_has_no_part_in_it(lab):
    writers = {"A": paid(10), "B": paid(60), "C": paid(60)}
    race = fl.Race(DebtEventStream, "debts-1", writers, lab=lab)
    found = race.shortest(guard=False)
    assert found.order == "B.read C.read B.append C.append"
    assert not found.held


def test_where_no_order_breaks_it_there_is_no_shortest(lab):
    assert race_of(lab, 60, 60).shortest() is None


def test_a_search_that_is_too_long_says_how_far_it_came(lab):
    with pytest.raises(ValueError, match=r"no order of up to \d steps breaks it, and more than limit=3"):
        race_of(lab).shortest(limit=3)


# Two streams


class Drawn(fl.Event, name="Races::Drawn"):
    amount: int


class Account(BaseModel):
    drawn: int = Field(default=0, le=100)


class Draws(fl.Projection[Account]):
    @fl.interpretation_for(Drawn)
    def drawn(state, event):
        state.drawn += event.amount


class AccountStream(fl.EventStream):
    """The two accounts of a couple: either may be overdrawn while both together are not (100)."""

    consistency_projection = Draws


def drawn_in_all(readings: dict[str, fl.Reading]) -> int:
    return sum(event.amount for reading in readings.values() for event in reading.events)


def if_both_have_it(amount: int):
    """Draw only where both accounts together still have the money."""
    return lambda readings: Drawn(amount=amount) if drawn_in_all(readings) + amount <= 100 else None


def covered(states: dict[str, Account | None]) -> bool:
    return sum(state.drawn for state in states.values() if state) <= 100


def test_a_version_for_each_stream_does_not_prevent_write_skew():
    race = fl.Race(
        AccountStream, ["his", "hers"], {"A": ("his", if_both_have_it(60)), "B": ("hers", if_both_have_it(60))},
        lab=fl.Lab(),
    )  # fmt: skip
    frame = race.interleavings(invariant=covered)
    assert frame.denied.sum() == 0
    assert (~frame.invariant_held).sum() == 4
    assert race.shortest(covered).order == "A.read B.read A.append B.append"


def test_a_transaction_that_takes_a_version_of_both_streams_prevents_it():
    writers = {
        "A": [("his", if_both_have_it(60)), ("hers", Drawn(amount=0))],
        "B": [("hers", if_both_have_it(60)), ("his", Drawn(amount=0))],
    }
    race = fl.Race(AccountStream, ["his", "hers"], writers, lab=fl.Lab())
    frame = race.interleavings(invariant=covered)
    assert len(frame) == 70
    assert frame.invariant_held.all()
    assert frame.denied.sum() > 0


def test_one_bigger_stream_prevents_it():
    def if_there_is(reading: fl.Reading) -> fl.Event | None:
        return Drawn(amount=60) if sum(event.amount for event in reading.events) <= 40 else None

    race = fl.Race(AccountStream, "theirs", {"A": if_there_is, "B": if_there_is}, lab=fl.Lab())
    frame = race.interleavings()
    assert frame.invariant_held.all()
    assert sorted(frame.denied) == [0, 0, 1, 1, 1, 1]


def both(amount: int) -> list[tuple[str, fl.Event]]:
    return [("his", Drawn(amount=amount)), ("hers", Drawn(amount=amount))]


@pytest.mark.parametrize(
    ("order", "outcomes"),
    [
        # inserted in open transactions: the loser learns it at its commit
        (
            "A.read B.read A.append B.append A.append B.append A.commit B.commit",
            ["accepted"] * 4 + ["committed", "denied"],
        ),
        # the winner has committed: the loser learns it when it inserts, and its transaction is over
        (
            "A.read B.read A.append A.append A.commit B.append B.append B.commit",
            ["accepted", "accepted", "committed", "denied", "skipped", "skipped"],
        ),
    ],
)
@pytest.mark.parametrize("before", [0, 1])
def test_a_transaction_over_two_streams_loses_as_a_whole(order, outcomes, before):
    lab = fl.Lab()
    for idx in ("his", "hers") if before else ():
        AccountStream.for_(idx, lab=lab).append_or_raise(Drawn(amount=1))
    race = fl.Race(AccountStream, ["his", "hers"], {"A": both(10), "B": both(20)}, lab=lab)
    result = race.run(order)
    assert [outcome for outcome in result.df().outcome if outcome != "read"] == outcomes
    raced = [(fact.idx, fact.version, fact.writer) for fact in result.facts if fact.writer]
    assert raced == [("his", before + 1, "A"), ("hers", before + 1, "A")]
    assert {idx: state.drawn for idx, state in result.final_state.items()} == {"his": before + 10, "hers": before + 10}
    assert result.df().winner.dropna().tolist() == ["A’s Races::Drawn"]
    assert [rejection.stage for rejection in lab.rejections] == ["conflict"]


def test_a_lost_transaction_is_tried_again_as_a_whole():
    race = fl.Race(AccountStream, ["his", "hers"], {"A": both(10), "B": both(20)}, lab=fl.Lab())
    result = race.run("A.read B.read A.append A.append A.commit B.append B.append B.commit B.retry")
    assert {idx: state.drawn for idx, state in result.final_state.items()} == {"his": 30, "hers": 30}
    assert result.accepted == 4


def test_what_is_not_committed_at_the_end_is_not_stored_and_lets_others_write():
    lab = fl.Lab()
    race = fl.Race(AccountStream, ["his", "hers"], {"A": both(10)}, lab=lab)
    result = race.run("A.read A.append A.append")
    assert result.facts == []
    assert AccountStream.for_("his", lab=lab).append(Drawn(amount=1)).version == 1


def test_a_block_that_breaks_ends_the_race_and_its_transactions():
    def broken(readings: object) -> fl.Event:
        raise RuntimeError("broken")

    lab = fl.Lab()
    race = fl.Race(AccountStream, ["his", "hers"], {"A": [("his", Drawn(amount=1)), ("hers", broken)]}, lab=lab)
    with pytest.raises(RuntimeError, match="broken"):
        race.run("A.read A.append A.append A.commit")
    assert rows_of(lab) == 0
    assert AccountStream.for_("his", lab=lab).append(Drawn(amount=1)).version == 1


# Mermaid


def test_the_diagram_is_there_as_mermaid(lab):
    told = race_of(lab).run("A.read B.read A.append B.append B.retry").mermaid()
    assert told.startswith("sequenceDiagram\n    participant W1 as writer A\n    participant S1 as debts-1\n")
    assert "S1-->>W1: ACCEPTED ✓ as 2" in told
    assert "S1--xW2: DENIED ✗ 2 is A’s Debts::PaymentReceived" in told
    assert told.rstrip().endswith("S1-->>W2: ACCEPTED ✓ as 3")


def test_no_payload_ends_a_line_of_the_diagram():
    race = fl.Race(NoteStream, "n#1;", {"A": noted("a;b#c\nW1->>S1: <script>")}, lab=fl.Lab())
    told = race.run("A.read A.append").mermaid()
    assert not re.search(r"[#;<>]", re.sub(r"#\d+;|-?->>", "", told))
    assert len(told.splitlines()) == 7


# At the door


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ("A.read C.append", r"order has 'C.append', and the writers are A, B; a step is written as A.read"),
        ("A.write", r"order has 'A.write', and what a writer does is read, append, commit, retry"),
        ("A.append", r"order begins for A with A.append; a writer reads before"),
        ("A.read A.append A.append", r"order has A.append twice, and A can do so once"),
        ("A.read A.commit", r"order has A.commit once, and A can do so never"),
        ("read", r"order has 'read', and the writers are A, B"),
    ],
)
def test_an_order_that_cannot_be_is_refused_before_anything_is_written(lab, order, message):
    with pytest.raises(ValueError, match=message):
        race_of(lab).run(order)
    assert rows_of(lab) == 1


@pytest.mark.parametrize(
    ("writers", "kind", "message"),
    [
        ({}, TypeError, "writers must be a dict of names and what each appends, got {}"),
        ([paid(1)], TypeError, "writers must be a dict"),
        ({"A B": paid(1)}, ValueError, "the name of a writer must be a word without dots"),
        ({"A": []}, ValueError, "writer 'A' appends nothing; give it an event"),
        ({"A": "60"}, TypeError, "what writer 'A' appends must be an event, or a function .* got '60'"),
        ({"A": DebtEventStream}, TypeError, "what writer 'A' appends must be an event"),
        ({"A": ("other", paid(1))}, ValueError, "writer 'A' appends to 'other', and the race is on debts-1"),
    ],
)
def test_writers_that_cannot_be_are_refused(lab, writers, kind, message):
    with pytest.raises(kind, match=message):
        fl.Race(DebtEventStream, "debts-1", writers, lab=lab)


@pytest.mark.parametrize(
    ("idx", "kind", "message"),
    [
        (7, TypeError, "idx must be the idx of a stream, or a list of them, got 7"),
        ([], ValueError, "idx must list one or more different streams"),
        (["a", "a"], ValueError, "different streams"),
        (["a", "b"], ValueError, r"writer 'A' must say to which stream .* goes: \('a', event\)"),
    ],
)
def test_streams_that_cannot_be_are_refused(lab, idx, kind, message):
    with pytest.raises(kind, match=message):
        fl.Race(DebtEventStream, idx, {"A": paid(1)}, lab=lab)


def test_a_race_needs_a_stream_class(lab):
    with pytest.raises(TypeError, match=r"stream_class must be fl.EventStream or a subclass, got 'debts'"):
        fl.Race("debts", "debts-1", {"A": paid(1)}, lab=lab)


def test_a_race_inside_a_transaction_is_refused(lab):
    with lab.transaction(), pytest.raises(fl.TransactionError, match="has one writer only, the transaction"):
        race_of(lab).run()


@pytest.mark.parametrize("sample", [0, -1, True, 1.5])
def test_a_sample_is_a_positive_number(lab, sample):
    with pytest.raises(ValueError, match="sample must be how many orders to draw, 1 or more"):
        race_of(lab).interleavings(sample=sample)


def test_an_order_may_be_a_list_of_steps(lab):
    assert race_of(lab).rehearse([Step("A", "read"), "A.append"]).accepted == 1
    assert race_of(lab).rehearse("A.read → A.append").order == "A.read A.append"
