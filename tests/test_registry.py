"""The names of events: what a class may be called and have, and whose a name is (rules 6 and 7)."""

from __future__ import annotations

import sys
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, ConfigDict, Field

import funes_lab as fl
from funes_lab import registry
from funes_lab.widgets import telling
from tests.domain import START, Noted, NoteStream, noted

RESERVED = [
    "persisted", "version", "created_at", "occurred_at", "meta_info", "valid", "errors", "own_errors", "state_errors",
    "rejection", "event_name", "payload", "kept_aside",
]  # fmt: skip


@pytest.mark.parametrize("name", RESERVED)
def test_rule_6_names_that_the_lab_uses_are_refused_as_fields_when_the_class_is_defined(name):
    with pytest.raises(fl.DefinitionError, match=rf"Taken cannot have a field '{name}'.*Rename it.*'taken_{name}'"):
        type("Taken", (fl.Event,), {"__annotations__": {name: int}, "__module__": __name__})
    assert registry.find("Taken") is None


@pytest.mark.parametrize("name", ["version", "errors"])
def test_rule_6_they_are_refused_in_a_class_that_is_mixed_in(name):
    mixin = type("Mixin", (BaseModel,), {"__annotations__": {name: int}, "__module__": __name__})
    with pytest.raises(fl.DefinitionError, match=name):
        type("Taken", (mixin, fl.Event), {"__module__": __name__})


@pytest.mark.parametrize("name", ["version", "payload", "errors"])
def test_rule_6_they_are_refused_as_plain_attributes_and_methods(name):
    with pytest.raises((fl.DefinitionError, TypeError), match=name):
        type("Taken", (fl.Event,), {name: lambda self: 5, "__module__": __name__})
    with pytest.raises((fl.DefinitionError, TypeError), match=name):
        type("Taken", (fl.Event,), {name: 5, "__module__": __name__})


def test_the_name_is_that_of_the_class_unless_name_says_another():
    class Plain(fl.Event):
        pass

    class Named(fl.Event, name="Shop::Named"):
        pass

    class Child(Named):
        pass

    assert [cls.event_name for cls in (Plain, Named, Child)] == ["Plain", "Shop::Named", "Child"]
    assert registry.find("Shop::Named") is Named


@pytest.mark.parametrize("name", ["", "x" * 256, "a\x00", "\ud800", 5, b"x"])
def test_a_name_that_a_log_cannot_hold_is_refused(name):
    with pytest.raises(fl.DefinitionError, match=r"Bad must be a text of 1 to 255 characters"):

        class Bad(fl.Event, name=name):
            pass


@pytest.mark.parametrize("config", [ConfigDict(frozen=False), ConfigDict(extra="allow"), ConfigDict(extra="ignore")])
def test_an_event_cannot_be_made_changeable(config):
    with pytest.raises(fl.DefinitionError, match=r"Loose must keep (frozen=True|extra='forbid')"):

        class Loose(fl.Event):
            model_config = config

    assert registry.find("Loose") is None


def test_filter_attributes_is_a_list_of_names():
    with pytest.raises(fl.DefinitionError, match=r"Secret must be a list.*write \['token'\]"):

        class Secret(fl.Event):
            filter_attributes: ClassVar[Any] = "token"
            token: str


def test_rule_7_a_cell_that_runs_again_replaces_the_class_and_a_stream_reads_the_new_one(lab):
    class Said(fl.Event, name="TestRegistry::Said"):
        text: str

    stream = NoteStream.for_("n", lab=lab)
    stream.append(Said(text="x"))
    assert type(stream.events[0]) is Said
    first = Said

    class Said(fl.Event, name="TestRegistry::Said"):  # type: ignore[no-redef]
        text: str
        tone: str = "calm"

    (event,) = stream.events
    assert type(event) is Said is not first
    assert event.tone == "calm"


def test_rule_7_two_modules_that_claim_one_name_are_an_error():
    class Shared(fl.Event, name="TestRegistry::Shared"):
        pass

    with pytest.raises(
        fl.DefinitionError, match=r"'TestRegistry::Shared' is taken by .*Shared.*name='elsewhere.Shared'"
    ):
        type("Shared", (fl.Event,), {"__module__": "elsewhere"}, name="TestRegistry::Shared")
    assert registry.find("TestRegistry::Shared") is Shared


