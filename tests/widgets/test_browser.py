"""What a lab is shown with, which streams a page has, and the picture that needs no kernel."""

from __future__ import annotations

import gc
import sys
from datetime import timedelta
from decimal import Decimal
from types import ModuleType
from typing import ClassVar
from xml.etree import ElementTree

import pytest
from pydantic import BaseModel, Field

import funes_lab as fl
from funes_lab.errors import ClosedError, DefinitionError
from funes_lab.widgets.browser import LabBrowser
from funes_lab.widgets.browser.catalogue import Catalogue, event_types
from funes_lab.widgets.browser.listing import PAGE, Listing, ranks
from funes_lab.widgets.browser.rows import REPLAYED
from funes_lab.widgets.browser.spark import spark, ticks
from funes_lab.widgets.twin import LARGEST

BAD = "<img src=x onerror=alert(1)></script>"


class Opened(fl.Event, name="Browsed::Opened"):
    amount: Decimal = Field(gt=0)


class Drawn(fl.Event, name="Browsed::Drawn"):
    amount: Decimal
    pin: str = "4711"
    filter_attributes = ("pin",)


class Account(BaseModel):
    balance: Decimal = Field(default=Decimal(0), ge=0)


class Balance(fl.Projection[Account]):
    @fl.interpretation_for(Opened)
    def opened(state, event):
        state.balance = event.amount

    @fl.interpretation_for(Drawn)
    def drawn(state, event):
        state.balance -= event.amount


class Total(BaseModel):
    drawn: Decimal = Decimal(0)


class DrawnSoFar(fl.Projection[Total]):
    @fl.interpretation_for(Drawn)
    def drawn(state, event):
        if event.amount == 13:
            raise RuntimeError(BAD)
        state.drawn += event.amount


class AccountStream(fl.EventStream):
    consistency_projection = Balance
    transactional_projections = (DrawnSoFar,)


class DrawnStream(fl.EventStream):
    consistency_projection = DrawnSoFar


@pytest.fixture
def lab():
    """Twelve accounts; the third has been refused twice."""
    lab = fl.Lab(clock=fl.testing.Clock("2026-03-01T09:00", timedelta(hours=5)))
    for n in range(12):
        account = AccountStream.for_(f"account-{n:02}", lab)
        account.append(Opened(amount=100 + n))
        for k in range(n % 4):
            account.append(Drawn(amount=10 + k))
    AccountStream.for_("account-02", lab).append(Drawn(amount=500))
    AccountStream.for_("account-02", lab).append(Opened(amount=-1))
    return lab


def row(browser: LabBrowser, idx: str) -> dict:
    return next(row for row in browser._table.data["rows"] if row["idx"] == idx)


def names(classes: list[type]) -> list[str]:
    return [cls.__name__ for cls in classes]


# --- which class, which projections ----------------------------------------------------------------------------------


def test_the_stream_class_that_interprets_most_comes_first_and_the_one_that_judges_nothing_last():
    both = Catalogue().stream_classes(["Browsed::Opened", "Browsed::Drawn"])
    assert names(both) == ["AccountStream", "DrawnStream", "EventStream"]
    one = Catalogue().stream_classes(["Browsed::Drawn"])
    assert names(one) == ["DrawnStream", "AccountStream", "EventStream"]
    assert names(Catalogue().stream_classes(["Browsed::Drawn"], "AccountStream"))[0] == "AccountStream"
    assert names(Catalogue().stream_classes(["Nobody::Knows"])) == ["EventStream"]


def test_projections_come_by_tier_and_those_of_no_class_are_virtual():
    class Counted(BaseModel):
        count: int = 0

    class DrawnOften(fl.Projection[Counted]):
        @fl.interpretation_for(Drawn)
        def drawn(state, event):
            state.count += 1

    found = Catalogue().projections(AccountStream, ["Browsed::Drawn"])
    assert found[:2] == [("consistency", Balance), ("transactional", DrawnSoFar)]
    assert ("virtual", DrawnOften) in found
    assert ("virtual", Balance) in Catalogue().projections(fl.EventStream, ["Browsed::Drawn"])
    assert DrawnOften not in [one for _, one in Catalogue().projections(AccountStream, ["Browsed::Opened"])]


