"""The race board and its diagram without a browser: what is told after every step, every order, and the pictures."""

from __future__ import annotations

import gc
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar
from xml.etree import ElementTree

import pytest
from pydantic import BaseModel, Field

import funes_lab as fl
from funes_lab.races import schedule
from funes_lab.widgets.race import data as race_data
from funes_lab.widgets.race import diagram as race_diagram
from funes_lab.widgets.race import listing as race_listing
from funes_lab.widgets.race import orders as race_orders
from funes_lab.widgets.race import picture as race_picture
from funes_lab.widgets.race import play as race_play
from funes_lab.widgets.race import words
from funes_lab.widgets.twin import LARGEST
from tests.domain import DebtEventStream, Noted, NoteStream, issued, noted, paid

BAD = "<img src=x onerror=\"fired('x')\">]]>\u202e"
SEED = "A.read B.read A.append B.append B.retry"


class Said(fl.Event, name=f"Race::Said{BAD}"):
    text: str
    pin: str = "hush-1234"
    filter_attributes: ClassVar = ["pin"]


class Purse(BaseModel):
    pin: str = "none"
    coins: int = Field(default=0, ge=0)
    filter_attributes: ClassVar = ["pin"]


class Spent(fl.Event, name="Race::Spent"):
    pin: int = 4711
    coins: int
    filter_attributes: ClassVar = ["pin"]


class Coins(fl.Projection[Purse]):
    @fl.interpretation_for(Spent)
    def spent(state, event):
        if event.coins == 13:
            raise RuntimeError("the block broke")
        state.coins -= event.coins
        state.pin = "hush-1234"


class PurseStream(fl.EventStream):
    consistency_projection = Coins


@pytest.fixture
def lab():
    return fl.Lab(clock=fl.testing.Clock("2026-02-01T09:00", timedelta(milliseconds=38)))


def race_of(lab, *amounts, owed=100, idx="debts-1", **options):
    """Writers A, B, … who each pay something of one debt."""
    DebtEventStream.for_(idx, lab=lab).append(issued(owed))
    writers = {chr(65 + n): [paid(amount)] for n, amount in enumerate(amounts)}
    return fl.Race(DebtEventStream, idx, writers, lab=lab, **options)


def two_streams(lab):
    """Two writers with a transaction over two streams, and one that looks on."""
    for idx in ("debts-1", "debts-2"):
        DebtEventStream.for_(idx, lab=lab).append(issued(100))
    writers = {
        "A": [("debts-1", paid(1)), ("debts-2", paid(2))],
        "B": [("debts-2", paid(3)), ("debts-1", paid(4))],
        "carl": [("debts-1", lambda readings: None)],
    }
    return fl.Race(DebtEventStream, ["debts-1", "debts-2"], writers, lab=lab)


def played(race, order, then=()):
    return race_play.played(race.scene(), race.programs, schedule.parse(order, race.programs), then)


