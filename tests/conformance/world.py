"""A scenario's own world: its lab, its clock, its handles and its event objects. Here the steps act."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from datetime import timedelta
from typing import Any

import funes_lab as fl
from tests.conformance import status
from tests.conformance.comparison import Difference, difference
from tests.conformance.domains import EVENTS, PROJECTIONS, STREAMS, TABLES, claimed, named
from tests.conformance.domains.inventory import InventoryArchive
from tests.conformance.domains.metainformation import model_of
from tests.conformance.notation import given, given_time, written
from tests.conformance.scenario import Scenario

Step = Mapping[str, Any]
Seen = dict[str, Any]


class Differs(Exception):
    """A step came out differently; the scenario ends here."""

    def __init__(self, found: Difference) -> None:
        super().__init__(str(found))
        self.found = found


def run(scenario: Scenario) -> Difference | None:
    """Run a scenario; the first difference, or None if there is none."""
    clock = fl.testing.Clock(scenario.start)
    model = model_of(scenario.metainformation)
    InventoryArchive.shelves.clear()
    with claimed(), closing(fl.Lab(clock=clock, metainformation_model=model, jobs="manual")) as lab:
        world = World(scenario, lab, clock)
        try:
            with world.context:
                world.run(scenario.steps)
        except Differs as end:
            return end.found
    return None


class World:
    """What the steps of one scenario share."""

    def __init__(self, scenario: Scenario, lab: fl.Lab, clock: fl.testing.Clock) -> None:
        self.scenario, self.lab, self.clock = scenario, lab, clock
        self.handles: dict[str, Any] = {}
        self.events: dict[str, Any] = {}
        #: The metainformation that is bound, and the blocks that bind it.
        self.bound: dict[str, Any] = {}
        self.context = ExitStack()

    def run(self, steps: list[Any], prefix: str = "") -> None:
        """Run steps in order, until one differs or, inside a transaction, raises."""
        for number, step in enumerate(steps, start=1):
            place = f"{prefix}{number}"
            seen = self._perform(step, place)
            if found := difference(place, step, seen):
                raise Differs(found)
            if prefix and "raised" in seen:
                raise seen["raised"]

    def _perform(self, step: Step, place: str) -> Seen:
        seen: Seen = {"clock": written(self.clock.now)}
        if step["op"] in ("transaction", "savepoint"):
            seen |= self._transaction(step, place)
        else:
            seen |= _seen(lambda: named(_OPERATIONS, step["op"])(self, step))
        self.clock.advance(self.scenario.step_tick)
        # a block that is about to be undone has no rows to count
        return seen if "raised" in seen and self.lab.transaction_now else seen | {"rows": len(self.lab.log)}

    def _stream(self, step: Step) -> Any:
        return named(STREAMS, step["stream"]).for_(step["idx"], lab=self.lab)

    def _opened(self, step: Step) -> Any:
        """What the step acts on: the handle that it names, or a fresh stream, which takes a tick to open."""
        if "handle" in step:
            return self.handles[step["handle"]]
        stream = self._stream(step)
        self.clock.advance(self.scenario.open_tick)
        return stream

    def _event(self, told: Step) -> Any:
        if "ref" in told:
            event = self.events[told["ref"]]
            if told.get("set"):
                event = type(event)(**{**event.payload(), **_attributes(told["set"])})
                self.events[told["ref"]] = event
            return event
        event = named(EVENTS, told["type"])(**_attributes(told["attrs"]))
        if "as" in told:
            self.events[told["as"]] = event
        return event

    def open(self, step: Step) -> Seen:
        self.handles[step["as"]] = self._stream(step).read()
        return {}

    def append(self, step: Step) -> Seen:
        return self._append(step, "append")

    def append_or_raise(self, step: Step) -> Seen:
        return self._append(step, "append_or_raise")

    def _append(self, step: Step, method: str) -> Seen:
        event = self._event(step["event"])

        def attempt() -> Seen:
            returned = getattr(self._opened(step), method)(event, at=given_time(step.get("at")))
            return {"returned_same_event": returned is event}

        return _seen(attempt) | {"event": status.of_event(event)}

    def list_events(self, step: Step) -> Seen:
        with_metainformation = bool(self.scenario.metainformation)
        listed = self._opened(step).events
        return {"events": [status.of_stored_event(e, with_metainformation=with_metainformation) for e in listed]}

    def project(self, step: Step) -> Seen:
        times = {name: given_time(step.get(name)) for name in ("at", "as_of")}
        projection = named(PROJECTIONS, step["projection"])
        side = self._opened(step)
        state = side.projected_with(projection, **times)
        return {"state": status.of_state(state, side.state_errors(projection, **times))}

    def build(self, step: Step) -> Seen:
        event = self._event(step["event"])
        shown = status.of_event(event)
        return {"attributes": status.attributes_of_event(event), "valid?": shown["valid"], "event": shown}

    def inspect(self, step: Step) -> Seen:
        return {"event": status.of_event(self.events[step["event"]])}

    def table(self, step: Step) -> Seen:
        name = named(TABLES, step["model"])
        # a table is made when its first row is written
        there = self.lab.sql("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [name])
        return {"table": [] if there.empty else status.of_table(self.lab.table(name))}

    def archive(self, step: Step) -> Seen:
        return {"archive": {idx: dict(kept) for idx, kept in sorted(InventoryArchive.shelves.items())}}

    def jobs(self, step: Step) -> Seen:
        return {"jobs": status.of_jobs(self.lab.jobs.df())}

    def perform_jobs(self, step: Step) -> Seen:
        waiting = len(self.lab.jobs)
        return _seen(lambda: {"performed": self.lab.jobs.run_pending()}, performed=waiting)

    def metainfo(self, step: Step) -> Seen:
        for name, value in step["set"].items():
            self.context.enter_context(self.lab.metainformation(**{name: value}))
            self.bound[name] = value
        return {"metainformation": dict(self.bound)}

    def reset_metainfo(self, step: Step) -> Seen:
        self.context.close()
        self.bound.clear()
        return {}

    def raw_insert(self, step: Step) -> Seen:
        times = {name: given_time(step["row"][name]) for name in ("created_at", "occurred_at")}
        fl.testing.raw_insert(self.lab, {**step["row"], **times})
        return {}

    def advance(self, step: Step) -> Seen:
        self.clock.advance(timedelta(microseconds=step["us"]))
        return {}

    def set_clock(self, step: Step) -> Seen:
        self.clock.set(given_time(step["to"]))
        return {}

    def _transaction(self, step: Step, place: str) -> Seen:
        def attempt() -> Seen:
            with self.lab.transaction():
                self.run(step["steps"], f"{place}.")
                if step["finish"] == "rollback":
                    raise fl.Rollback
            return {}

        return _seen(attempt) | {"events_after": {name: status.of_event(e) for name, e in self.events.items()}}


_OPERATIONS: dict[str, Callable[[World, Step], Seen]] = {
    "open": World.open,
    "append": World.append,
    "append!": World.append_or_raise,
    "events": World.list_events,
    "project": World.project,
    "build": World.build,
    "inspect": World.inspect,
    "table": World.table,
    "archive": World.archive,
    "jobs": World.jobs,
    "perform_jobs": World.perform_jobs,
    "metainfo": World.metainfo,
    "reset_metainfo": World.reset_metainfo,
    "raw_insert": World.raw_insert,
    "advance": World.advance,
    "set_clock": World.set_clock,
}


def _seen(act: Callable[[], Seen], **if_it_raises: Any) -> Seen:
    """What an action showed; that it raised is something to see too."""
    try:
        return act()
    except Differs:
        raise
    except Exception as error:  # whatever it is, it is compared
        return {"raised": error, **if_it_raises}


def _attributes(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: given(value) for name, value in told.items()}