def test_rule_7_a_projection_that_was_defined_again_is_the_one_that_judges(lab, monkeypatch):
    """The stream names its projection; the one found under that name now is the one that counts."""
    module = sys.modules[__name__]

    def define(limit: int) -> None:
        class State(BaseModel):
            n: int = 0

        def counted(state: Any, event: Any) -> None:
            state.n += 1
            if state.n > limit:
                event.errors.add("text", f"is over {limit}")

        class Counting(fl.Projection[State]):
            __qualname__ = "Counting"  # as a cell defines it, not a function
            noted = fl.interpretation_for(Noted)(counted)

        monkeypatch.setattr(module, "Counting", Counting, raising=False)

    define(limit=1)
    stream_class = type("CountedStream", (fl.EventStream,), {"consistency_projection": module.Counting})
    stream = stream_class.for_("n", lab=lab)
    assert stream.append(noted()).persisted
    assert stream.append(noted()).errors.full_messages == ["Text is over 1"]
    define(limit=2)
    assert stream.append(noted()).persisted
    assert stream.append(noted()).errors.full_messages == ["Text is over 2"]


def test_rule_7_a_state_that_is_remembered_is_forgotten_when_an_event_class_is_defined_again(lab):
    class Earned(fl.Event, name="TestRegistry::Earned"):
        points: int

    class Score(BaseModel):
        total: int = Field(default=0, le=10)

    class Scores(fl.Projection[Score]):
        @fl.interpretation_for(Earned)
        def earned(state, event):
            state.total += event.points

    class Stream(fl.EventStream):
        consistency_projection = Scores

    stream = Stream.for_("n", lab=lab)
    assert stream.append(Earned(points=4)).persisted

    class Earned(fl.Event, name="TestRegistry::Earned"):  # type: ignore[no-redef]
        given: int = Field(alias="points")

        @property
        def points(self) -> int:
            return self.given * 2

    assert stream.append(Earned(points=2)).errors.full_messages == [
        "Led to invalid state: Total must be less than or equal to 10"
    ]
    assert stream.append(Earned(points=1)).persisted
    assert stream.projected_with(Scores).total == 10


def test_rule_7_events_are_matched_to_blocks_by_name(lab):
    """A block of an older class takes the events of the newer one."""

    class Said(fl.Event, name="TestRegistry::Said"):
        text: str

    class Texts(BaseModel):
        texts: list[str] = []

    class Trail(fl.Projection[Texts]):
        @fl.interpretation_for(Said)
        def said(state, event):
            state.texts.append(event.text)

    class Said(fl.Event, name="TestRegistry::Said"):  # type: ignore[no-redef]
        text: str

    stream = NoteStream.for_("n", lab=lab)
    stream.append(Said(text="new"))
    assert stream.projected_with(Trail).texts == ["new"]


def test_a_subclass_of_an_event_is_another_event(lab):
    class Loud(Noted):
        pass

    class Texts(BaseModel):
        texts: list[str] = []

    class Trail(fl.Projection[Texts]):
        @fl.interpretation_for(Noted)
        def said(state, event):
            state.texts.append(event.text)

    stream = NoteStream.for_("n", lab=lab)
    stream.append(Loud(text="LOUD"))
    stream.append(noted("quiet"))
    assert [event.event_name for event in stream.events] == ["Loud", "Debts::Noted"]
    assert stream.projected_with(Trail).texts == ["quiet"]


def test_a_scope_hides_the_names_outside_and_forgets_its_own(lab):
    with fl.testing.registry():

        class Noted2(fl.Event, name="Debts::Noted"):
            text: str
            more: int = 1

        assert registry.find("Debts::Noted") is Noted2
        with fl.testing.registry():
            assert registry.find("Debts::Noted") is Noted2
    assert registry.find("Debts::Noted") is Noted


# Older names


def read_as(lab: fl.Lab, *names: str) -> list[fl.Event]:
    for version, name in enumerate(names, start=1):
        fl.testing.raw_insert(
            lab,
            {
                "klass": name, "idx": "n", "version": version, "props": {"text": name}, "created_at": START,
                "occurred_at": START,
            },
        )  # fmt: skip
    return NoteStream.for_("n", lab=lab).events