def texts(svg):
    """What stands in a picture."""
    return ["".join(one.itertext()) for one in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def frame_after(race, order):
    board = race.board()
    board.value = order
    return board.data["frames"][len(order.split())]


# --- the diagram --------------------------------------------------------------------------------------------------


def test_the_diagram_says_who_won_and_why_the_other_lost(lab):
    race = race_of(lab, 60, 30)
    result = race.run(SEED)
    drawn = texts(result.static().svg)
    for told in ("writer A", "writer B", "debts-1", "✓ ACCEPTED as 2", "✗ DENIED: 2 is A’s", "✓ ACCEPTED as 3"):
        assert told in drawn
    assert "append PaymentReceived 60 at 2" in drawn
    assert "taken 76 ms before" in drawn
    assert [text for text in drawn if text in "12345"] == ["1", "2", "3", "2", "4", "5", "3"]
    assert result.static().label == (
        "Race of A and B on debts-1. 1: A reads version 1. 2: B reads version 1. 3: A appends PaymentReceived 60 as "
        "version 2: accepted. 4: B is denied: version 2 was taken by Debts::PaymentReceived (principal_amount 60, "
        "interest_amount 0), 76 ms before. Read again and retry. 5: B reads again and appends PaymentReceived 30 as "
        "version 3: accepted."
    )


def test_the_thread_leads_from_the_loser_to_the_event_that_won(lab):
    drawn = race_diagram.diagram(race_of(lab, 60, 30).rehearse(SEED))
    dots = {mark["text"]: mark["y"] for mark in drawn["marks"] if mark["kind"] == "dot"}
    (thread,) = [mark for mark in drawn["marks"] if mark["kind"] == "thread"]
    assert thread["to"] == dots["2"]
    assert thread["texts"] == ["taken in step 3"]  # the clock of a scratch tells nothing


def test_a_band_is_the_time_in_which_a_writer_holds_what_it_read(lab):
    drawn = race_diagram.diagram(race_of(lab, 60, 30).rehearse(SEED))
    at = {mark["n"]: mark["y"] for mark in drawn["marks"] if mark["kind"] == "number"}
    assert [(lane, top) for lane, top, _ in race_diagram.bands_at(drawn, 2)] == [(0, at[1]), (2, at[2])]
    assert all(bottom < drawn["heights"][2] for _, _, bottom in race_diagram.bands_at(drawn, 2))
    assert race_diagram.bands_at(drawn, 3)[0] == (0, at[1], at[3])
    assert race_diagram.bands_at(drawn, 4)[1] == (2, at[2], at[4])
    assert len(race_diagram.bands_at(drawn, 5)) == 3


def test_a_picture_is_the_same_bytes_for_the_same_race(lab):
    race = race_of(lab, 60, 30)
    assert race.rehearse(SEED).static().html == race.rehearse(SEED).static().html
    board, again = race.board(), race.board()
    board.value = again.value = SEED
    assert board.static().html == again.static().html


def test_writers_stand_on_both_sides_and_streams_between_them(lab):
    race = race_of(lab, *[5] * 8)
    result = race.rehearse()
    drawn = race_diagram.diagram(result)
    assert [lane["texts"][-1] for lane in drawn["lanes"]] == [*"ABCD", "debts-1", *"EFGH"]
    svg = result.static().svg
    assert texts(svg).count("✗ DENIED: 2 is A’s") == 7
    assert len(result.static().html) < LARGEST


def test_a_transaction_is_accepted_until_its_commit(lab):
    race = two_streams(lab)
    result = race.rehearse(
        "A.read B.read carl.read A.append A.append B.append B.append carl.append A.commit B.commit B.retry"
    )
    drawn = race_diagram.diagram(result)
    dots = [(mark["n"], mark["lane"], mark["text"]) for mark in drawn["marks"] if mark["kind"] == "dot"]
    assert dots == [(9, 2, "2"), (9, 3, "2"), (11, 3, "3"), (11, 2, "3")]
    (thread,) = [mark for mark in drawn["marks"] if mark["kind"] == "thread"]
    assert thread["texts"] == ["taken in step 9"]
    shown = texts(result.static().svg)
    assert "✓ COMMITTED: 2 events stored together" in shown or "✓ COMMITTED" in shown
    assert "appends nothing" in shown


def test_what_comes_to_nothing_is_told_too(lab):
    race = fl.Race(NoteStream, "notes", {"A": [lambda reading: None], "B": [noted("x")]}, lab=lab)
    result = race.rehearse("A.read A.append A.retry B.read B.append")
    assert words.sentence(result) == (
        "Race of A and B on notes. 1: A reads version 0. 2: A decides to append nothing. 3: A does nothing: nothing "
        "was denied. 4: B reads version 0. 5: B appends Noted text x as version 1: accepted."
    )
    assert "nothing was denied" in texts(result.static().svg)


def test_a_winner_from_outside_of_the_race_is_named_so(lab):
    race = race_of(lab, 60)
    race.step("A.read")
    DebtEventStream.for_("debts-1", lab=lab).append(paid(1))
    result = race.step("A.append")
    assert "✗ DENIED: 2 is another writer’s" in texts(result.static().svg)
    note = words.note(result, 2, words.names_of(result))
    assert note["reasons"][0][2].endswith("somebody outside of the race took 2.")


def test_a_race_without_steps_and_a_refusal_have_pictures(lab):
    race = race_of(lab, 600)
    assert words.sentence(race.rehearse([])) == "Race of A on debts-1. Nothing has happened yet."
    ElementTree.fromstring(race.rehearse([]).static().svg)
    shown = texts(race.rehearse("A.read A.append").static().svg)
    assert "✗ REFUSED: outstanding_balance would be −500, must be ≥ 0" in shown


def test_a_long_race_is_drawn_to_some_step_and_says_so(lab):
    many = [noted(f"note {n}") for n in range(500)]
    race = fl.Race(NoteStream, "notes", {"A": many, "B": [noted("late")]}, lab=lab)
    page = race.rehearse().static()
    assert len(page.html) < LARGEST
    assert any("more steps not drawn: result.df() has all of them." in told for told in texts(page.svg))


# --- after every step -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda lab: race_of(lab, 60, 50), two_streams])
def test_what_had_come_after_a_step_is_what_a_rehearsal_to_there_gives(lab, make):
    race = make(lab)
    play = played(race, race.textbook()[:-2], race.textbook())
    for number in range(len(play.steps) + 1):
        result, again = play.results[number], race.rehearse(play.steps[:number])
        assert result.order == again.order
        assert (result.facts, result.final_state, result.held) == (again.facts, again.final_state, again.held)
        assert [entry.outcome for entry in result.entries] == [entry.outcome for entry in again.entries]


def test_readings_and_log_stand_beside_each_step(lab):
    race = race_of(lab, 60, 30)
    frame = frame_after(race, "A.read B.read A.append B.append")
    assert [(row["writer"], row["saw"], row["figure"], row["now"]) for row in frame["readings"]] == [
        ("A", "2", "40", ["accepted", "current"]), ("B", "1", "100", ["conflict", "1 behind"])
    ]  # fmt: skip
    rows = [(row["version"], row["event"], row["told"], row["writer"]) for row in frame["log"] if not row.get("free")]
    assert rows == [("1", "Issued", "100", ""), ("2", "PaymentReceived", "60", "A")]
    assert len(frame["log"]) == 3  # a row is kept free for what B will append
    ((gate, word, told),) = frame["note"]["reasons"]
    assert (gate, word) == ("conflict", "conflict")
    assert told == ("B judged PaymentReceived 30 at version 1; A had appended PaymentReceived 60 as 2 in step 3.")


def test_what_waits_for_a_commit_is_not_in_the_log(lab):
    race = two_streams(lab)
    waiting = frame_after(race, "A.read A.append A.append")
    assert [row["now"] for row in waiting["readings"]][:2] == [["", "1 to commit"]] * 2
    assert [row["writer"] for row in waiting["log"] if not row.get("free")] == ["", ""]
    after = frame_after(race, "A.read A.append A.append A.commit")
    assert [(row["saw"], row["figure"]) for row in after["readings"]][:2] == [("2", "99"), ("2", "98")]


def test_a_writer_can_do_what_comes_next_and_try_again_what_was_denied(lab):
    race = race_of(lab, 60, 30)
    assert frame_after(race, "A.read")["next"] == [
        [["read", False], ["append", True]],
        [["read", True], ["append", False]],
    ]
    denied = frame_after(race, "A.read B.read A.append B.append")
    assert denied["next"][1] == [["read", False], ["append", False], ["retry", True]]
    assert frame_after(race, SEED)["next"][1] == [["read", False], ["append", False]]


def test_a_transaction_that_was_lost_is_tried_again_as_a_whole(lab):
    writers = {name: [("left", noted(name)), ("right", noted(name))] for name in "AB"}
    race = fl.Race(NoteStream, ["left", "right"], writers, lab=lab)
    order = "A.read B.read A.append A.append A.commit B.append"
    lost = frame_after(race, order)
    assert lost["note"]["tone"] == "conflict"
    assert [action for action, can in lost["next"][1] if can] == ["append"]
    over = frame_after(race, f"{order} B.append B.commit")
    assert over["note"]["headline"] == "B does nothing: its transaction was lost already."
    assert [action for action, can in over["next"][1] if can] == ["retry"]
    board = race.board()
    board.value = f"{order} B.append B.commit B.retry"
    assert [fact.writer for fact in board.result.facts] == ["A", "B", "A", "B"]


def test_every_writer_has_a_key_of_its_own():
    assert race_data.keys(["Ana", "anton", "Rob", "ä", "<b>"]) == ["A", "1", "2", "3", "4"]
    assert race_data.keys([f"w{n}" for n in range(12)]) == ["W", *"123456789", "", ""]


# --- the board --------------------------------------------------------------------------------------------------------


def test_the_board_plays_on_a_copy_and_the_log_never_changes(lab):
    race = race_of(lab, 60, 30)
    board = race.board()
    board.value = "A.read, B.read → A.append B.append B.retry"
    assert board.value == board.selection == SEED
    assert board.result.order == SEED
    assert (board.result.accepted, board.result.denied, board.result.on_scratch) == (2, 1, True)
    assert (DebtEventStream.for_("debts-1", lab=lab).version, len(lab.rejections)) == (1, 0)
    board.selection = "B.read"
    assert board.result.order == "B.read"


def test_the_textbook_is_shown_until_another_step_is_taken(lab):
    board = race_of(lab, 60, 30).board()
    assert board.data["steps"] == SEED.split()
    board.value = "A.read"
    assert board.data["steps"] == SEED.split()
    board.value = "A.read A.append"
    assert board.data["steps"] == ["A.read", "A.append", "B.read", "B.append"]
    assert board.data["step_of"][2] == "step 2 of 4"


def test_a_picked_order_is_shown_from_its_beginning_and_left_by_another_step(lab):
    board = race_of(lab, 60, 30).board()
    board.value = "A.read"
    board.picked = "B.read A.read A.append B.append"
    assert (board.value, board.data["steps"]) == ("", ["B.read", "A.read", "A.append", "B.append", "B.retry"])
    board.value = "B.read A.read"
    assert board.picked == "B.read A.read A.append B.append"
    board.value = "B.read B.append"
    assert (board.picked, board.data["steps"][:3]) == ("", ["B.read", "B.append", "A.read"])


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ("A.append", "order begins for A with A.append"),
        ("C.read", "the writers are A, B"),
        ("A.read A.append A.append", "order has A.append twice"),
        ("nonsense", "a step is written as A.read"),
    ],
)
def test_an_order_that_cannot_be_leaves_the_board_as_it_is(lab, order, message):
    board = race_of(lab, 60, 30).board()
    board.value = "A.read"
    with pytest.raises(ValueError, match=message):
        board.value = order
    assert (board.value, board.result.order) == ("A.read", "A.read")


