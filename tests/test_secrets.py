"""filter_attributes: a secret is in the log and nowhere else."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Iterator
from typing import Any, ClassVar

import pandas as pd
import pytest
from pydantic import BaseModel, Field

import funes_lab as fl
from tests.domain import NoteStream

SECRET = "4111-swordfish-4111"
OTHER = "9222-octopus-9222"


class Card(BaseModel):
    pan: str = Field(max_length=40)
    holder: str = "Ada"


class Charged(fl.Event, name="TestSecrets::Charged"):
    filter_attributes: ClassVar[Any] = ("token", "pan")
    token: str = Field(max_length=40)
    amount: int = Field(gt=0)
    card: Card | None = None
    cards: list[Card] = []
    free: Any = None


class Account(BaseModel):
    filter_attributes: ClassVar[Any] = ["last_token", "pan"]
    total: int = Field(default=0, le=100)
    last_token: str = Field(default="", max_length=30)
    card: Card | None = None
    tokens: dict[str, Any] = {}


class Accounts(fl.Projection[Account]):
    @fl.interpretation_for(Charged)
    def charged(state, event):
        state.total += event.amount
        state.last_token = event.token
        state.card = event.card
        state.tokens["pan"] = event.token
        if event.amount == 13:
            event.errors.add("token", "must not be used at an unlucky hour")
        if event.amount == 66:
            raise RuntimeError("broken")
        if event.amount == 77:
            return {"what": "no state"}
        if event.amount == 88:
            state.unknown = event.token
        return state


class AccountStream(fl.EventStream):
    consistency_projection = Accounts


def charged(amount: Any = 5, token: Any = SECRET, **more: Any) -> Charged:
    card = {"pan": SECRET}
    return Charged(token=token, amount=amount, card=card, cards=[card], free={"deep": [{"pan": SECRET}]}, **more)


@pytest.fixture
def stream(lab: fl.Lab) -> AccountStream:
    return AccountStream.for_("a", lab=lab)


def everything_shown_of(thing: Any) -> Iterator[str]:
    """All the ways in which a thing shows itself."""
    yield from (repr(thing), str(thing), f"{thing}")
    if isinstance(thing, pd.DataFrame):
        yield from (thing.to_html(), thing.to_csv(), repr(thing.to_dict("records")))
    if hasattr(thing, "_repr_html_"):
        yield thing._repr_html_()
    if isinstance(thing, fl.Event):
        for errors in (thing.errors, thing.own_errors, thing.state_errors):
            yield from everything_shown_of(errors)
            yield from errors.full_messages
            yield from (repr(error.value) for error in errors)
            yield from (repr(error.origin and error.origin.value) for error in errors)
        if thing.rejection:
            yield from everything_shown_of(thing.rejection)
            yield from everything_shown_of(thing.rejection.explain())


def assert_hidden(*things: Any) -> None:
    for thing in things:
        for shown in everything_shown_of(thing):
            assert SECRET not in shown
            assert OTHER not in shown


def in_the_log(lab: fl.Lab) -> str:
    return str(lab.sql("SELECT string_agg(props::VARCHAR, '') AS all FROM event_entries")["all"][0])


def test_a_new_event_hides_its_secrets(lab):
    event = charged()
    assert_hidden(event, [event], {"event": event})
    assert "[FILTERED]" in repr(event)
    assert (event.token, event.card.pan, event.payload()["token"]) == (SECRET, SECRET, SECRET)


def test_an_event_of_the_log_hides_them_in_every_picture_and_frame_and_the_log_has_them(lab, stream):
    event = stream.append(charged())
    assert event.persisted
    reading = stream.read()
    things = [event, *stream.events, stream, reading, lab, lab.log, stream.check(charged()), stream.check(charged(500))]
    frames = [stream.df(), lab.log.df(), reading.df(), lab.log.streams(), stream.replay(Accounts), lab.replay(Accounts)]
    assert_hidden(*things, *frames)
    assert stream.df().token[0] == "[FILTERED]"
    assert stream.replay(Accounts).last_token[0] == "[FILTERED]"
    assert in_the_log(lab).count(SECRET) == 4
    assert stream.events[0].token == SECRET
    assert stream.projected_with(Accounts).last_token == SECRET


REFUSED = [
    (charged(0), "own"),
    (charged("many"), "own"),
    (charged(token=[SECRET]), "own"),
    (charged(token=SECRET * 3), "own"),
    (charged(token=SECRET + "\x00"), "own"),
    (charged(unknown=1), "own"),
    (Charged(amount=5, card={"pan": SECRET}), "own"),
    (Charged(token=SECRET), "own"),
    (Charged(token=SECRET, amount=1, card={"pan": [SECRET]}), "own"),
    (Charged(token=SECRET, amount=1, card={"pan": SECRET * 3}), "own"),
    (Charged(token=SECRET, amount=1, card={"pan": SECRET, "holder": 5}), "own"),
    (Charged(token=SECRET, amount=1, card={"holder": "Bob", "pan": SECRET, "extra": 1}, free=object()), "own"),
    (Charged(token=SECRET, amount=1, cards={"pan": SECRET}), "own"),
    (Charged(token=SECRET, amount=1, cards=[{"pan": SECRET}, {"pan": SECRET, "holder": None}]), "own"),
    (Charged(token=SECRET, amount=1, card={"holder": 5, "pan": SECRET}, free={"pan": {SECRET}}), "own"),
    (charged(101), "state"),
    (charged(13), "interpretation"),
    (charged(token=SECRET + OTHER), "state"),
]


@pytest.mark.parametrize(("event", "stage"), REFUSED, ids=range(len(REFUSED)))
def test_a_refused_event_hides_them_in_everything_that_tells_of_it(path, event, stage):
    assert_hidden(event)
    with fl.Lab(path) as lab:
        stream = AccountStream.for_("a", lab=lab)
        with pytest.raises(fl.EventRejected) as caught:
            stream.append_or_raise(event)
        assert event.rejection.stage == stage
        assert_hidden(event, lab.rejections, lab.rejections.df(), stream.rejections, caught.value, stream, lab)
        assert SECRET not in str(caught.value)
    with fl.Lab(path) as lab:
        assert_hidden(lab.rejections, lab.rejections.df(), *lab.rejections, *(r.explain() for r in lab.rejections))
        for rejection in lab.rejections:
            assert_hidden(rejection.errors, *rejection.errors.full_messages)


def test_an_unknown_attribute_that_is_secret_is_hidden_too(lab):
    class Slim(fl.Event, name="TestSecrets::Slim"):
        filter_attributes: ClassVar[Any] = ["gone"]
        amount: int = 1

    event = Slim(gone=SECRET)
    NoteStream.for_("n", lab=lab).append(event)
    row = {"klass": "TestSecrets::Slim", "idx": "n", "version": 1, "props": {"amount": 1, "gone": SECRET}}
    fl.testing.raw_insert(lab, {**row, "created_at": "2026-01-01", "occurred_at": "2026-01-01"})
    stream = NoteStream.for_("n", lab=lab)
    assert_hidden(event, stream, stream.events[0], stream.df(), lab.log.df(), lab.rejections.df())
    assert stream.events[0].kept_aside == {"gone": SECRET}


def test_the_winner_of_a_conflict_hides_its_secrets(lab, stream):
    first, second = stream.read(), stream.read()
    first.append(charged())
    late = second.append(charged(token=OTHER))
    assert late.rejection.stage == "conflict"
    assert_hidden(late, late.rejection.winner, lab.rejections, lab.rejections.df(), lab.rejections[0].winner)
    assert "[FILTERED]" in late.errors.full_messages[0]
    with pytest.raises(fl.ConflictError) as caught:
        second.append_or_raise(charged(token=OTHER))
    assert_hidden(caught.value)
    assert_hidden(stream.append(charged(), expected_version=0))


def test_the_event_before_it_hides_its_secrets_too(lab, stream):
    stream.append(charged(50))
    refused = stream.append(charged(60, token=OTHER))
    assert refused.rejection.last.version == 1
    assert_hidden(refused, refused.rejection.last, lab.rejections[0].last)


@pytest.mark.parametrize("amount", [66, 77, 88])
def test_a_block_that_breaks_is_told_without_them(lab, stream, amount):
    with pytest.raises(fl.ProjectionError, match="TestSecrets::Charged") as caught:
        stream.append(charged(amount))
    assert_hidden(caught.value, caught.value.event)
    NoteStream.for_("a", lab=lab).append(charged(amount))
    for ask in (stream.projected_with, stream.replay, lab.replay):
        with pytest.raises(fl.ProjectionError) as caught:
            ask(Accounts)
        assert_hidden(caught.value)


def test_a_state_hides_what_the_event_it_came_from_hides(lab):
    """A field of the state that has the name of a secret attribute is secret in a rejection."""

    class Copy(BaseModel):
        token: str = Field(default="", max_length=3)
        total: int = 0

    class Copies(fl.Projection[Copy]):
        @fl.interpretation_for(Charged)
        def charged(state, event):
            state.token = event.token if event.amount == 1 else [event.token]

    class Stream(fl.EventStream):
        consistency_projection = Copies

    for amount in (1, 2):
        event = Stream.for_("a", lab=lab).append(charged(amount))
        assert event.rejection.stage == "state"
        assert_hidden(event, lab.rejections.df(), *lab.rejections, *(r.explain() for r in lab.rejections))


def test_a_nested_model_of_a_state_that_breaks_its_rules_hides_them(lab):
    class Holder(BaseModel):
        filter_attributes: ClassVar[Any] = ["pan"]
        card: Card = Card(pan="x")

    class Holding(fl.Projection[Holder]):
        @fl.interpretation_for(Charged)
        def charged(state, event):
            state.card.pan = event.token * 3 if event.amount == 1 else [event.token]

    class Stream(fl.EventStream):
        consistency_projection = Holding

    for amount in (1, 2):
        event = Stream.for_("a", lab=lab).append(charged(amount))
        assert event.rejection.stage == "state"
        assert_hidden(event, lab.rejections, lab.rejections.df(), *(r.explain() for r in lab.rejections))
        assert_hidden(*(error for error in lab.rejections[-1].errors))


def test_warnings_and_messages_about_arguments_hide_them(lab, stream, caplog):
    plain = NoteStream.for_("n", lab=lab)
    with caplog.at_level(logging.WARNING, logger="funes_lab"):
        plain.append(charged(13))
        plain.projected_with(Accounts)
    assert SECRET not in caplog.text
    event = stream.append(charged())
    for work in (lambda: stream.append(event), lambda: stream.append_all([event]), lambda: stream.append([charged()])):
        with pytest.raises((fl.FunesLabError, TypeError)) as caught:
            work()
        assert_hidden(caught.value)
    with pytest.raises(fl.FunesLabError) as caught:
        event.errors.add("token", "x")
    assert_hidden(caught.value)


def test_a_copy_of_an_event_hides_them(lab):
    for copy in (charged().model_copy(), pickle.loads(pickle.dumps(charged())), charged().model_copy(deep=True)):
        assert_hidden(copy)
        assert copy.token == SECRET
