"""Whoever shows a lab is told when something in it has changed, and is held weakly."""

from __future__ import annotations

import gc

import pytest

import funes_lab as fl
from tests.domain import DebtEventStream, issued, paid


class Screen:
    """Counts how often it was told."""

    def __init__(self, lab: fl.Lab) -> None:
        self.told = 0
        lab.store.watchers.add(self.changed)

    def changed(self) -> None:
        self.told += 1


@pytest.fixture
def debt(any_lab) -> DebtEventStream:
    return DebtEventStream.for_("d", lab=any_lab)


def test_what_is_written_refused_loaded_or_forgotten_is_told(any_lab, debt):
    screen = Screen(any_lab)
    changes = [
        lambda: debt.append(issued(100)),
        lambda: debt.append(paid(500)),
        lambda: debt.append_all([paid(1), paid(2)]),
        lambda: debt.read().append(paid(3)),
        any_lab.rejections.clear,
        lambda: any_lab.load([{"klass": "X", "idx": "x", "props": {}, "version": 1, "created_at": "2026-01-01",
                               "occurred_at": "2026-01-01"}]),
    ]  # fmt: skip
    for change in changes:
        before = screen.told
        change()
        assert screen.told > before


def test_what_only_asks_is_not_told(any_lab, debt):
    debt.append(issued(100))
    screen = Screen(any_lab)
    debt.check(paid(500))
    debt.df()
    any_lab.log.df()
    assert screen.told == 0


def test_a_transaction_is_told_when_it_lasts(any_lab, debt):
    screen = Screen(any_lab)
    with any_lab.transaction():
        debt.append(issued(100))
        assert screen.told == 0
    assert screen.told == 1
    with any_lab.transaction():
        debt.append(paid(1))
        raise fl.Rollback
    assert screen.told == 1


def test_another_lab_on_the_same_file_is_told_too(path, clock):
    mine, other = fl.Lab(path, clock=clock), fl.Lab(path, clock=clock)
    screen = Screen(mine)
    DebtEventStream.for_("d", lab=other).append(issued(1))
    assert screen.told == 1


def test_watchers_are_held_weakly_and_can_leave(any_lab, debt):
    screens = [Screen(any_lab) for _ in range(3)]
    assert len(any_lab.store.watchers) == 3
    any_lab.store.watchers.remove(screens[0].changed)
    del screens[1]
    gc.collect()
    debt.append(issued(1))
    assert [screen.told for screen in screens] == [0, 1]
    assert len(any_lab.store.watchers) == 1