def test_a_class_that_a_cell_replaced_or_that_was_refused_is_not_offered(monkeypatch):
    cell = ModuleType("a_cell")
    monkeypatch.setitem(sys.modules, "a_cell", cell)
    source = "class CellStream(fl.EventStream):\n    consistency_projection = Balance\n"
    for _ in range(2):
        exec(source, {"fl": fl, "Balance": Balance, "__name__": "a_cell"}, vars(cell))
        former = cell.CellStream
    with pytest.raises(DefinitionError):

        class BrokenStream(fl.EventStream):
            consistency_projection = Balance
            consistency_order = "sideways"

    offered = Catalogue().stream_classes(["Browsed::Opened"])
    assert [cls for cls in offered if cls.__name__ == "CellStream"] == [former]
    assert "BrokenStream" not in names(offered)


def test_a_form_takes_what_is_interpreted_and_what_the_stream_has():
    class Noted(fl.Event, name="Browsed::Noted"):
        text: str

    assert event_types(AccountStream, ["Browsed::Noted", "Nobody::Knows"]) == [Opened, Drawn, Noted]


# --- which streams ---------------------------------------------------------------------------------------------------


def test_streams_are_searched_by_all_words_in_any_case_and_literally(lab):
    fl.EventStream.for_("50%_Of.*", lab).append(Opened(amount=1))
    whole = lab.store.streams()
    assert len(Listing.of(whole, "ACCOUNT", "idx")) == 12
    assert Listing.of(whole, "drawn 03", "idx").table["idx"].to_pylist() == ["account-03"]
    assert Listing.of(whole, "%_of.*", "idx").table["idx"].to_pylist() == ["50%_Of.*"]
    assert len(Listing.of(whole, "  ", "idx")) == 13
    assert len(Listing.of(whole, "nothing", "idx")) == 0
    assert Listing.of(whole, "nothing", "idx").pages == 1


def test_streams_are_ordered_and_paged_and_a_tie_goes_by_idx(lab):
    whole = lab.store.streams()
    most = Listing.of(whole, "", "-events")
    assert [one["idx"] for one in most.page(1)][:4] == ["account-03", "account-07", "account-11", "account-02"]
    assert len(most.page(1)) == PAGE
    assert len(most.page(2)) == 2
    assert most.place("account-07") == 1
    assert most.place("nobody") is None
    assert Listing.of(whole, "", "-refused").idx(0) == "account-02"
    assert ranks(most.page(1))["events"][0] == most.page(1).index(most.stream("account-00"))


# --- a stream in a line ----------------------------------------------------------------------------------------------


def test_a_line_shows_the_first_number_of_the_state_and_where_attempts_were_refused(lab):
    rows = lab.store.stream("account-02")
    drawn = spark(Balance._fold, rows)
    assert (drawn.name, drawn.now, drawn.fault) == ("balance", "81", "")
    assert drawn.line.startswith("M4 4H58V")
    assert drawn.zero == 20.0
    attempts = lab.store.attempts(["account-02"])
    assert [attempt.stage for attempt in attempts] == ["state", "own"]
    (_, first), (_, second) = ticks(rows, attempts)
    assert first != second  # two gates at one moment are both seen


def test_a_long_line_stays_small_and_keeps_its_extremes(lab):
    account = AccountStream.for_("long", lab)
    account.append(Opened(amount=10**6))
    account.append_all([Drawn(amount=1 if n % 2 else -1) for n in range(2_000)])
    drawn = spark(Balance._fold, lab.store.stream("long"))
    assert len(drawn.line) < 3_000


