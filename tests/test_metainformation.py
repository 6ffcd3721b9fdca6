"""Metainformation: the context bound to a block of code, validated at the insert, stored beside the event."""

from __future__ import annotations

import contextvars
import json
import sys
import threading
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator

import funes_lab as fl
from tests.domain import DebtEventStream, NoteStream, issued, noted, paid, rows_of


class Channel(Enum):
    WEB = "web"
    PHONE = "phone"


class Context(BaseModel):
    user_id: int | None = Field(default=None, gt=0)
    action: str | None = Field(default=None, max_length=20)
    channel: Channel = Channel.WEB


@pytest.fixture(params=["memory", "file"])
def lab(request, clock, path) -> fl.Lab:
    return fl.Lab(":memory:" if request.param == "memory" else path, clock=clock, metainformation_model=Context)


def stored(lab: fl.Lab) -> list[dict[str, Any]]:
    return [json.loads(text) for text in lab.sql("SELECT meta_info FROM event_entries ORDER BY idx, version").meta_info]


def test_what_is_bound_is_stored_beside_the_events_of_the_block(lab):
    with lab.metainformation(user_id=7, action="debts#create"):
        first = NoteStream.for_("a").append(noted())
        batch = NoteStream.for_("a").append_all([noted(), noted()])
        read = NoteStream.for_("a").read().append(noted())
    after = NoteStream.for_("a").append(noted())
    bound = {"user_id": 7, "action": "debts#create", "channel": "web"}
    assert [event.meta_info for event in (first, *batch, read)] == [bound] * 4
    assert after.meta_info == {"channel": "web"}
    assert stored(lab) == [bound] * 4 + [{"channel": "web"}]
    assert [event.meta_info for event in NoteStream.for_("a").events] == [bound] * 4 + [{"channel": "web"}]


def test_a_block_inside_another_one_adds_to_it_and_ends(lab):
    with lab.metainformation(user_id=7, action="outer"):
        with lab.metainformation(action="inner", channel=Channel.PHONE):
            inner = NoteStream.for_("a").append(noted())
        outer = NoteStream.for_("a").append(noted())
    assert inner.meta_info == {"user_id": 7, "action": "inner", "channel": "phone"}
    assert outer.meta_info == {"user_id": 7, "action": "outer", "channel": "web"}


def test_a_block_that_raises_ends_too(lab):
    with pytest.raises(ZeroDivisionError), lab.metainformation(user_id=7):
        raise ZeroDivisionError
    assert NoteStream.for_("a").append(noted()).meta_info == {"channel": "web"}


@pytest.mark.parametrize("names", [{"usr_id": 7}, {"user_id": 7, "model_config": {}}, {"": 1}])
def test_unknown_names_fail_when_they_are_bound(lab, names):
    with pytest.raises(TypeError, match=r"is not a name of Context; it has user_id, action, channel"):
        lab.metainformation(**names).__enter__()
    assert NoteStream.for_("a").append(noted()).meta_info == {"channel": "web"}


def test_a_lab_without_a_model_binds_nothing():
    lab = fl.Lab()
    with pytest.raises(TypeError, match="metainformation_model"):
        lab.metainformation(user_id=7).__enter__()
    assert NoteStream.for_("a").append(noted()).meta_info == {}


@pytest.mark.parametrize("model", [5, "Context", dict, Context(), int])
def test_what_is_no_model_is_told_when_the_lab_is_opened(model):
    with pytest.raises(TypeError, match="metainformation_model must be a pydantic model class"):
        fl.Lab(metainformation_model=model)


def test_values_are_validated_at_the_insert_and_nothing_is_stored(lab):
    event, batch = noted(), [noted(), noted()]
    reading = NoteStream.for_("a").read()
    with lab.metainformation(user_id=-7, action="x" * 21):
        for append in (
            lambda: NoteStream.for_("a").append(event),
            lambda: reading.append(event),
            lambda: NoteStream.for_("a").append_all(batch),
            lambda: NoteStream.for_("a").append_or_raise(event),
        ):
            with pytest.raises(fl.InvalidMetainformationError, match=r"User must be greater than 0; Action .*Context"):
                append()
    assert not any(one.persisted for one in (event, *batch))
    assert (event.version, event.created_at, event.meta_info) == (None, None, {})
    assert (rows_of(lab), len(lab.rejections), reading.version) == (0, 0, 0)
    assert reading.append(event).version == 1


def test_a_refused_event_is_refused_before_its_metainformation_is_looked_at(lab):
    DebtEventStream.for_("d").append(issued(10))
    with lab.metainformation(user_id=-7):
        assert DebtEventStream.for_("d").append(paid("soon")).rejection.stage == "own"
        assert DebtEventStream.for_("d").append(paid(11)).rejection.stage == "state"
        with pytest.raises(fl.InvalidMetainformationError):
            DebtEventStream.for_("d").append(paid(1))


def test_invalid_metainformation_inside_a_transaction_leaves_the_rest_alone(lab):
    event = noted()
    with lab.transaction():
        NoteStream.for_("a").append(noted())
        with lab.metainformation(user_id=-7), pytest.raises(fl.InvalidMetainformationError):
            NoteStream.for_("b").append(event)
        with lab.metainformation(user_id=7):
            NoteStream.for_("b").append(noted())
    assert not event.persisted
    assert stored(lab) == [{"channel": "web"}, {"user_id": 7, "channel": "web"}]