def test_the_race_begins_again_when_its_streams_change_and_only_then(lab):
    race = race_of(lab, 60, 30)
    board = race.board()
    board.value = SEED
    DebtEventStream.for_("debts-9", lab=lab).append(issued(1))
    assert board.value == SEED
    DebtEventStream.for_("debts-1", lab=lab).append(paid(7))
    assert (board.value, board.result.order) == ("", "")
    assert board.data["began"] == "The log has changed: debts-1 is at version 2. The race begins again from there."
    board.value = "A.read"
    assert board.data["frames"][1]["readings"][0]["saw"] == "2"


def test_a_race_that_is_run_in_the_log_is_seen_on_the_board(lab):
    race = race_of(lab, 60, 30)
    board = race.board()
    race.run(SEED)
    assert board.data["frames"][0]["note"]["headline"] == "Nothing has happened yet: debts-1 is at version 3."


def test_a_block_that_breaks_ends_the_play_and_says_where(lab):
    race = fl.Race(PurseStream, "purse", {"A": [Spent(coins=0)], "B": [Spent(coins=13)]}, lab=lab)
    board = race.board()
    assert board.data["steps"] == ["A.read", "B.read", "A.append"]
    assert board.data["broke"].startswith("B.append failed: ProjectionError:")
    board.value = "B.read B.append"
    assert (board.value, board.data["steps"], board.fault) == ("B.read", ["B.read"], "")