def test_what_breaks_in_a_projection_is_told_and_hides_no_other_stream(lab):
    fl.EventStream.for_("unlucky", lab).append(Drawn(amount=13))
    browser = lab.browse()
    browser.page = 2
    assert "the replay failed: DrawnSoFar.drawn broke at" in row(browser, "unlucky")["say"]
    assert row(browser, "account-11")["now"] == "78"
    browser.selection = "unlucky"
    browser._do_tab("projections")
    told = " ".join(cell["text"] for cells in browser._table.data["panel"]["rows"] for cell in cells)
    assert "failed: ProjectionError" in told


def test_a_stream_that_is_too_long_is_counted_and_not_replayed(lab):
    lab.load(
        {"klass": "Browsed::Drawn", "idx": "very-long", "props": {"amount": "1"}, "occurred_at": "2026-01-01"}
        for _ in range(REPLAYED + 1)
    )
    browser = lab.browse()
    browser.selection = "very-long"
    found = row(browser, "very-long")
    assert (found["events"], found["unseen"], found["line"]) == ("5,001", "not replayed", "")
    assert found["classes"][0] == "DrawnStream"
    assert "too long to be replayed here" in found["say"]
    assert row(browser, "account-11")["now"] == "78"


def test_secrets_are_masked_wherever_a_stream_is_shown(lab):
    class Hidden(BaseModel):
        filter_attributes: ClassVar = ("total",)
        total: int = 0

    class HiddenTotal(fl.Projection[Hidden]):
        @fl.interpretation_for(Drawn)
        def drawn(state, event):
            state.total += 987_654

    class Safe(fl.EventStream):
        consistency_projection = HiddenTotal

    safe = Safe.for_("safe", lab)
    safe.append(Drawn(amount=1, pin="hush"))
    safe.append(Drawn(amount="much", pin="hush"))
    browser = lab.browse()
    browser.selection = "safe"
    browser.show_with(Safe)
    assert row(browser, "safe")["now"] == "–"
    shown = ""
    for tab in ("events", "refused", "projections"):
        browser._do_tab(tab)
        shown += str(browser._table.data) + browser.static().html
    assert "[FILTERED]" in shown
    assert "hush" not in shown
    assert "987" not in shown


# --- the widget ------------------------------------------------------------------------------------------------------


def test_selection_search_order_and_page_are_read_and_set(lab):
    browser = lab.browse()
    assert (browser.selection, browser.search, browser.order, browser.page) == (None, "", "idx", 1)
    browser.selection = "account-11"
    assert browser.page == 2
    assert browser._table.data["told"] == "11–12 of 12"
    browser.search = "account-0"
    assert (browser.page, browser.selection, len(browser._table.data["rows"])) == (1, "account-11", 10)
    browser.selection = "account-10"  # what is searched for would hide it
    assert (browser.search, browser.page) == ("", 2)
    browser.order = "-events"
    assert browser._table.data["rows"][0]["idx"] == "account-03"
    browser.selection = None
    assert browser.selection is None


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("selection", "nobody", "selection must be the idx of a stream of this lab, or None, got 'nobody'"),
        ("page", 3, "page must be 1 to 2, got 3"),
        ("order", "colour", "order must be one of"),
        ("search", 7, "search must be a str, got 7"),
    ],
)
def test_a_wrong_wish_is_refused_at_the_door(lab, name, value, told):
    with pytest.raises((ValueError, TypeError), match=told):
        setattr(lab.browse(), name, value)