def test_a_class_reads_the_older_names_that_are_its_aliases_and_writes_its_own(lab):
    class Said(fl.Event, name="Talk::Said", aliases=["Talk::Told", "Talk::Uttered"]):
        text: str

    class Texts(BaseModel):
        texts: list[str] = []

    class Trail(fl.Projection[Texts]):
        @fl.interpretation_for(Said)
        def said(state, event):
            state.texts.append(event.text)

    class Stream(fl.EventStream):
        consistency_projection = Trail

    events = read_as(lab, "Talk::Told", "Talk::Said", "Talk::Uttered", "Talk::Whispered")
    assert [type(event) for event in events] == [Said, Said, Said, fl.UnknownEvent]
    assert [event.event_name for event in events] == ["Talk::Said"] * 3 + ["Talk::Whispered"]
    stream = Stream.for_("n", lab=lab)
    assert stream.projected_with(Trail).texts == ["Talk::Told", "Talk::Said", "Talk::Uttered"]
    assert stream.append(Said(text="now")).persisted
    assert [row.klass for row in stream.rows()] == [
        "Talk::Told", "Talk::Said", "Talk::Uttered", "Talk::Whispered", "Talk::Said",
    ]  # fmt: skip
    assert stream.df()["event"].tolist() == ["Talk::Said"] * 3 + ["Talk::Whispered", "Talk::Said"]
    assert telling.stream_card(stream).types == ["Talk::Said", "Talk::Whispered"]


def test_the_registry_tells_the_own_name_of_an_alias_and_all_names_of_a_class():
    class Said(fl.Event, name="Talk::Said", aliases=("Talk::Told", "Talk::Uttered")):
        text: str

    names = ("Talk::Said", "Talk::Told", "Talk::Uttered")
    assert [registry.find(name) for name in names] == [Said] * 3
    assert [registry.canonical(name) for name in names] == ["Talk::Said"] * 3
    assert [registry.names_of(name) for name in names] == [names] * 3
    assert (registry.find("No"), registry.canonical("No"), registry.names_of("No")) == (None, "No", ("No",))


def test_rule_7_a_cell_that_runs_again_with_fewer_aliases_drops_the_others():
    def define(*aliases: str) -> type[fl.Event]:
        class Said(fl.Event, name="Talk::Said", aliases=list(aliases)):
            text: str

        return Said

    define("Talk::Told", "Talk::Uttered")
    generation = registry.generation()
    again = define("Talk::Uttered")
    assert registry.find("Talk::Told") is None
    assert registry.find("Talk::Uttered") is again
    assert registry.generation() > generation


def test_rule_7_a_cell_may_give_its_class_a_better_name_and_read_the_one_it_had():
    """As in a notebook, where the class stands in no function: it keeps its module and qualified name."""

    def define(name: str, *aliases: str) -> type[fl.Event]:
        return type(fl.Event)("Cell", (fl.Event,), {"__module__": __name__}, name=name, aliases=aliases)

    define("Talk::Old")
    fl.upcast("Talk::Old", from_version=1)(lambda payload: payload)
    cls = define("Talk::New", "Talk::Old")
    assert registry.names_of("Talk::Old") == ("Talk::New", "Talk::Old")
    assert len(registry.upcasters_of("Talk::New")) == len(registry.upcasters_of("Talk::Old")) == 1
    assert registry.find("Talk::Old") is cls
    back = define("Talk::Old", "Talk::New")
    assert registry.names_of("Talk::New") == ("Talk::Old", "Talk::New")
    assert registry.find("Talk::New") is back


@pytest.mark.parametrize("alias", ["", "x" * 256, "a\x00", "\ud800", 5, b"x", None])
def test_an_alias_is_a_name_that_a_log_can_hold(alias):
    with pytest.raises(fl.DefinitionError, match=r"aliases\[1\] of .*Bad must be a text of 1 to 255 characters"):

        class Bad(fl.Event, aliases=["Talk::Fine", alias]):
            pass

    assert (registry.find("Bad"), registry.find("Talk::Fine")) == (None, None)


@pytest.mark.parametrize("aliases", ["Talk::Old", 5, None, {"Talk::Old"}, iter(["Talk::Old"])])
def test_aliases_are_a_list_of_names(aliases):
    with pytest.raises(fl.DefinitionError, match=r"aliases= of .*Bad must be a list of names"):

        class Bad(fl.Event, aliases=aliases):
            pass


