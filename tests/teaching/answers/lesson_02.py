"""Answers to lesson 02."""

from decimal import Decimal

import pandas as pd

import funes_lab as fl

MISSING = {("jar-kitchen", 4), ("jar-garage", 1), ("jar-garage", 4)}


class Paid(fl.Event, name="Answers02::Paid"):
    amount: Decimal


class JarStream(fl.EventStream):
    pass


class FullJarStream(fl.EventStream):
    """Refuses by a rule what comes second."""

    consistency_projection = None

    def append(self, event, **options):
        return super().append(event if self.version == 0 else Paid(amount="much"), **options)


def opens(*, gives=True, stream=JarStream, name=None, **options):
    """A function that opens a jar, in one way or another."""

    def open_jar(idx):
        event = stream.for_(name or idx).append(Paid(amount=5), **options)
        return event if gives else None

    return open_jar


def opens_if_empty(idx):
    """Look before, and append after: between the two somebody else may open the jar."""
    jar = JarStream.for_(idx)
    return jar.append(Paid(amount=5)) if jar.version == 0 else None


def opens_elsewhere(idx):
    return JarStream.for_(idx, lab=fl.Lab()).append(Paid(amount=5), expected_version=0)


def opens_on_reading(idx):
    """Expects what is there now, whatever that is."""
    return JarStream.for_(idx).read().append(Paid(amount=5))


RIGHT = {
    "02.1": [3, 3.0, pd.Series([3]).max()],
    "02.2": [
        MISSING,
        [list(address) for address in MISSING],
        {"jar-kitchen": 4, "jar-garage": [1, 4]},
        pd.DataFrame(sorted(MISSING), columns=["idx", "version"]),
    ],
    "02.3": [opens(expected_version=0)],
    "02.4": [
        lambda room, day, by: f"room-{room}",
        lambda room, day, by: f"{day}/{room}",
        lambda room, *others: room,
    ],
}

WRONG = {
    "02.1": [
        (5, "had used up a number"),
        (4, "has been counted"),
        (2, "the last event"),
        (18, "other streams"),
        (7, "does not get 7"),
        ("3", "wants a number"),
    ],
    "02.2": [
        (MISSING - {("jar-garage", 1)}, "where each stream begins"),
        (MISSING | {("jar-workshop", 5)}, "ever had a 5"),
        (MISSING | {("jar-kitchen", 3)}, "jar-kitchen 3 is there"),
        (MISSING | {("jar-kitchen", 0)}, "versions begin with 1"),
        (("jar-kitchen", 4), "2 addresses are still missing"),
        ({1, 4}, "this wants addresses"),
        (pd.DataFrame({"version": [4]}), "no column idx"),
    ],
    "02.3": [
        (opens(), "opened twice: the second time wrote event 2"),
        (opens_on_reading, "opened twice"),
        (opens(expected_version=0, gives=False), "gives back the event"),
        (opens_if_empty, "also the one that was denied, and got NoneType"),
        (opens(expected_version=0, name="jar"), "another one"),
        (opens(stream=FullJarStream), "refused by a rule"),
        (opens(expected_version=1), "was not accepted"),
        (opens_elsewhere, "a lab of its own"),
        (JarStream, "the function itself"),
    ],
    "02.4": [
        (lambda room, day, by: "bookings", "two rooms share a stream"),
        (lambda room, day, by: day, "two rooms share a stream"),
        (lambda room, day, by: f"{room}-{by}", "no rule sees both"),
        (lambda room, day, by: (room, day), "the idx, a text"),
        (lambda room, day, by: "", "cannot be the name of a stream"),
        ("room-Borges", "the function itself"),
    ],
}