def test_a_board_of_a_race_without_guard_says_so(lab):
    board = race_of(lab, 60, 50, guard=False).board()
    board.value = "A.read B.read A.append B.append"
    assert (board.data["guard"], board.result.denied, board.result.held) == (False, 0, False)
    assert "guard off" in texts(board.picture()[0])


def test_a_board_that_nobody_shows_is_gone(lab):
    race = race_of(lab, 60, 30)
    board = race.board()
    board.close()
    del board
    gc.collect()
    assert len(lab.store.watchers) == 0


# --- every order ------------------------------------------------------------------------------------------------------


def test_every_order_is_listed_as_the_dataframe_has_it(lab):
    race = race_of(lab, 60, 50)
    board = race.board()
    assert board.orders == {}
    board.listing = True
    rows, on, off = (
        board.orders["rows"],
        race.interleavings(progress=False),
        race.interleavings(guard=False, progress=False),
    )
    assert [row["order"] for row in rows] == list(on.order)
    assert [[word for _, word in row["fates"]] for row in rows] == on[["A", "B"]].to_numpy().tolist()
    assert [row["denied"] for row in rows] == list(on.denied)
    assert [row["off"][0] != "state" for row in rows] == list(off.invariant_held)
    assert [row["after"] for row in rows] == [str(state.outstanding_balance) for state in on.final_state]
    assert board.orders["filters"] == ["all 6", "with a denial 4"]
    assert board.orders["sentence"][0] == ["4 of 6 orders end with exactly one denial:", True]
    assert [bool(row["both"]) for row in rows] == [bool(row["denied"]) for row in rows]