def test_widgets_are_opened_below_one_at_a_time_and_closed_with_the_browser(lab):
    browser, watchers = lab.browse(), lab.store.watchers
    browser.selection = "account-02"
    form = browser.show("form")
    assert (browser.opened, len(watchers), form.event_type) == (form, 2, Opened)
    scrubber = browser.show("scrub")
    assert (browser._place.children, len(watchers)) == ((scrubber,), 2)
    browser.show_with(DrawnStream)
    assert browser.opened is not scrubber
    assert "DrawnSoFar" in repr(browser.opened)
    browser.show_with(AccountStream, DrawnSoFar)
    assert row(browser, "account-02")["now"] == "21"
    assert type(browser.show("bitemporal")).__name__ == "BitemporalMap"
    assert "of account-* by" not in repr(browser.show("timeline", whole=True))
    browser.hide()
    assert (browser.opened, len(watchers)) == (None, 1)
    browser.show("timeline")
    browser.close()
    assert len(watchers) == 0


def test_what_cannot_be_opened_says_why(lab):
    fl.EventStream.for_("strange", lab)
    lab.load([{"klass": "Nobody::Knows", "idx": "strange", "props": {}, "occurred_at": "2026-01-01"}])
    browser = lab.browse()
    with pytest.raises(ValueError, match="set selection to an idx first"):
        browser.show("form")
    with pytest.raises(ValueError, match="no stream is selected"):
        browser.show_with(DrawnStream)
    browser.selection = "strange"
    with pytest.raises(ValueError, match="no class is defined for these events"):
        browser.show("form")
    with pytest.raises(ValueError, match="no projection interprets these events"):
        browser.show("scrub")
    with pytest.raises(ValueError, match="kind must be one of"):
        browser.show("oracle")
    with pytest.raises(ValueError, match="stream_class must be one of those"):
        browser.show_with(DrawnStream)
    assert row(browser, "strange")["code"] == 'fl.EventStream.for_("strange")'


def test_a_stream_that_has_only_been_refused_is_there_with_the_class_that_refused_it(lab):
    AccountStream.for_("new", lab).append(Opened(amount=0))
    browser = lab.browse()
    browser.selection = "new"
    found = row(browser, "new")
    assert (found["events"], found["classes"][found["cls"]], found["refused"]) == (
        "0",
        "AccountStream",
        [["own", "own rule", "1"]],
    )
    assert found["say"] == "new: no events yet, 1 refused."
    assert browser.show("form").append


def test_it_follows_the_log_and_keeps_what_is_selected(lab):
    browser = lab.browse()
    browser.selection = "account-05"
    AccountStream.for_("account-05", lab).append(Drawn(amount=1))
    assert row(browser, "account-05")["events"] == "3"
    assert browser.selection == "account-05"
    AccountStream.for_("account-05", lab).append(Drawn(amount=999))
    assert row(browser, "account-05")["refused"] == [["state", "state", "1"]]
    lab.rejections.clear()
    assert row(browser, "account-05")["refused"] == []


def test_what_the_page_asks_is_answered_also_where_it_cannot_be(lab):
    browser = lab.browse()
    heard = browser._table
    for wish in ({"search": "11"}, {"page": 99}, {"order": "-refused"}, {"select": "account-11"}, {"tab": "events"}):
        browser._heard(heard, {**wish, "name": str(wish)}, [])
        assert (browser.fault, heard.data["answered"]) == ("", str(wish))
    assert heard.data["panel"]["told"] == "1–4 of 4"
    browser._heard(heard, {"open": {"kind": "scrub", "idx": "account-11"}, "name": "b"}, [])
    assert heard.data["opened"]["told"] == "Replay of account-11"
    browser._heard(heard, {"open": {"kind": "scrub", "idx": ""}, "name": "c"}, [])
    assert (heard.fault[:10], heard.data["answered"]) == ("ValueError", "c")
    for steps, there in ((1, "account-11"), (-5, "account-11")):
        browser._heard(heard, {"move": steps, "name": "d"}, [])
        assert browser.selection == there
    browser._heard(heard, {"search": "", "name": "e"}, [])
    browser._heard(heard, {"move": 10**9, "name": "f"}, [])
    assert (browser.selection, browser.page) == ("account-11", 2)