def test_what_was_rolled_back_says_nothing_any_more(lab):
    with lab.metainformation(user_id=7), lab.transaction():
        event = NoteStream.for_("a").append(noted())
        assert event.meta_info == {"user_id": 7, "channel": "web"}
        raise_rollback()
    assert event.meta_info == {}


def raise_rollback() -> None:
    raise fl.Rollback


def test_a_name_that_must_be_bound_is_missed_at_the_insert():
    class Required(BaseModel):
        user_id: int

    lab = fl.Lab(metainformation_model=Required)
    with pytest.raises(fl.InvalidMetainformationError, match=r"User.*lab\.metainformation"):
        NoteStream.for_("a").append(noted())
    with lab.metainformation(user_id=1):
        assert NoteStream.for_("a").append(noted()).meta_info == {"user_id": 1}
    assert rows_of(lab) == 1


def test_a_rule_over_the_whole_context_is_kept():
    class Whole(BaseModel):
        user_id: int | None = None
        system: bool = False

        @model_validator(mode="after")
        def someone(self) -> Whole:
            if self.user_id is None and not self.system:
                raise ValueError("somebody did it")
            return self

    lab = fl.Lab(metainformation_model=Whole)
    with pytest.raises(fl.InvalidMetainformationError, match="somebody did it"):
        NoteStream.for_("a").append(noted())
    with lab.metainformation(system=True):
        assert NoteStream.for_("a").append(noted()).meta_info == {"system": True}


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        (Decimal, Decimal("0.10"), "0.10"),
        (datetime, datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00Z"),
        (dict[str, list[int]], {"a": [1]}, {"a": [1]}),
        (str, "'; DROP TABLE event_entries; -- é🦋", "'; DROP TABLE event_entries; -- é🦋"),
        (int | None, None, None),
    ],
)
def test_values_are_stored_as_json(path, kind, value, kept):
    from pydantic import create_model

    with fl.Lab(path, metainformation_model=create_model("Model", what=(kind, ...))) as lab:
        with lab.metainformation(what=value):
            NoteStream.for_("a").append(noted())
        assert stored(lab) == [{"what": kept}]


@pytest.mark.parametrize("value", ["a\x00b", "\ud800", float("nan"), float("inf"), object()])
def test_what_a_log_cannot_hold_is_refused(value):
    class Model(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        what: Any

    lab = fl.Lab(metainformation_model=Model)
    with lab.metainformation(what=value), pytest.raises(fl.InvalidMetainformationError):
        NoteStream.for_("a").append(noted())
    assert rows_of(lab) == 0


def test_frames_show_it(lab):
    with lab.metainformation(user_id=7, action="debts#create"):
        NoteStream.for_("a").append(noted())
    NoteStream.for_("a").append(noted())
    for frame in (lab.log.df(), NoteStream.for_("a").df()):
        assert list(frame["meta_info.channel"]) == ["web", "web"]
        assert frame["meta_info.action"].iloc[0] == "debts#create"
        assert frame["meta_info.user_id"].tolist()[0] == 7
        assert frame["meta_info.user_id"].isna().tolist() == [False, True]


def test_blocks_of_a_projection_see_it(lab):
    class Names(BaseModel):
        users: list[int] = []

    class Users(fl.Projection[Names]):
        @fl.interpretation_for(type(noted()))
        def noted(state, event):
            state.users.append(event.meta_info.get("user_id"))

    for user in (3, 5):
        with lab.metainformation(user_id=user):
            NoteStream.for_("a").append(noted())
    assert NoteStream.for_("a").projected_with(Users).users == [3, 5]


def test_threads_do_not_leak_it(lab):
    barrier, found = threading.Barrier(6), {}

    def work(user: int) -> None:
        with lab.metainformation(user_id=user):
            for number in range(10):
                barrier.wait(10)
                event = NoteStream.for_(f"s{number % 2}", lab=lab).append_or_raise(noted(str(user)))
                found.setdefault(user, set()).add(event.meta_info["user_id"])

    threads = [threading.Thread(target=work, args=[user]) for user in range(1, 7)]
    with lab.metainformation(user_id=99):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert NoteStream.for_("mine").append(noted()).meta_info["user_id"] == 99
    assert found == {user: {user} for user in range(1, 7)}
    for idx in ("s0", "s1"):
        assert all(int(event.text) == event.meta_info["user_id"] for event in NoteStream.for_(idx, lab=lab).events)


def test_a_thread_starts_without_what_its_parent_has_bound_and_a_copied_context_has_it(lab):
    found: list[Any] = []

    def work() -> None:
        found.append(NoteStream.for_("a", lab=lab).append(noted()).meta_info.get("user_id"))

    with lab.metainformation(user_id=7):
        context = contextvars.copy_context()
        for target in (work, lambda: context.run(work)):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join(30)
    assert found[-1] == 7
    # Python 3.14 can be told to let threads inherit
    assert found[0] == (7 if getattr(sys.flags, "thread_inherit_context", False) else None)


def test_labs_do_not_share_it(clock):
    one, other = (fl.Lab(clock=clock, metainformation_model=Context) for _ in range(2))
    with one.metainformation(user_id=7):
        assert NoteStream.for_("a", lab=other).append(noted()).meta_info == {"channel": "web"}
        assert NoteStream.for_("a", lab=one).append(noted()).meta_info["user_id"] == 7