def test_payments_that_fit_break_nothing_without_guard_and_that_is_not_called_lost(lab):
    race = race_of(lab, 60, 30)
    found = race_orders.every(race.scene(), race.programs, "outstanding_balance")
    assert [row["off"] for row in found["rows"]][:2] == [["", "same"], ["changed", "2 accepted: 10"]]


def test_too_many_orders_are_counted_and_not_run(lab):
    board = race_of(lab, *[1] * 4).board()
    board.listing = True
    assert board.orders == {
        "too_many": "There are 2,520 orders, and up to 100 are listed here. To run many of them:",
        "way": "race.interleavings(sample=1000)",
    }


def test_the_list_begins_again_with_the_log(lab):
    race = race_of(lab, 60, 30)
    board = race.board()
    board.listing = True
    assert board.orders["rows"][0]["after"] == "10"
    DebtEventStream.for_("debts-1", lab=lab).append(paid(5))
    assert board.orders["rows"][0]["after"] == "5"
    assert board.orders["rows"][0]["lanes"][0]["marks"][0][2] == "3"


def test_writers_of_different_streams_never_lose_to_each_other(lab):
    writers = {"A": [("left", Spent(coins=-1))], "B": [("right", Spent(coins=-2))]}
    race = fl.Race(PurseStream, ["left", "right"], writers, lab=lab)
    found = race_orders.every(race.scene(), race.programs, "coins")
    assert {row["after"] for row in found["rows"]} == {"1, 2"}
    assert found["sentence"][0] == ["None of 6 orders ends with a denial.", True]