def test_an_alias_is_named_once():
    with pytest.raises(fl.DefinitionError, match=r"has 'Talk::Old' twice"):

        class Bad(fl.Event, aliases=["Talk::Old", "Talk::Old"]):
            pass


def test_loops_among_names_are_refused_when_the_class_is_defined():
    class A(fl.Event, name="Talk::A", aliases=["Talk::B"]):
        pass

    with pytest.raises(fl.DefinitionError, match=r"'Talk::Self' is the name of .*Self .*a loop"):

        class Self(fl.Event, name="Talk::Self", aliases=["Talk::Self"]):
            pass

    with pytest.raises(fl.DefinitionError, match=r"the event name 'Talk::B' of .*B is an alias of .*A,"):

        class B(fl.Event, name="Talk::B", aliases=["Talk::A"]):
            pass

    with pytest.raises(fl.DefinitionError, match=r"the alias 'Talk::A' of .*C is the name of .*A,"):

        class C(fl.Event, name="Talk::C", aliases=["Talk::A"]):
            pass

    with pytest.raises(fl.DefinitionError, match=r"the alias 'Talk::B' of .*D is an alias of .*A,"):

        class D(fl.Event, name="Talk::D", aliases=["Talk::Fine", "Talk::B"]):
            pass

    assert registry.names_of("Talk::A") == ("Talk::A", "Talk::B")
    assert [registry.find(f"Talk::{name}") for name in ("Self", "C", "D", "Fine")] == [None] * 4


def test_classes_that_a_function_makes_are_not_taken_for_one_that_was_edited():
    def make(name: str) -> type[fl.Event]:
        class Made(fl.Event, name=name, aliases=["Talk::Old"]):
            pass

        return Made

    first = make("Talk::One")
    with pytest.raises(fl.DefinitionError, match=r"the alias 'Talk::Old' of .*Made is an alias of .*Made"):
        make("Talk::Two")
    assert registry.find("Talk::Old") is first


def test_the_upcasters_of_an_alias_become_those_of_the_class_unless_two_take_the_same_shape():
    def one(payload: dict[str, Any]) -> dict[str, Any]:
        return payload

    def other(payload: dict[str, Any]) -> dict[str, Any]:
        return payload

    fl.upcast("Talk::Told", from_version=1)(one)

    class Said(fl.Event, name="Talk::Said", aliases=["Talk::Told"]):
        text: str

    fl.upcast("Talk::Told", from_version=2)(other)
    assert registry.upcasters_of("Talk::Said") == registry.upcasters_of("Talk::Told") == (one, other)
    fl.upcast("Talk::Uttered", from_version=1)(other)
    with pytest.raises(fl.DefinitionError, match=r"'Talk::Said' has two upcasters from_version=1: .*one and .*other"):

        class Said(fl.Event, name="Talk::Said", aliases=["Talk::Uttered"]):  # type: ignore[no-redef]
            text: str

    assert registry.names_of("Talk::Said") == ("Talk::Said", "Talk::Told")


def test_a_scope_hides_the_aliases_outside_with_the_class_and_forgets_its_own():
    class Said(fl.Event, name="Talk::Said", aliases=["Talk::Told"]):
        text: str

    with fl.testing.registry():

        class Told(fl.Event, name="Talk::Told"):
            text: str

        assert (registry.find("Talk::Told"), registry.find("Talk::Said")) == (Told, Said)
        assert registry.names_of("Talk::Said") == ("Talk::Said",)
    with fl.testing.registry():

        class Said2(fl.Event, name="Talk::Said", aliases=["Talk::Uttered"]):
            text: str

        assert registry.names_of("Talk::Uttered") == ("Talk::Said", "Talk::Uttered")
        assert registry.find("Talk::Told") is None
    assert registry.names_of("Talk::Told") == ("Talk::Said", "Talk::Told")
    assert registry.find("Talk::Uttered") is None


def test_a_subclass_has_a_name_of_its_own_and_no_aliases():
    class Said(fl.Event, name="Talk::Said", aliases=["Talk::Told"]):
        text: str

    class Loud(Said):
        pass

    assert (registry.find("Talk::Told"), registry.names_of("Loud")) == (Said, ("Loud",))