def test_one_follower_is_left_of_a_line_that_runs_again_and_two_browsers_leave_each_other_alone(lab):
    for n in range(30):
        browser = lab.browse()
        if n > 26:
            browser.selection = "account-02"
            browser.show("form")
    assert len(lab.store.watchers) == 2
    other = lab.browse()
    other.selection = "account-02"
    other.show("form")
    assert len(lab.store.watchers) == 4
    assert browser.opened.comm is not None
    browser.close()
    other.close()
    del browser, other
    gc.collect()
    assert len(lab.store.watchers) == 0


# --- the repr and the picture ----------------------------------------------------------------------------------------


def test_without_a_kernel_the_repr_is_the_static_one_and_nothing_follows(lab):
    assert lab._repr_mimebundle_() == {}
    assert "12 streams, 30 events, 2 refused" in lab._repr_html_()
    assert len(lab.store.watchers) == 0


def in_a_doomed_transaction(lab):
    with lab.transaction() as tx:
        AccountStream.for_("account-00", lab).append(Drawn(amount=1))
        assert "31 events" in repr(lab.browse())
        tx.execute("CREATE TABLE once (x INTEGER PRIMARY KEY)")
        tx.execute("INSERT INTO once VALUES (1)")
        with pytest.raises(Exception, match=r"[Dd]uplicate key"):
            tx.execute("INSERT INTO once VALUES (1)")
        assert "cannot be read" in repr(lab)
        assert "a statement of this transaction had failed" in lab._repr_html_()
        assert lab._repr_mimebundle_() == {}


def test_a_lab_that_cannot_be_read_has_a_repr_that_says_so(lab):
    with pytest.raises(fl.TransactionError):
        in_a_doomed_transaction(lab)
    assert "30 events" in repr(lab)
    lab.close()
    assert "closed" in repr(lab)
    assert lab._repr_mimebundle_() == {}
    with pytest.raises(ClosedError):
        lab.browse()


def test_a_lab_that_is_read_only_can_be_looked_at_and_not_written(path):
    with fl.Lab(path) as lab:
        AccountStream.for_("a", lab).append(Opened(amount=5))
    with fl.Lab(path, read_only=True) as lab:
        browser = lab.browse()
        browser.selection = "a"
        with pytest.raises(ValueError, match="this lab is read only"):
            browser.show("form")
        assert "read only" in repr(browser)
        assert browser.show("timeline") is browser.opened
        browser.close()


def test_an_empty_lab_says_how_its_first_event_is_written():
    browser = fl.Lab().browse()
    assert repr(browser) == "Lab in memory: no events yet."
    assert "MyEventStream.for_(" in browser.static().svg


def test_the_picture_is_whole_small_inert_and_the_same_every_time(lab, tmp_path):
    fl.EventStream.for_(BAD, lab).append(Drawn(amount=1, pin="x"))
    browser = lab.browse()
    for idx in (BAD, "account-02"):
        browser.selection = idx
        for tab in ("streams", "events", "refused", "projections"):
            browser._do_tab(tab)
            picture = browser.static()
            ElementTree.fromstring(picture.svg)
            assert "<img src=x" not in picture.svg + picture.html
            assert picture.html == browser.static().html
            assert len(picture.html) <= LARGEST
    browser.save(tmp_path / "lab.svg")
    browser.save(tmp_path / "lab.html")
    assert (tmp_path / "lab.html").read_text().count("</script>") == 1


def test_thousands_of_streams_are_left_out_of_a_page_and_it_says_how_many():
    lab = fl.Lab()
    lab.load(
        {
            "klass": "Browsed::Drawn",
            "idx": f"{n:05}" + "<&>" * 300,
            "props": {"amount": "1"},
            "occurred_at": "2026-01-01",
        }
        for n in range(3_000)
    )
    browser = lab.browse()
    browser.page = 200
    picture = browser.static()
    assert len(picture.html) <= LARGEST
    assert "of 3,000; 2," in picture.html
    assert "This page holds the streams 1,991\\u2013" in picture.html
