"""Projections: what a class must have, what blocks get and may return, and what is said when one breaks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel

import funes_lab as fl
from tests.domain import (
    DebtEventStream,
    Forgiven,
    Noted,
    NoteStream,
    OutstandingBalance,
    Texts,
    Trail,
    VirtualOutstandingBalance,
    day,
    issued,
    noted,
    paid,
)


def test_blocks_run_on_their_own(lab):
    given = OutstandingBalance(outstanding_balance=100)
    after = fl.testing.interpret(VirtualOutstandingBalance, paid(30), given=given, at="2026-03-01")
    assert after == OutstandingBalance(outstanding_balance=70, last_payment_at=datetime(2026, 3, 1, tzinfo=UTC))
    assert given.outstanding_balance == 100
    broken = fl.testing.interpret(VirtualOutstandingBalance, paid(300), given=given)
    assert broken.outstanding_balance == -200
    assert fl.testing.initial_state(VirtualOutstandingBalance) == OutstandingBalance()
    assert fl.testing.final_state(VirtualOutstandingBalance, given=given) == given
    with pytest.raises(TypeError, match="given must be a OutstandingBalance"):
        fl.testing.interpret(VirtualOutstandingBalance, paid(1), given=Texts())
    with pytest.raises(TypeError, match=r"projection must be a subclass of fl\.Projection"):
        fl.testing.initial_state(OutstandingBalance)


# Misuse fails when the class is defined

TWO_BLOCKS = "class P(Trail):\n @fl.{mark}\n def f({args}): pass\n @fl.{mark}\n def g({args}): pass"


def define(body: str, **names: Any) -> None:
    exec(
        body,
        {
            "fl": fl,
            "BaseModel": BaseModel,
            "Noted": Noted,
            "Texts": Texts,
            "Trail": Trail,
            "__name__": __name__,
            **names,
        },
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("class P(fl.Projection[Texts]): pass", "P has no interpretation; add a block marked @fl.interpretation_for"),
        ("class P(fl.Projection):\n @fl.interpretation_for(Noted)\n def f(s, e): pass", "P does not say its state"),
        ("class P(fl.Projection[int]): pass", "the state of P must be a pydantic model, got <class 'int'>"),
        ("class P(fl.Projection[BaseModel]): pass", "must be a pydantic model of your own, got BaseModel itself"),
        ("class P(fl.Projection[Noted]): pass", "the state of P must be a pydantic model"),
        ("class P(Trail):\n strict = 1", "strict of P must be True or False, got 1"),
        ("@fl.interpretation_for()\ndef f(s, e): pass", "interpretation_for needs an event class"),
        ("@fl.interpretation_for(Texts)\ndef f(s, e): pass", "interpretation_for takes event classes, got <class"),
        ("@fl.interpretation_for(Noted(text='x'))\ndef f(s, e): pass", "interpretation_for takes event classes"),
        ("@fl.interpretation_for\ndef f(s, e): pass", "interpretation_for takes event classes, got <function f"),
        ("class P(Trail):\n @fl.interpretation_for(Noted)\n def f(s): pass", "P.f takes 1 parameter"),
        ("class P(Trail):\n @fl.interpretation_for(Noted)\n def f(a, b, c, d): pass", r"P.f takes 4 parameters \(a, b"),
        ("class P(Trail):\n @fl.interpretation_for(Noted)\n def f(*args): pass", "P.f takes plain parameters only"),
        ("class P(Trail):\n @fl.interpretation_for(Noted)\n def f(s, e, *, at): pass", "P.f takes plain parameters"),
        ("class P(Trail):\n @fl.initial_state\n def f(s, e, at): pass", r"P.f takes .*initial_state takes \(state\)"),
        ("class P(Trail):\n @fl.final_state\n def f(s, e, at): pass", r"P.f takes .*final_state takes \(state\)"),
        ("class P(Trail):\n @fl.interpretation_for(Noted)\n async def f(s, e): pass", "must be a plain function"),
        ("class P(Trail):\n @fl.interpretation_for(Noted)\n def f(s, e): yield", "must be a plain function"),
        (TWO_BLOCKS.format(mark="interpretation_for(Noted)", args="s, e"), "two blocks for Debts::Noted: f and g"),
        (TWO_BLOCKS.format(mark="final_state", args="s"), "P has two blocks for final_state: f and g"),
        ("class P(Trail):\n f = fl.initial_state(5)", "initial_state marks a function, got 5"),
    ],
)  # fmt: skip
def test_misuse_fails_when_the_class_is_defined_and_says_what_is_missing(body, said):
    with pytest.raises(fl.DefinitionError, match=said):
        define(body)


def test_a_projection_is_used_as_a_class():
    with pytest.raises(TypeError, match="Trail is used as a class: pass it to replay"):
        Trail()


@pytest.mark.parametrize("bad", [None, Texts, Trail.__name__, fl.Projection, 5])
def test_what_is_no_projection_is_refused_by_name(lab, bad):
    stream = NoteStream.for_("n", lab=lab)
    stream.append(noted())
    for ask in (stream.projected_with, stream.replay, stream.state_errors):
        with pytest.raises(TypeError, match=r"projection must be a subclass of fl.Projection\[State\], got"):
            ask(bad)
    with pytest.raises(TypeError, match="projection must be"):
        lab.replay(bad)


def test_subclasses_inherit_blocks_and_replace_single_ones(lab):
    class Shouting(Trail):
        @fl.interpretation_for(Noted)
        def noted(state, event):
            state.texts.append(event.text.upper())

    class Closing(Shouting):
        @fl.final_state
        def close(state):
            state.texts.append("end")

    stream = NoteStream.for_("n", lab=lab)
    stream.append(noted("a"))
    assert stream.projected_with(Trail).texts == ["a"]
    assert stream.projected_with(Shouting).texts == ["A"]
    assert stream.projected_with(Closing).texts == ["A", "end"]


# Blocks that break (rule 4)


@pytest.mark.parametrize("ask", ["projected_with", "replay", "append"])
def test_rule_4_a_block_that_breaks_is_told_with_block_event_version_and_payload(lab, ask):
    plain, judged = NoteStream.for_("d", lab=lab), DebtEventStream.for_("d", lab=lab)
    plain.append(issued(10))
    bad = Forgiven(reason="broken", at=day(1))
    number = "" if ask == "append" else " #2"
    if ask != "append":
        plain.append(bad)
    said = rf"VirtualOutstandingBalance.forgiven broke at Debts::Forgiven{number} \(reason broken, .*the block broke"
    with pytest.raises(fl.ProjectionError, match=said) as caught:
        judged.append(bad) if ask == "append" else getattr(judged, ask)(VirtualOutstandingBalance)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert (caught.value.projection, caught.value.block) == ("VirtualOutstandingBalance", "forgiven")
    assert caught.value.event == bad
    if ask == "append":
        assert not bad.persisted
        assert len(judged) == 1
        assert len(lab.rejections) == 0


@pytest.mark.parametrize("kind", [fl.initial_state, fl.final_state])
def test_rule_4_an_initial_or_final_state_that_breaks_is_named(lab, kind):
    class Broken(Trail):
        @kind
        def edge(state):
            raise KeyError("nothing")

    stream = NoteStream.for_("n", lab=lab)
    stream.append(noted())
    with pytest.raises(fl.ProjectionError, match=r"Broken.edge \((initial|final)_state\) broke: KeyError: 'nothing'"):
        stream.projected_with(Broken)


def test_one_function_may_be_a_block_of_two_projections(lab):
    def keep(state: Any, event: Any) -> None:
        state.texts.append(event.text)

    class One(fl.Projection[Texts]):
        noted = fl.interpretation_for(Noted)(keep)

    class Two(fl.Projection[Texts]):
        noted = fl.interpretation_for(Noted)(keep)

    stream = NoteStream.for_("n", lab=lab)
    stream.append(noted("x"))
    assert stream.projected_with(One) == stream.projected_with(Two) == Texts(texts=["x"])
