"""The shortest sequence of accepted events that breaks an invariant."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import strategies as st
from pydantic import BaseModel, Field

import funes_lab as fl
from tests.domain import (
    DebtEventStream,
    Forgiven,
    Issued,
    Noted,
    NoteStream,
    PaymentReceived,
    ShortNoteStream,
    Trail,
    VirtualOutstandingBalance,
    day,
    issued,
    noted,
    paid,
    rows_of,
)

find_breach = fl.testing.find_breach


class UnjudgedStream(fl.EventStream):
    actual_time_attribute = "at"


class OnTopStream(DebtEventStream):
    consistency_order = "on_top"


class Deposited(fl.Event, name="Breach::Deposited"):
    amount: int = Field(gt=0)


class Spent(fl.Event, name="Breach::Spent"):
    amount: int = Field(gt=0)
    pin: str = "0000"
    filter_attributes = ("pin",)


class Wallet(BaseModel):
    deposited: int = 0
    spent: int = Field(default=0)


class Balance(fl.Projection[Wallet]):
    """What was spent here is no more than what was deposited."""

    @fl.interpretation_for(Deposited)
    def deposited(state, event):
        state.deposited += event.amount

    @fl.interpretation_for(Spent)
    def spent(state, event):
        state.spent += event.amount
        if state.spent > state.deposited:
            event.errors.add("amount", "must be covered")


class WalletStream(fl.EventStream):
    consistency_projection = Balance


FIRST = {OnTopStream: issued(100), ShortNoteStream: noted("first"), WalletStream: Deposited(amount=7)}


def not_overpaid(state):
    return state.outstanding_balance >= 0


def test_the_shortest_overpayment_is_found_where_nothing_judges():
    for seed in range(3):
        breach = find_breach(
            UnjudgedStream, not_overpaid, given=[issued(100)], projection=VirtualOutstandingBalance, seed=seed
        )
        assert breach.events == [paid(101, on=1)]
        assert (breach.state.outstanding_balance, breach.events[0].version) == (-1, 2)


def test_where_the_rules_hold_nothing_is_found():
    found = find_breach(DebtEventStream, not_overpaid, given=[issued(100)], max_examples=60, max_events=3)
    assert found is None


def test_the_double_spend_of_two_streams_is_found():
    shops = {"bakery": WalletStream, "bar": WalletStream}
    deposit = [Deposited(amount=100)]  # one deposit, which both shops know of

    def covered(wallets):
        return sum(wallet.spent for wallet in wallets.values()) <= 100

    breach = find_breach(shops, covered, given={"bakery": deposit, "bar": deposit}, events=[Spent])
    assert sorted(step.idx for step in breach.steps) == ["bakery", "bar"]
    assert sum(event.amount for event in breach.events) == 101
    assert {idx: wallet.spent <= 100 for idx, wallet in breach.state.items()} == {"bakery": True, "bar": True}
    alone = find_breach(
        WalletStream, lambda wallet: wallet.spent <= 100, given=deposit, events=[Spent], max_examples=40
    )
    assert alone is None


def test_a_backdated_event_that_poisons_a_replay_is_found():
    breach = find_breach(OnTopStream, not_overpaid, given=[issued(100)], max_events=3)
    assert len(breach.events) == 2
    assert breach.events[1].occurred_at < breach.events[0].occurred_at


def test_no_event_of_a_breach_can_be_left_out():
    breach = find_breach(OnTopStream, not_overpaid, given=[issued(100)], max_events=3)
    assert len(breach.events) > 1
    for place in range(len(breach.events)):
        told = fl.testing.scenario(OnTopStream).given(issued(100))
        for event in breach.events[:place] + breach.events[place + 1 :]:
            told.when(event)
            if told.event.rejection is not None:
                told.then_rejected()
        assert not_overpaid(told.state(VirtualOutstandingBalance))


def test_what_was_refused_is_no_part_of_it():
    breach = find_breach(WalletStream, lambda wallet: wallet.spent < 5, max_examples=200)
    assert [type(event) for event in breach.events] == [Deposited, Spent]
    assert [event.amount for event in breach.events] == [5, 5]


def test_the_same_seed_finds_the_same():
    found = [find_breach(WalletStream, lambda wallet: wallet.spent < 5, max_examples=200, seed=7) for _ in range(2)]
    assert found[0] is not None
    assert repr(found[0]) == repr(found[1])


def test_events_may_be_classes_or_a_strategy():
    later = fl.testing.events(PaymentReceived, at=st.just(day(9)), interest_amount=st.just(Decimal(7)))
    for events, expected in (
        (PaymentReceived, paid(101, on=1)),
        ([Forgiven, PaymentReceived], paid(101, on=1)),
        (later, PaymentReceived(principal_amount=101, interest_amount=7, at=day(9))),
    ):
        breach = find_breach(
            UnjudgedStream, not_overpaid, given=[issued(100)], events=events, projection=VirtualOutstandingBalance
        )
        assert breach.events == [expected]


@pytest.mark.parametrize("stream_class", [OnTopStream, ShortNoteStream, WalletStream])
def test_what_is_accepted_in_the_search_is_accepted_by_an_append(stream_class, lab):
    lengths = []
    for remainder in range(3):

        def by_chance(state, remainder=remainder):
            return sum(state.model_dump_json().encode()) % 13 != remainder

        breach = find_breach(stream_class, by_chance, given=[FIRST[stream_class]], max_examples=100)
        stream = stream_class.for_(f"s-{remainder}", lab=lab)
        for step in [*breach.given, *breach.steps]:
            event = stream.append(step.event.model_copy(), at=step.event.occurred_at)
            assert (event.version, event.occurred_at) == (step.event.version, step.event.occurred_at)
        assert stream.projected_with(stream_class.consistency_projection) == breach.state
        lengths.append(len(breach.steps))
    assert max(lengths) > 0


def test_a_state_that_is_changed_in_place_is_judged_as_in_an_append():
    assert find_breach(ShortNoteStream, lambda trail: len(trail.texts) <= 3, max_examples=100) is None
    assert len(find_breach(ShortNoteStream, lambda trail: len(trail.texts) < 3, max_examples=100).events) == 3


def test_one_event_object_may_be_drawn_again_and_again():
    breach = find_breach(
        NoteStream, lambda trail: len(trail.texts) < 3, events=st.just(noted("a")), projection=Trail, max_examples=50
    )
    assert [event.text for event in breach.events] == ["a", "a", "a"]
    assert [event.version for event in breach.events] == [1, 2, 3]


def test_what_is_given_may_say_when_it_happened_and_may_break_it_already():
    breach = find_breach(
        NoteStream, lambda trail: "a" not in trail.texts, given=[(noted("a"), day(3))], projection=Trail
    )
    assert (breach.events, len(breach.df())) == ([], 0)
    assert repr(breach).startswith("NoteStream: what is given breaks it already")


def test_a_given_event_that_the_rules_refuse_is_an_error():
    with pytest.raises(ValueError, match="cannot have happened"):
        find_breach(DebtEventStream, not_overpaid, given=[paid(1)])


def test_a_breach_is_a_frame_of_events_and_the_states_after_them():
    breach = find_breach(WalletStream, lambda wallet: wallet.spent < 5, max_examples=200)
    frame = breach.df()
    assert list(frame.columns) == ["idx", "version", "event", "occurred_at", "payload", "deposited", "spent"]
    assert [str(kind) for kind in frame.dtypes] == [
        "category", "int64", "category", "datetime64[us, UTC]", "object", "Int64", "Int64",
    ]  # fmt: skip
    assert frame[["version", "deposited", "spent"]].to_numpy().tolist() == [[1, 5, 0], [2, 5, 5]]


def test_a_breach_tells_its_story_without_secrets():
    breach = find_breach(
        WalletStream, lambda wallet: wallet.spent < 5, given=[Deposited(amount=7)], events=[Spent], max_examples=300
    )
    assert repr(breach).splitlines() == [
        "WalletStream breaks it after 1 accepted event",
        "  given  #1 Breach::Deposited  amount 7",
        "         → deposited 7, spent 0",
        "  then   #2 Breach::Spent  amount 5, pin [FILTERED]",
        "         → deposited 7, spent 5",
    ]
    assert breach.df().payload[0] == {"amount": 5, "pin": "[FILTERED]"}


def test_no_lab_is_touched(lab):
    DebtEventStream.for_("stream-1", lab=lab).append_or_raise(issued(100))
    find_breach(DebtEventStream, lambda state: state.outstanding_balance != 1, max_examples=20)
    assert (rows_of(lab), len(lab.rejections)) == (1, 0)


def test_an_invariant_that_breaks_is_raised_as_it_is():
    with pytest.raises(ZeroDivisionError):
        find_breach(NoteStream, lambda trail: 1 / (1 - len(trail.texts)), events=[Noted], projection=Trail)
    with pytest.raises(TypeError, match="invariant must return whether"):
        find_breach(DebtEventStream, lambda state: None)


def test_wrong_arguments_are_told_by_name():
    for wrong, message in (
        (lambda: find_breach(VirtualOutstandingBalance, not_overpaid), "stream_class must be"),
        (lambda: find_breach({}, not_overpaid), "streams needs at least one"),
        (lambda: find_breach(NoteStream, not_overpaid), r"NoteStream has no consistency_projection; say projection="),
        (lambda: find_breach(DebtEventStream, True), "invariant must be a function"),
        (lambda: find_breach(DebtEventStream, not_overpaid, max_events=0), "max_events must be 1 or more, got 0"),
        (lambda: find_breach(DebtEventStream, not_overpaid, max_examples=None), "max_examples must be 1 or more"),
        (lambda: find_breach(DebtEventStream, not_overpaid, events=[Wallet]), "events takes event classes"),
        (lambda: find_breach(DebtEventStream, not_overpaid, given={"a": []}), "given names the stream 'a'"),
        (
            lambda: find_breach({"a": DebtEventStream}, not_overpaid, given=[issued()]),
            "given must say what happened in",
        ),
        (
            lambda: find_breach({"a": DebtEventStream}, not_overpaid, events={"b": Issued}),
            "events names the stream 'b'",
        ),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            wrong()