def test_every_order_has_a_picture_for_documents(lab):
    page = race_listing.of_race(race_of(lab, 60, 50))
    shown = texts(page.svg)
    assert shown.count("lost update: −10") == 4
    assert shown.count("denied") == 4
    assert page.label.startswith("Every order of a race of A, B on debts-1: 4 of 6 orders end with exactly one denial:")
    writers = {"A": [noted("a")] * 2, "B": [noted("b")] * 3}
    many = race_listing.of_race(fl.Race(NoteStream, "notes", writers, lab=lab))
    assert any("11 more orders not drawn." in told for told in texts(many.svg))
    assert len(many.html) < LARGEST
    assert "2,520 orders" in race_listing.of_race(race_of(lab, 1, 2, 3, 4, idx="debts-3")).svg


def test_the_picture_of_a_board_has_the_list_while_it_is_open(lab):
    board = race_of(lab, 60, 50).board()
    assert "Every order" not in texts(board.picture()[0])
    board.listing = True
    assert "Every order" in texts(board.picture()[0])


# --- what must never be seen, and what must always fit ----------------------------------------------------------------


def everything(board: Any) -> str:
    board.listing = True
    return json.dumps([board.data, board.orders]) + board.static().svg + board.static().label


def test_hostile_names_and_payloads_are_text(lab):
    fl.EventStream.for_(BAD, lab=lab).append(Said(text=BAD))
    race = fl.Race(fl.EventStream, BAD, {"<script>": [Said(text=BAD)], "“;--": [Said(text=BAD * 20)]}, lab=lab)
    board = race.board()
    board.value = " ".join(map(str, race.textbook()))
    for svg in (board.static().svg, race.rehearse().static().svg):
        ElementTree.fromstring(svg)
        assert "<img" not in svg
        assert "<script" not in svg
    assert "<img" not in board.static().html.replace('<img src="data:image/svg+xml;base64,', "")
    assert "\u202e" not in everything(board)


def test_secrets_are_nowhere(lab):
    race = fl.Race(PurseStream, "purse", {"A": [Spent(coins=0)], "B": [Spent(coins=5)]}, lab=lab)
    board = race.board()
    board.value = " ".join(map(str, race.textbook()))
    told = everything(board) + race.rehearse().static().svg
    assert "hush" not in told
    assert "4711" not in told
    assert board.data["state_field"] == "coins"


def test_a_stream_that_judges_nothing_has_no_figure(lab):
    board = fl.Race(NoteStream, "notes", {"A": [Noted(text="a")], "B": [Noted(text="b")]}, lab=lab).board()
    board.listing = True
    assert board.data["field"] == ""
    assert board.orders["heads"][-2] == "held"
    ElementTree.fromstring(board.picture()[0])


@pytest.mark.parametrize("listing", [False, True])
def test_the_page_holds_all_steps_of_the_order_and_knows_that_nobody_answers(lab, listing):
    board = race_of(lab, 60, 30).board()
    board.value, board.listing = SEED, listing
    html = board.static().html
    assert '"live":false' in html
    assert ('"rows":' in html) is listing
    assert len(html) < LARGEST


def test_a_page_that_would_be_too_large_holds_the_first_steps_and_says_so(lab):
    many = [noted("x" * 300) for _ in range(250)]
    race = fl.Race(NoteStream, "notes", {"A": many, "B": [noted("late")], "C": [noted("later")]}, lab=lab)
    board = race.board()
    board.value = "A.read B.read"
    page = board.static()
    assert len(page.html) <= LARGEST
    assert "more steps left out of this page." in page.html
    board.value = " ".join(board.data["steps"])
    assert len(board.static().html) <= LARGEST


def test_the_picture_of_a_board_says_what_follows(lab):
    board = race_of(lab, Decimal("60.00"), 30).board()
    board.value = "A.read B.read A.append B.append"
    shown = texts(board.picture()[0])
    assert {"next: B.retry", "Readings", "Log", "1 behind", "✗ DENIED: 2 is A’s"} <= set(shown)
    assert "✓ ACCEPTED as 3" not in shown
    assert race_picture.WIDTH == 960
