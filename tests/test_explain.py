"""Explain: `stream.explain(version)` tells who, when, in what context, what an event changed, what was refused."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

import funes_lab as fl
from funes_lab.fold import project
from funes_lab.projection import fold_of
from funes_lab.seen import events_of
from tests.domain import (
    DebtEventStream,
    Forgiven,
    Issued,
    NoteStream,
    PaymentReceived,
    Trail,
    VirtualOutstandingBalance,
    balance,
    day,
    issued,
    noted,
    paid,
)


class Takings(BaseModel):
    total: Decimal = Decimal(0)
    payments: int = 0


class PaidIn(fl.Projection[Takings]):
    table = "takings"

    @fl.interpretation_for(PaymentReceived)
    def paid(state, event):
        state.total += event.principal_amount
        state.payments += 1


class Count(BaseModel):
    events: int = 0
    days: int = 0


class Counted(fl.Projection[Count]):
    """The days that passed count too: the state depends on when it is asked for."""

    @fl.interpretation_for(Issued)
    def issued(state, event):
        state.events += 1

    @fl.interpretation_for(PaymentReceived)
    def paid(state, event):
        state.events += 1

    @fl.final_state
    def aged(state, at):
        state.days = (at - day(0)).days


class Grown(BaseModel):
    since: datetime | None = None
    events: int = 0


class SinceAsked(fl.Projection[Grown]):
    @fl.initial_state
    def begin(state, at):
        state.since = at

    @fl.interpretation_for(PaymentReceived)
    def paid(state, event):
        state.events += 1


class Context(BaseModel):
    user: str | None = None


class AccountStream(DebtEventStream):
    transactional_projections = [PaidIn]
    async_projections = [fl.Async(PaidIn)]


@pytest.fixture(params=["memory", "file"])
def lab(request, clock, path) -> fl.Lab:
    place = ":memory:" if request.param == "memory" else path
    return fl.Lab(place, clock=clock, metainformation_model=Context, jobs="manual")


@pytest.fixture
def debt(lab) -> AccountStream:
    """Issued 100; a payment that leads below zero; 30 of day 5; a lost race; 20 of day 3; a payment too much."""
    stream = AccountStream.for_("debt", lab=lab)
    with lab.metainformation(user="Ada"):
        first = stream.append_or_raise(issued(100))
    stream.append(paid(700, 2))
    late = stream.read()
    stream.append_or_raise(paid(30, 5), caused_by=first)
    late.append(paid(40, 6))
    stream.append_or_raise(paid(20, 3))
    stream.append(paid(60, 7))
    return stream


def changes(explained: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in explained.changes.itertuples(index=False)]


# --- what it changed ------------------------------------------------------------------------------------------------


def test_what_it_changed_in_every_projection_of_the_stream_each_once(debt):
    explained = debt.explain(2)
    assert changes(explained) == [
        ("VirtualOutstandingBalance", "outstanding_balance", Decimal(80), Decimal(50)),
        ("VirtualOutstandingBalance", "last_payment_at", day(3), day(5)),
        ("PaidIn", "total", Decimal(20), Decimal(50)),
        ("PaidIn", "payments", 1, 2),
    ]
    assert [(one.projection, one.tiers) for one in explained.folded] == [
        ("VirtualOutstandingBalance", ["consistency"]),
        ("PaidIn", ["transactional", "async"]),
    ]
    assert explained.changes.dtypes.astype(str).tolist() == ["str", "str", "object", "object"]


def test_the_first_event_changes_the_state_before_any(debt):
    assert changes(debt.explain(1)) == [("VirtualOutstandingBalance", "outstanding_balance", Decimal(0), Decimal(100))]
    assert "does not interpret Debts::Issued" in repr(debt.explain(1))


def test_other_projections_can_be_asked_for(debt):
    assert changes(debt.explain(1, projections=[Counted]))[1:] == [("Counted", "events", 0, 1)]
    assert len(debt.explain(1, projections=[VirtualOutstandingBalance]).folded) == 2


def test_what_passing_time_does_to_a_state_is_nobodys_change(debt):
    assert changes(debt.explain(2, projections=[Counted]))[4:] == [("Counted", "events", 2, 3)]
    assert changes(debt.explain(2, projections=[SinceAsked]))[4:] == [("SinceAsked", "events", 1, 2)]


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 9)), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_before_and_after_are_what_a_query_at_the_time_of_the_event_gives(payments):
    projections = [VirtualOutstandingBalance, Counted, SinceAsked]
    with fl.Lab() as lab:
        stream = NoteStream.for_("debt", lab=lab)
        stream.append_or_raise(issued(1000), at=day(0))
        stream.append_all([paid(amount, on) for amount, on in payments])
        rows = stream.rows()
        for n, row in enumerate(rows):
            told = stream.explain(row.version, projections=projections).changes
            for projection in projections:
                before, after = (_queried(projection, rows[:end], row.occurred_at) for end in (n, n + 1))
                shown = told[told.projection == projection.__name__].set_index("field")
                assert set(shown.index) == {name for name in after if after[name] != before[name]}
                assert shown.before.to_dict() == {name: before[name] for name in shown.index}
                assert shown.after.to_dict() == {name: after[name] for name in shown.index}


def _queried(projection: Any, rows: Any, at: datetime) -> dict[str, Any]:
    fold = fold_of(projection)
    return fold.verdict(project(fold, events_of(rows), at))[0].model_dump()


def test_a_state_that_blocks_change_in_place_is_shown_as_it_was(lab):
    notes = NoteStream.for_("n", lab=lab)
    notes.append_all([noted("a"), noted("b"), noted("c")])
    assert changes(notes.explain(2, projections=[Trail])) == [("Trail", "texts", ["a"], ["a", "b"])]


def test_a_block_that_breaks_is_told_and_the_rest_of_the_page_stands(lab):
    stream = NoteStream.for_("debt", lab=lab)
    stream.append_all([issued(), Forgiven(reason="broken", at=day(1)), paid(5)])
    for version in (2, 3):
        explained = stream.explain(version, projections=[VirtualOutstandingBalance, PaidIn])
        assert explained.folded[0].changed.fault.startswith("VirtualOutstandingBalance.forgiven broke")
        assert "cannot be told: VirtualOutstandingBalance.forgiven broke" in repr(explained)
    assert changes(stream.explain(1, projections=[VirtualOutstandingBalance]))
    assert len(changes(explained)) == 2


def test_what_blocks_once_held_against_an_event_is_no_news(lab, caplog):
    stream = NoteStream.for_("debt", lab=lab)
    stream.append_all([issued(), paid(13)])
    assert changes(stream.explain(2, projections=[VirtualOutstandingBalance]))
    assert not caplog.records


# --- when -----------------------------------------------------------------------------------------------------------


def test_a_backdated_event_is_told_at_its_true_place(debt):
    late, on_time = debt.explain(3), debt.explain(2)
    assert (late.backdated, late.place) == (True, 1)
    assert (on_time.backdated, on_time.place) == (False, None)
    assert changes(late)[0][2:] == (Decimal(100), Decimal(80))
    assert (late.occurred_at, late.created_at) == (debt.events[1].occurred_at, debt.events[1].created_at)
    assert "right after #1" in repr(late)


def test_an_event_from_before_all_others_says_so(lab):
    stream = NoteStream.for_("n", lab=lab)
    stream.append(noted(), at=day(5))
    stream.append(noted(), at=day(1))
    assert stream.explain(2).place == 0
    assert "before all others" in repr(stream.explain(2))


# --- in what context ------------------------------------------------------------------------------------------------


def test_who_is_what_was_bound_without_the_ids(debt):
    first, second = debt.explain(1), debt.explain(2)
    assert (first.meta_info, first.correlation_id, first.causation_id) == ({"user": "Ada"}, None, None)
    assert (second.meta_info, second.correlation_id, second.causation_id) == ({}, "debt#1", "debt#1")
    assert (first.id, first.event.event_name, first.version) == ("debt#1", "Debts::Issued", 1)


def test_causes_lead_back_to_the_first_and_effects_one_step_on(lab):
    a = NoteStream.for_("a", lab=lab).append(noted())
    b = NoteStream.for_("b", lab=lab).append(noted(), caused_by=a)
    NoteStream.for_("c", lab=lab).append_all([noted(), noted()], caused_by=b)
    NoteStream.for_("c", lab=lab).append(noted())
    explained = {idx: NoteStream.for_(idx, lab=lab).explain(1) for idx in "abc"}
    assert {idx: told.causes.id.tolist() for idx, told in explained.items()} == {
        "a": [], "b": ["a#1"], "c": ["b#1", "a#1"],
    }  # fmt: skip
    assert {idx: told.effects.id.tolist() for idx, told in explained.items()} == {
        "a": ["b#1"], "b": ["c#1", "c#2"], "c": [],
    }  # fmt: skip
    for told in explained.values():
        assert told.correlated.id.tolist() == ["a#1", "b#1", "c#1", "c#2"]
        assert told.causes.dtypes.astype(str).tolist() == [
            "str", "str", "int64", "str", "datetime64[us, UTC]", "datetime64[us, UTC]",
        ]  # fmt: skip


def test_frames_without_rows_have_the_dtypes_of_full_ones(lab):
    NoteStream.for_("a", lab=lab).append(noted())
    NoteStream.for_("b", lab=lab).append(noted(), caused_by=NoteStream.for_("a", lab=lab).events[0])
    full, empty = NoteStream.for_("b", lab=lab).explain(1).causes, NoteStream.for_("a", lab=lab).explain(1).causes
    assert (len(full), len(empty)) == (1, 0)
    assert full.dtypes.equals(empty.dtypes)


def test_ids_that_others_wrote_are_told_though_they_lead_nowhere(lab):
    told = {"causation_id": "6f1c", "correlation_id": 7, "user": "Eve"}
    row = {"klass": "Debts::Noted", "props": {"text": "x"}, "created_at": day(0), "occurred_at": day(0), "version": 1}
    lab.load([{**row, "idx": "a", "meta_info": told}, {**row, "idx": "b", "meta_info": {"correlation_id": 7}}])
    explained = NoteStream.for_("a", lab=lab).explain(1)
    assert (explained.causation_id, explained.correlation_id, explained.meta_info) == ("6f1c", 7, {"user": "Eve"})
    assert (len(explained.causes), explained.correlated.id.tolist()) == (0, ["a#1", "b#1"])
    assert "caused by 6f1c, which is no event of this log" in repr(explained)


@pytest.mark.parametrize("meta_info", [[], "text", {"causation_id": ["a#1"]}, {"causation_id": {"a": 1}}, None])
def test_a_context_of_any_kind_that_others_wrote_stops_no_page(lab, meta_info):
    path = json.dumps(meta_info)
    lab.store.insert_many([*_rows("a", [path, '{"causation_id": "a#2"}', '{"causation_id": "a#1"}'])])
    explained = NoteStream.for_("a", lab=lab).explain(1)
    assert "a" in explained._repr_html_()
    assert explained.effects.id.tolist() == ["a#3"]


def test_causes_that_go_round_in_a_circle_end(lab):
    lab.store.insert_many([*_rows("a", ['{"causation_id": "a#2"}', '{"causation_id": "a#1"}'])])
    assert NoteStream.for_("a", lab=lab).explain(1).causes.id.tolist() == ["a#2", "a#1"]


def _rows(idx: str, contexts: list[str]) -> list[Any]:
    from funes_lab.store import Row

    return [
        Row("Debts::Noted", idx, '{"text": "x"}', context, n, day(n), day(n)) for n, context in enumerate(contexts, 1)
    ]


def test_a_reading_knows_no_effects_in_its_stream_that_it_has_not_seen(lab):
    notes = NoteStream.for_("a", lab=lab)
    first = notes.append(noted())
    reading = notes.read()
    notes.append(noted(), caused_by=first)
    assert len(reading.explain(1).effects) == 0
    assert len(notes.explain(1).effects) == 1
    with pytest.raises(ValueError, match="version must be that of an event"):
        reading.explain(2)


def test_inside_a_transaction_what_is_not_committed_yet_is_told(lab):
    with lab.transaction():
        first = NoteStream.for_("a", lab=lab).append(noted())
        NoteStream.for_("b", lab=lab).append(noted(), caused_by=first)
        assert NoteStream.for_("a", lab=lab).explain(1).effects.id.tolist() == ["b#1"]


# --- what was refused around it -------------------------------------------------------------------------------------


def test_attempts_that_read_the_version_before_it_or_the_event_itself_stand_around_it(debt):
    assert {v: debt.explain(v).refused.around.tolist() for v in (1, 2, 3)} == {
        1: ["after it", "after it"],
        2: ["before it", "lost to it"],
        3: ["after it"],
    }
    refused = debt.explain(2).refused
    assert list(refused.columns) == ["around", *debt.rejections.df().columns]
    assert refused.stage.tolist() == ["state", "conflict"]


def test_what_lost_to_another_event_of_that_version_or_read_one_that_was_rolled_back_is_no_part_of_it(lab):
    stream = DebtEventStream.for_("debt", lab=lab)
    stream.append_or_raise(issued(100))
    with lab.transaction():
        stream.append_or_raise(paid(100, 1))
        stream.append(paid(5, 2))
        raise fl.Rollback
    stream.append_or_raise(paid(1, 1))
    assert len(stream.rejections) == 1
    assert len(stream.explain(2).refused) == 0


def test_an_event_that_nothing_was_refused_around_says_so(lab):
    NoteStream.for_("a", lab=lab).append(noted())
    explained = NoteStream.for_("a", lab=lab).explain(1)
    assert "Nothing was refused around it." in repr(explained)
    assert explained.refused.columns[0] == "around"


# --- secrets, shapes, other sides -----------------------------------------------------------------------------------


class Pin(fl.Event, name="Explain::PinSet"):
    filter_attributes: ClassVar = ("pin", "token")
    pin: str
    note: str = ""


class Safe(BaseModel):
    filter_attributes: ClassVar = ("code",)
    code: str = ""
    pin: str = ""
    opened: int = 0


class Vault(fl.Projection[Safe]):
    @fl.interpretation_for(Pin)
    def pin_set(state, event):
        state.code = state.pin = event.pin
        state.opened += 1


def test_secrets_are_masked_wherever_the_page_and_its_frames_show_them(clock):
    class Bound(BaseModel):
        token: str = ""

    lab = fl.Lab(clock=clock, metainformation_model=Bound)
    with lab.metainformation(token="hunter2-token"):
        fl.EventStream.for_("v", lab=lab).append_or_raise(Pin(pin="hunter2-pin"))
    explained = fl.EventStream.for_("v", lab=lab).explain(1, projections=[Vault])
    assert explained.changes.field.tolist() == ["code", "pin", "opened"]
    assert explained.changes.after.tolist() == ["[FILTERED]", "[FILTERED]", 1]
    everything = repr(explained) + explained._repr_html_() + explained.changes.to_string() + str(explained.meta_info)
    assert "hunter2" not in everything


def test_payloads_are_text(lab):
    notes = NoteStream.for_("<img src=x>", lab=lab)
    notes.append(noted("<script>alert(1)</script>"))
    page = notes.explain(1, projections=[Trail])._repr_html_()
    assert "<script" not in page
    assert "<img" not in page


def test_of_an_event_that_an_upcaster_parted_all_parts_are_told(lab):
    class Split(fl.Event, name="Explain::Split"):
        n: int

    @fl.upcast(Split, from_version=1)
    def parted(payload):
        return [Split(n=1), Split(n=2)]

    row = {"klass": "Explain::Split", "idx": "s", "props": {"old": 1}, "version": 1}
    lab.load([{**row, "created_at": day(0), "occurred_at": day(0)}])

    class Sum(BaseModel):
        total: int = 0

    class Total(fl.Projection[Sum]):
        @fl.interpretation_for(Split)
        def split(state, event):
            state.total += event.n

    explained = fl.EventStream.for_("s", lab=lab).explain(1, projections=[Total])
    assert [part.n for part in explained.parts] == [1, 2]
    assert changes(explained) == [("Total", "total", 0, 3)]
    assert explained._repr_html_().count("Explain::Split") >= 3


def test_events_that_no_class_knows_are_explained_too(lab):
    row = {"klass": "Old::Thing", "idx": "s", "props": {"a": 1}, "version": 1}
    lab.load([{**row, "created_at": day(0), "occurred_at": day(0)}])
    assert "a  1" in repr(DebtEventStream.for_("s", lab=lab).explain(1))


def test_a_branch_explains_its_own_line(debt):
    branch = debt.branch().skip(2)
    branch.append(paid(5, 9), caused_by=branch.events[0])
    assert changes(branch.explain(4))[0][2:] == (Decimal(80), Decimal(75))
    assert branch.explain(4).causes.id.tolist() == ["debt#1"]
    assert balance(debt) == 50


# --- wrong arguments, and what is left behind -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "error"), [(0, ValueError), (9, ValueError), (-1, ValueError), (True, TypeError), ("1", TypeError)]
)
def test_a_version_that_is_none_fails_at_the_door(debt, version, error):
    with pytest.raises(error, match="version must be"):
        debt.explain(version)


def test_a_stream_without_events_has_nothing_to_explain(lab):
    with pytest.raises(ValueError, match="it has no event"):
        NoteStream.for_("nobody", lab=lab).explain(1)


@pytest.mark.parametrize("wrong", [VirtualOutstandingBalance, "PaidIn", [Takings], [None], 7])
def test_projections_that_are_none_fail_at_the_door(debt, wrong):
    with pytest.raises(TypeError, match="projections must be"):
        debt.explain(1, projections=wrong)


def test_an_explanation_writes_nothing(debt, lab):
    def checksum() -> tuple[Any, ...]:
        tables = ("event_entries", "funes_lab_rejections", "takings")
        sums = [lab.sql(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) AS s FROM {t} t").s[0] for t in tables]
        there = lab.sql("SELECT table_name FROM duckdb_tables() ORDER BY 1").table_name.tolist()
        return (*sums, *there, len(lab.log), len(lab.rejections), len(lab.jobs.df()))

    if lab.path != ":memory:":
        lab.checkpoint()
    before, moment = checksum(), lab.now()
    for version in (1, 2, 3):
        explained = debt.explain(version, projections=[Counted, SinceAsked])
        assert repr(explained)
        assert explained._repr_html_()
    assert checksum() == before
    assert lab.now() == moment + timedelta(seconds=1)


def test_the_file_of_a_log_is_the_same_byte_for_byte(path, clock):
    with fl.Lab(path, clock=clock) as lab:
        NoteStream.for_("a", lab=lab).append(noted())
    before = path.read_bytes()
    with fl.Lab(path, clock=clock, read_only=True) as lab:
        assert repr(NoteStream.for_("a", lab=lab).explain(1, projections=[Trail]))
    assert path.read_bytes() == before


def test_the_facts_of_an_explanation_are_frames(debt):
    explained = debt.explain(2)
    for frame in (explained.changes, explained.refused, explained.causes, explained.effects, explained.correlated):
        assert isinstance(frame, pd.DataFrame)
    assert explained.event == paid(30, 5)
