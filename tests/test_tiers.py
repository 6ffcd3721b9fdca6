"""Read models: written in the transaction of the append, a row a stream, exact or not at all."""

from __future__ import annotations

import contextlib
import decimal
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any, ClassVar, Literal
from uuid import UUID

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

import funes_lab as fl
from tests.domain import day, rows_of


class Moved(fl.Event, name="Tiers::Moved"):
    quantity: int
    sku: str | None = "sku-1"


class Priced(fl.Event, name="Tiers::Priced"):
    price: Decimal


class Looked(fl.Event, name="Tiers::Looked"):
    pass


class Stock(BaseModel):
    quantity: int = Field(default=0, le=1000)
    sku: str | None = None
    price: Decimal = Decimal(0)
    seen_at: datetime | None = None
    log: list[int] = []


class StockLevels(fl.Projection[Stock]):
    table = "stock"

    @fl.interpretation_for(Moved)
    def moved(state, event):
        state.quantity += event.quantity
        state.sku = event.sku
        state.log.append(event.quantity)

    @fl.interpretation_for(Priced)
    def priced(state, event):
        state.price = event.price

    @fl.final_state
    def end(state, at):
        state.seen_at = at


class StockStream(fl.EventStream):
    transactional_projections = [StockLevels]


class Level(BaseModel):
    quantity: int = Field(default=0, ge=0)


class Guard(fl.Projection[Level]):
    @fl.interpretation_for(Moved)
    def moved(state, event):
        state.quantity += event.quantity


class GuardedStream(StockStream):
    consistency_projection = Guard


def row(lab: fl.Lab, idx: str = "a", table: str = "stock") -> dict[str, Any]:
    rows = {row["idx"]: row for row in lab.store.table(table).to_pylist()}
    return {name: value for name, value in rows.get(idx, {}).items() if name != "idx"}


def nothing_remains(lab: fl.Lab, event: fl.Event, stream: fl.EventStream, *, rows: int = 0) -> None:
    """An event that was not stored left no trace."""
    assert not event.persisted
    assert (event.version, event.created_at, event.occurred_at) == (None, None, None)
    assert rows_of(lab) == rows
    assert len(lab.rejections) == 0
    assert stream.version == len(stream.events)


# --- together or not at all ------------------------------------------------------------------------------------


def test_the_row_and_the_event_are_written_together(any_lab):
    stream = StockStream.for_("a")
    stream.append(Moved(quantity=5), at=day(1))
    stream.append(Priced(price="1.50"), at=day(2))
    assert row(any_lab) == {
        "quantity": 5, "sku": "sku-1", "price": Decimal("1.5"), "seen_at": day(2), "log": "[5]",
    }  # fmt: skip
    assert StockStream.for_("b").append(Moved(quantity=1)).persisted
    assert list(any_lab.table("stock").idx) == ["a", "b"]


def test_a_refused_event_writes_no_row(any_lab):
    stream = GuardedStream.for_("a")
    assert not stream.append(Moved(quantity=-1)).persisted
    assert "stock" not in set(any_lab.sql("SELECT table_name FROM duckdb_tables()").table_name)
    stream.append(Moved(quantity=3))
    assert not stream.append(Moved(quantity=-4)).persisted
    assert row(any_lab)["quantity"] == 3


def test_the_loser_of_a_race_writes_no_row(any_lab):
    first, second = StockStream.for_("a").read(), StockStream.for_("a").read()
    first.append(Moved(quantity=1))
    assert second.append(Moved(quantity=70)).rejection.stage == "conflict"
    assert row(any_lab)["log"] == "[1]"
    assert second.append_all([Moved(quantity=70), Moved(quantity=70)])[0].rejection.stage == "conflict"
    assert row(any_lab)["log"] == "[1]"


def test_what_was_remembered_of_a_stream_is_read_again_before_its_row_is_written(any_lab):
    stream = StockStream.for_("a")
    stream.append(Moved(quantity=1))
    written_elsewhere(any_lab, version=2)
    assert stream.append_or_raise(Moved(quantity=100)).version == 3
    assert row(any_lab)["quantity"] == 111
    written_elsewhere(any_lab, version=4)
    assert [event.version for event in stream.append_all([Moved(quantity=1), Moved(quantity=2)])] == [5, 6]
    assert row(any_lab)["quantity"] == 124


def written_elsewhere(lab: fl.Lab, *, version: int) -> None:
    """Another program moves ten."""
    times = {"created_at": day(0), "occurred_at": day(0)}
    fl.testing.raw_insert(
        lab, {"klass": "Tiers::Moved", "idx": "a", "props": {"quantity": 10}, "version": version, **times}
    )


def test_a_backdated_event_gives_the_row_of_the_whole_replay(any_lab):
    class Last(fl.Projection[Stock]):
        table = "last"

        @fl.interpretation_for(Moved)
        def moved(state, event, at):
            state.quantity, state.seen_at = event.quantity, at

    class LastStream(fl.EventStream):
        transactional_projections = [Last, StockLevels]

    stream = LastStream.for_("a")
    for quantity, on in ((1, 5), (2, 9), (3, 2), (4, 9), (5, 7)):
        stream.append(Moved(quantity=quantity), at=day(on))
        for projection in (Last, StockLevels):
            expected = stream.projected_with(projection, at=day(9 if quantity > 1 else 5))
            found = row(any_lab, table=projection.table)
            assert (found["quantity"], found["seen_at"]) == (expected.quantity, expected.seen_at)
    assert row(any_lab, table="last")["quantity"] == 4


def test_a_batch_writes_its_row_once_it_is_whole(any_lab):
    stream = StockStream.for_("a")
    stream.append_all([Moved(quantity=n) for n in range(1, 6)])
    assert row(any_lab)["log"] == "[1, 2, 3, 4, 5]"
    batch = [Moved(quantity=1), Moved(quantity=2000), Moved(quantity=-2000)]
    with pytest.raises(fl.InvalidReadModelError, match="less than or equal to 1000"):
        stream.append_all(batch)
    nothing_remains(any_lab, batch[0], stream, rows=5)
    assert row(any_lab)["quantity"] == 15


@pytest.mark.parametrize("end", ["commit", "rollback", "error"])
def test_rows_are_part_of_the_transaction_around_them(any_lab, end):
    StockStream.for_("a").append(Moved(quantity=1))
    with contextlib.suppress(ZeroDivisionError), any_lab.transaction() as tx:
        StockStream.for_("a").append(Moved(quantity=1))
        StockStream.for_("b").append(Moved(quantity=10))
        assert list(any_lab.table("stock").quantity) == [2, 10]
        assert tx.execute("SELECT sum(quantity) FROM stock").fetchone() == (12,)
        if end == "rollback":
            raise fl.Rollback
        if end == "error":
            raise ZeroDivisionError
    assert list(any_lab.table("stock").quantity) == ([2, 10] if end == "commit" else [1])
    StockStream.for_("b").append(Moved(quantity=1))
    assert row(any_lab, "b")["quantity"] == (11 if end == "commit" else 1)


def test_a_table_that_was_rolled_back_is_made_again(any_lab):
    with any_lab.transaction():
        StockStream.for_("a").append(Moved(quantity=1))
        raise fl.Rollback
    StockStream.for_("a").append(Moved(quantity=2))
    assert row(any_lab)["quantity"] == 2


# --- an invalid or a failing read model ------------------------------------------------------------------------


def test_an_invalid_state_is_told_and_nothing_of_the_event_remains(any_lab):
    stream, event = StockStream.for_("a"), Moved(quantity=1001)
    stream.append(Moved(quantity=1))
    with pytest.raises(
        fl.InvalidReadModelError, match=r"StockLevels .*Quantity must be less than .*Nothing was st"
    ) as c:
        stream.append(event)
    nothing_remains(any_lab, event, stream, rows=1)
    assert (c.value.projection, c.value.state.quantity) == ("StockLevels", 1002)
    assert c.value.errors.on("quantity") == ["must be less than or equal to 1000"]
    assert row(any_lab)["log"] == "[1]"
    # what the refused event did to the state is never seen again
    stream.append(Moved(quantity=2))
    assert row(any_lab)["log"] == "[1, 2]"
    reading = stream.read()
    with pytest.raises(fl.InvalidReadModelError):
        reading.append(Moved(quantity=1001))
    assert reading.append(Moved(quantity=3)).version == 3
    assert row(any_lab)["log"] == "[1, 2, 3]"


def test_an_invalid_state_inside_a_transaction_leaves_the_rest_alone(any_lab):
    event = Moved(quantity=1001)
    with any_lab.transaction():
        StockStream.for_("a").append(Moved(quantity=1))
        with pytest.raises(fl.InvalidReadModelError):
            StockStream.for_("b").append(event)
        StockStream.for_("b").append(Moved(quantity=2))
    nothing_remains(any_lab, event, StockStream.for_("b"), rows=2)
    assert list(any_lab.table("stock").quantity) == [1, 2]


def test_a_block_that_breaks_stores_nothing(any_lab):
    class Broken(fl.Projection[Stock]):
        table = "broken"

        @fl.interpretation_for(Moved)
        def moved(state, event):
            state.log.append(1)
            if event.quantity == 13:
                raise RuntimeError("no")

    class BrokenStream(fl.EventStream):
        transactional_projections = [Broken]

    stream, event = BrokenStream.for_("a"), Moved(quantity=13)
    stream.append(Moved(quantity=1))
    with pytest.raises(fl.ProjectionError, match=r"Broken\.moved"):
        stream.append(event)
    nothing_remains(any_lab, event, stream, rows=1)
    stream.append(Moved(quantity=1))
    assert row(any_lab, table="broken")["log"] == "[1, 1]"


def test_a_strict_read_model_refuses_to_go_on_without_a_block(any_lab):
    class Strict(fl.Projection[Level]):
        strict = True
        table = "strict"

        @fl.interpretation_for(Moved)
        def moved(state, event):
            pass

    class StrictStream(fl.EventStream):
        transactional_projections = [Strict]

    event = Looked()
    with pytest.raises(fl.UnknownEventError):
        StrictStream.for_("a").append(event)
    nothing_remains(any_lab, event, StrictStream.for_("a"))


# --- virtual projections ---------------------------------------------------------------------------------------


def test_a_virtual_projection_writes_nothing_and_is_not_validated(any_lab):
    class Virtual(fl.Projection[Level]):
        @fl.interpretation_for(Moved)
        def moved(state, event):
            state.quantity += event.quantity

    class VirtualStream(fl.EventStream):
        transactional_projections = [Virtual]

    before = set(any_lab.sql("SELECT table_name FROM duckdb_tables()").table_name)
    assert VirtualStream.for_("a").append(Moved(quantity=-5)).persisted
    assert set(any_lab.sql("SELECT table_name FROM duckdb_tables()").table_name) == before
    with pytest.raises(TypeError, match=r"Virtual writes nothing; give it a table"):
        any_lab.rebuild(Virtual)


# --- the table -------------------------------------------------------------------------------------------------


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Rank(IntEnum):
    FIRST = 1


class Inner(BaseModel):
    price: Decimal


class Everything(BaseModel):
    flag: bool = True
    number: int = 2**62
    share: float = 0.1
    text: str = "x'; DROP TABLE event_entries; --"
    data: bytes = b"\x00\xff"
    moment: datetime = datetime(2026, 1, 1, 12, 30, 0, 5, tzinfo=UTC)
    on: date = date(2026, 1, 1)
    clock: time = time(1, 2, 3, 4)
    span: timedelta = timedelta(days=400, microseconds=5)
    key: UUID = UUID(int=7)
    amount: Decimal = Decimal("12345678901234567890.0123456789")
    cents: Decimal = Field(default=Decimal("0.25"), decimal_places=2)
    colour: Colour = Colour.BLUE
    rank: Rank = Rank.FIRST
    size: Literal["S", "M"] = "S"
    perhaps: int | None = None
    maybe: Decimal | None = None
    either: int | str = 5
    many: list[int] = [1, 2]
    inner: Inner = Inner(price=Decimal("1.10"))
    by_name: dict[str, Decimal] = {"a": Decimal("0.1")}


class EverythingTable(fl.Projection[Everything]):
    table = "everything"

    @fl.interpretation_for(Looked)
    def looked(state, event):
        pass


class EverythingStream(fl.EventStream):
    transactional_projections = [EverythingTable]


def test_the_table_is_keyed_by_idx_and_its_columns_are_typed_from_the_fields(any_lab):
    EverythingStream.for_("a").append(Looked())
    found = any_lab.sql("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'everything'")
    assert dict(found.itertuples(index=False, name=None)) == {
        "idx": "VARCHAR", "flag": "BOOLEAN", "number": "BIGINT", "share": "DOUBLE", "text": "VARCHAR", "data": "BLOB",
        "moment": "TIMESTAMP WITH TIME ZONE", "on": "DATE", "clock": "TIME", "span": "INTERVAL", "key": "UUID",
        "amount": "DECIMAL(38,10)", "cents": "DECIMAL(38,2)", "colour": "VARCHAR", "rank": "BIGINT",
        "size": "VARCHAR", "perhaps": "BIGINT", "maybe": "DECIMAL(38,10)", "either": "JSON", "many": "JSON",
        "inner": "JSON", "by_name": "JSON",
    }  # fmt: skip
    keys = any_lab.sql(
        "SELECT constraint_column_names AS names FROM duckdb_constraints() "
        "WHERE table_name = 'everything' AND constraint_type = 'PRIMARY KEY'"
    )
    assert [list(names) for names in keys.names] == [["idx"]]


def test_what_is_written_is_read_back_as_it_was_also_after_a_rebuild(any_lab):
    EverythingStream.for_("a").append(Looked())
    state, first = Everything(), any_lab.table("everything")
    for name in ("flag", "number", "share", "text", "data", "on", "clock", "span", "amount", "cents", "size"):
        assert first[name][0] == getattr(state, name), name
    assert first.moment[0].to_pydatetime() == state.moment
    assert str(first.key[0]) == str(state.key)
    assert (first.colour[0], first["rank"][0], first.many[0]) == ("blue", 1, "[1, 2]")
    assert first.perhaps.isna()[0]
    assert first.maybe.isna()[0]
    any_lab.rebuild(EverythingTable, progress=False)
    pd.testing.assert_frame_equal(any_lab.table("everything"), first)


def test_a_row_is_replaced_whole(any_lab):
    stream = StockStream.for_("a")
    stream.append(Moved(quantity=1, sku="sku-9"))
    stream.append(Moved(quantity=1, sku=None))
    assert (row(any_lab)["sku"], row(any_lab)["quantity"]) == (None, 2)
    assert len(any_lab.table("stock")) == 1


def test_a_table_is_a_frame_with_decimals_and_times(any_lab):
    StockStream.for_("a").append(Priced(price="0.10"), at=day(1))
    frame = any_lab.table("stock")
    assert list(frame.columns) == ["idx", "quantity", "sku", "price", "seen_at", "log"]
    assert isinstance(frame.index, pd.RangeIndex)
    assert frame.price[0] == Decimal("0.10")
    assert isinstance(frame.price[0], Decimal)
    assert (frame.quantity.dtype, str(frame.seen_at.dtype)) == ("int64", "datetime64[us, UTC]")


@pytest.mark.parametrize("name", ["nothing", "", 'x" UNION SELECT * FROM event_entries --', 5, None])
def test_a_table_that_is_not_there_is_told_with_those_that_are(any_lab, name):
    StockStream.for_("a").append(Moved(quantity=1))
    with pytest.raises((ValueError, TypeError), match="stock" if isinstance(name, str) and name else "name|table"):
        any_lab.table(name)


@pytest.mark.parametrize("name", ["SELECT", "a b", 'it"s; DROP TABLE event_entries', "tëst 🦋", "main.x"])
def test_any_text_can_name_a_table(any_lab, name):
    class Named(fl.Projection[Level]):
        table = name

        @fl.interpretation_for(Moved)
        def moved(state, event):
            state.quantity += event.quantity

    class NamedStream(fl.EventStream):
        transactional_projections = [Named]

    for _ in range(2):
        NamedStream.for_("x'; DROP TABLE event_entries; --").append(Moved(quantity=1))
    any_lab.rebuild(Named, progress=False)
    assert any_lab.table(name).to_dict("records") == [{"idx": "x'; DROP TABLE event_entries; --", "quantity": 2}]
    assert rows_of(any_lab) == 2


def test_a_lab_that_is_reopened_goes_on_with_its_tables(path, clock):
    with fl.Lab(path, clock=clock):
        StockStream.for_("a").append(Moved(quantity=1))
    with fl.Lab(path, clock=clock) as lab:
        StockStream.for_("a").append(Moved(quantity=2))
        assert row(lab)["log"] == "[1, 2]"
    with fl.Lab(path, read_only=True) as lab:
        assert list(lab.table("stock").quantity) == [3]


def test_a_table_of_before_the_state_changed_is_told_and_a_rebuild_makes_it_anew(any_lab):
    def define(places: int, **more: tuple[Any, Any]) -> type[fl.EventStream]:
        from pydantic import create_model

        state = create_model("Price", price=(Decimal, Field(default=Decimal(0), decimal_places=places)), **more)

        class Prices(fl.Projection[state]):
            table = "prices"

            @fl.interpretation_for(Priced)
            def priced(state, event):
                state.price = event.price

        class PriceStream(fl.EventStream):
            transactional_projections = [Prices]

        return PriceStream

    define(2).for_("a").append(Priced(price="1.25"))
    for changed, price in ((define(4), "1.2599"), (define(2, note=(str, "")), "1.26")):
        event = Priced(price=price)
        with pytest.raises(fl.StoreError, match="prices"):
            changed.for_("a").append(event)
        assert not event.persisted
        assert list(any_lab.table("prices").price) == [Decimal("1.25")]
    changed = define(4)
    any_lab.rebuild(changed.transactional_projections[0], progress=False)
    assert changed.for_("a").append(Priced(price="1.2599")).persisted
    assert list(any_lab.table("prices").price) == [Decimal("1.2599")]


# --- Decimals: exact or an error -------------------------------------------------------------------------------


class Price(BaseModel):
    price: Decimal = Decimal(0)


class Prices(fl.Projection[Price]):
    table = "prices"

    @fl.interpretation_for(Priced)
    def priced(state, event):
        state.price = event.price


class PriceStream(fl.EventStream):
    transactional_projections = [Prices]


@pytest.mark.parametrize(
    ("price", "fits"),
    [
        ("1E+3", True), ("0E+50", True), ("-0", True), ("1E-10", True), ("1E-11", False), ("9" * 28, True),
        ("1E+28", False), ("-" + "9" * 28 + "." + "9" * 10, True), ("1." + "0" * 60, True),
        ("12345678901234567890.1" + "0" * 30, True), ("0.30000000000000004", False), ("1E+999999", False),
    ],
)  # fmt: skip
def test_a_decimal_is_kept_exactly_or_it_is_an_error(any_lab, price, fits):
    event = Priced(price=price)
    if fits:
        PriceStream.for_("a").append(event)
        assert any_lab.table("prices").price[0] == Decimal(price)
        any_lab.rebuild(Prices, progress=False)
        assert any_lab.table("prices").price[0] == Decimal(price)
    else:
        with pytest.raises(fl.InvalidReadModelError, match=r"price .* does not fit DECIMAL\(38, 10\) exactly"):
            PriceStream.for_("a").append(event)
        nothing_remains(any_lab, event, PriceStream.for_("a"))


@settings(max_examples=150, deadline=None)
@given(price=st.decimals(allow_nan=False, allow_infinity=False) | st.decimals(-(10**29), 10**29, places=11))
def test_no_decimal_is_ever_rounded(price):
    with fl.Lab() as lab:
        try:
            PriceStream.for_("a", lab=lab).append(Priced(price=price))
        except fl.InvalidReadModelError:
            with decimal.localcontext(prec=60):
                digits = price.normalize().as_tuple()
            assert -digits.exponent > 10 or price.adjusted() >= 28
        else:
            assert lab.table("prices").price[0] == price


# --- constraints -----------------------------------------------------------------------------------------------


def constrained(given: Any) -> type[fl.EventStream]:
    class Constrained(fl.Projection[Stock]):
        table = "constrained"
        constraints = given

        @fl.interpretation_for(Moved)
        def moved(state, event):
            state.quantity, state.sku = event.quantity, event.sku

    class ConstrainedStream(fl.EventStream):
        transactional_projections = [Constrained]

    return ConstrainedStream


@pytest.mark.parametrize(
    ("constraints", "broken"),
    [
        ({"sku": "NOT NULL"}, Moved(quantity=1, sku=None)),
        ({"sku": "UNIQUE"}, Moved(quantity=1, sku="taken")),
        ({"quantity": "CHECK (quantity >= 0)"}, Moved(quantity=-1)),
        ({"quantity": "NOT NULL CHECK (quantity < 50)", "sku": "UNIQUE NOT NULL"}, Moved(quantity=50)),
        (["CHECK (quantity >= 0 OR sku = 'debt')"], Moved(quantity=-1)),
        (["UNIQUE (sku)", "CHECK (quantity < 10)"], Moved(quantity=1, sku="taken")),
    ],
)
def test_a_violated_constraint_is_the_databases_error_and_nothing_remains(any_lab, constraints, broken):
    streams = constrained(constraints)
    streams.for_("a").append(Moved(quantity=1, sku="taken"))
    event = broken.model_copy()
    with pytest.raises(duckdb.ConstraintException):
        streams.for_("b").append(event)
    nothing_remains(any_lab, event, streams.for_("b"), rows=1)
    assert list(any_lab.table("constrained").idx) == ["a"]
    assert streams.for_("b").append(Moved(quantity=2, sku="free")).version == 1
    assert streams.for_("a").append(Moved(quantity=3, sku="taken")).version == 2
    any_lab.rebuild(streams.transactional_projections[0], progress=False)
    with pytest.raises(duckdb.ConstraintException):
        streams.for_("b").append(event)


def test_a_violated_constraint_inside_a_transaction_stores_nothing_of_it(any_lab):
    streams = constrained({"sku": "UNIQUE"})
    streams.for_("a").append(Moved(quantity=1, sku="taken"))

    def work(*, swallowed: bool) -> None:
        with any_lab.transaction():
            streams.for_("c").append(Moved(quantity=1, sku="free"))
            with contextlib.suppress(duckdb.ConstraintException if swallowed else ZeroDivisionError):
                streams.for_("b").append(Moved(quantity=1, sku="taken"))

    with pytest.raises(duckdb.ConstraintException):
        work(swallowed=False)
    with pytest.raises(fl.FunesLabError):
        work(swallowed=True)
    assert rows_of(any_lab) == 1
    assert list(any_lab.table("constrained").idx) == ["a"]


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"table": ""}, "name of a table"),
        ({"table": 5}, "name of a table"),
        ({"table": "event_entries"}, "belongs to the lab"),
        ({"table": "Funes_Lab_rejections"}, "belongs to the lab"),
        ({"table": "x\x00"}, "name of a table"),
        ({"table": "x", "constraints": {"nothing": "UNIQUE"}}, "nothing"),
        ({"table": "x", "constraints": "UNIQUE"}, "constraints"),
    ],
)
def test_a_table_that_cannot_work_is_told_when_the_stream_is_defined(attributes, said):
    class Wrong(fl.Projection[Level]):
        @fl.interpretation_for(Moved)
        def moved(state, event):
            pass

    for name, value in attributes.items():
        setattr(Wrong, name, value)
    with pytest.raises(fl.DefinitionError, match=said):
        type("WrongStream", (fl.EventStream,), {"transactional_projections": [Wrong]})


@pytest.mark.parametrize("listed", [StockLevels, "StockLevels", None, [Stock], [5], [fl.Async(StockLevels)]])
def test_what_is_no_list_of_projections_is_told_when_the_stream_is_defined(listed):
    with pytest.raises(fl.DefinitionError, match="transactional_projections"):
        type("WrongStream", (fl.EventStream,), {"transactional_projections": listed})


def test_subclasses_of_a_stream_inherit_its_tiers(any_lab):
    class Heir(StockStream):
        pass

    Heir.for_("a").append(Moved(quantity=4))
    assert row(any_lab)["quantity"] == 4


# --- any other destination -------------------------------------------------------------------------------------


class Letter(BaseModel):
    quantity: int = Field(default=0, le=100)
    persist_with: ClassVar[str] = "send"
    sent: ClassVar[list[tuple[str, int, str]]] = []

    def send(self, idx: str) -> None:
        if self.quantity == 13:
            raise ConnectionError("nobody there")
        self.sent.append((idx, self.quantity, fl.current_lab().path))


class Letters(fl.Projection[Letter]):
    @fl.interpretation_for(Moved)
    def moved(state, event):
        state.quantity += event.quantity


class LetterStream(fl.EventStream):
    transactional_projections = [StockLevels, Letters]


@pytest.fixture
def sent() -> list[tuple[str, int, str]]:
    Letter.sent.clear()
    return Letter.sent


def test_a_state_can_write_itself_and_is_called_with_the_idx(any_lab, sent):
    LetterStream.for_("a").append(Moved(quantity=1))
    LetterStream.for_("a").append_all([Moved(quantity=1), Moved(quantity=1)])
    assert sent == [("a", 1, any_lab.path), ("a", 3, any_lab.path)]


def test_the_lab_of_the_event_is_current_where_a_state_writes_itself(sent, path):
    first, _ = fl.Lab(), fl.Lab(path)
    LetterStream.for_("a", lab=first).append(Moved(quantity=1))
    assert sent == [("a", 1, ":memory:")]


def test_a_method_without_a_parameter_is_called_without_the_idx(any_lab):
    class Bell(BaseModel):
        persist_with: ClassVar[str] = "ring"
        rung: ClassVar[list[int]] = []

        def ring(self) -> None:
            self.rung.append(1)

    class Bells(fl.Projection[Bell]):
        table = "bells"

        @fl.interpretation_for(Looked)
        def looked(state, event):
            pass

    class BellStream(fl.EventStream):
        transactional_projections = [Bells]

    BellStream.for_("a").append(Looked())
    assert Bell.rung == [1]
    assert list(any_lab.table("bells").idx) == ["a"]


def test_an_invalid_state_is_not_written_anywhere(any_lab, sent):
    event = Moved(quantity=101)
    with pytest.raises(fl.InvalidReadModelError, match="Letter"):
        LetterStream.for_("a").append(event)
    assert sent == []
    nothing_remains(any_lab, event, LetterStream.for_("a"))
    assert "stock" not in set(any_lab.sql("SELECT table_name FROM duckdb_tables()").table_name) or row(any_lab) == {}


def test_a_destination_that_fails_stores_nothing(any_lab, sent):
    event = Moved(quantity=13)
    with pytest.raises(ConnectionError):
        LetterStream.for_("a").append(event)
    nothing_remains(any_lab, event, LetterStream.for_("a"))
    assert LetterStream.for_("a").append(Moved(quantity=2)).version == 1
    assert (sent, row(any_lab)["log"]) == ([("a", 2, any_lab.path)], "[2]")


def test_a_destination_that_fails_inside_a_transaction_dooms_it(any_lab, sent):
    event, other = Moved(quantity=13), Moved(quantity=1)

    def work() -> None:
        with any_lab.transaction():
            LetterStream.for_("b").append(other)
            with contextlib.suppress(ConnectionError):
                LetterStream.for_("a").append(event)

    with pytest.raises(fl.TransactionError):
        work()
    assert not other.persisted
    nothing_remains(any_lab, event, LetterStream.for_("a"))


def test_a_destination_may_append_to_another_stream(any_lab):
    class Echo(BaseModel):
        quantity: int = 0
        persist_with: ClassVar[str] = "repeat"

        def repeat(self, idx: str) -> None:
            StockStream.for_(f"echo of {idx}").append_or_raise(Moved(quantity=self.quantity))

    class Echoes(fl.Projection[Echo]):
        @fl.interpretation_for(Moved)
        def moved(state, event):
            state.quantity += event.quantity

    class EchoStream(fl.EventStream):
        transactional_projections = [StockLevels, Echoes]

    StockStream.for_("before").append(Moved(quantity=1))
    for version in (1, 2):
        assert EchoStream.for_("a").append(Moved(quantity=1)).version == version
    rows = any_lab.table("stock").set_index("idx").quantity
    assert dict(rows) == {"before": 1, "a": 2, "echo of a": 3}


def test_a_method_that_is_not_there_is_told_when_the_stream_is_defined():
    class Lost(BaseModel):
        persist_with: ClassVar[str] = "save"

    class Losts(fl.Projection[Lost]):
        @fl.interpretation_for(Looked)
        def looked(state, event):
            pass

    with pytest.raises(fl.DefinitionError, match=r"persist_with of Lost .*'save'"):
        type("LostStream", (fl.EventStream,), {"transactional_projections": [Losts]})


# --- rebuild ---------------------------------------------------------------------------------------------------


def test_a_rebuild_drops_and_refills_the_table_from_the_log(any_lab):
    for idx, quantity in (("a", 1), ("b", 2)):
        StockStream.for_(idx).append(Moved(quantity=quantity))
    any_lab.load(
        [{"klass": "Tiers::Moved", "idx": "c", "props": {"quantity": 3}, "version": 1,
          "created_at": day(0), "occurred_at": day(0)}]
    )  # fmt: skip
    assert list(any_lab.table("stock").idx) == ["a", "b"]
    assert any_lab.rebuild(StockLevels, progress=False) == 3
    assert dict(zip(any_lab.table("stock").idx, any_lab.table("stock").quantity, strict=True)) == {
        "a": 1,
        "b": 2,
        "c": 3,
    }
    with any_lab.transaction() as tx:
        tx.execute("UPDATE stock SET quantity = 99")
        tx.execute("DELETE FROM stock WHERE idx = 'c'")
    any_lab.rebuild(StockLevels, progress=False)
    assert list(any_lab.table("stock").quantity) == [1, 2, 3]
    StockStream.for_("a").append(Moved(quantity=1))
    assert row(any_lab)["quantity"] == 2


def test_a_rebuild_shows_its_progress_unless_it_is_told_not_to(any_lab, monkeypatch):
    bars: list[Bar] = []

    class Bar(contextlib.nullcontext[Any]):
        def __init__(self, **options: Any) -> None:
            super().__init__(self)
            self.options, self.shown = options, 0
            bars.append(self)

        def update(self, by: int = 1) -> None:
            self.shown += by

    monkeypatch.setattr("tqdm.tqdm", Bar)
    for idx in "abc":
        StockStream.for_(idx).append(Moved(quantity=1))
    any_lab.rebuild(StockLevels)
    any_lab.rebuild(StockLevels, progress=False)
    assert [(bar.shown, bar.options["total"], bar.options["disable"]) for bar in bars] == [(3, 3, False), (3, 3, True)]


def test_a_rebuild_that_fails_leaves_the_old_table(any_lab):
    StockStream.for_("a").append(Moved(quantity=1))
    any_lab.load(
        [{"klass": "Tiers::Moved", "idx": "b", "props": {"quantity": 3000}, "version": 1,
          "created_at": day(0), "occurred_at": day(0)}]
    )  # fmt: skip
    with pytest.raises(fl.InvalidReadModelError):
        any_lab.rebuild(StockLevels, progress=False)
    assert list(any_lab.table("stock").idx) == ["a"]
    StockStream.for_("a").append(Moved(quantity=1))
    assert row(any_lab)["quantity"] == 2


def test_a_rebuild_calls_what_writes_itself_once_a_stream(any_lab, sent):
    LetterStream.for_("b").append(Moved(quantity=1))
    LetterStream.for_("a").append_all([Moved(quantity=1), Moved(quantity=1)])
    sent.clear()
    assert any_lab.rebuild(Letters, progress=False) == 2
    assert [(idx, quantity) for idx, quantity, _ in sent] == [("a", 2), ("b", 1)]


def test_a_rebuild_inside_a_transaction_is_refused(any_lab):
    with any_lab.transaction():
        StockStream.for_("a").append(Moved(quantity=1))
        with pytest.raises(fl.TransactionError):
            any_lab.rebuild(StockLevels)
    assert list(any_lab.table("stock").quantity) == [1]


class Diary(BaseModel):
    total: Decimal = Decimal(0)
    last: Decimal | None = None
    events: int = 0
    words: list[str] = []
    rank: Rank | None = None
    key: UUID | None = None
    span: timedelta = timedelta(0)
    seen_at: datetime | None = None


class Diaries(fl.Projection[Diary]):
    table = "diaries"

    @fl.interpretation_for(Moved)
    def moved(state, event, at):
        state.total = state.total * 2 + event.quantity
        state.words.append(event.sku or "-")
        state.key = UUID(int=abs(event.quantity))

    @fl.interpretation_for(Priced)
    def priced(state, event, at):
        state.last, state.rank = event.price, Rank.FIRST
        state.span += timedelta(seconds=1)

    @fl.final_state
    def end(state, at):
        state.seen_at = at
        state.events = len(state.words)


class DiaryStream(fl.EventStream):
    transactional_projections = [Diaries]


events = st.one_of(
    st.builds(lambda n, s: Moved(quantity=n, sku=s), st.integers(-5, 5), st.none() | st.sampled_from(["x", "'; --"])),
    st.builds(lambda p: Priced(price=p), st.decimals(-99, 99, places=3)),
    st.builds(Looked),
)
histories = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.lists(events, min_size=1, max_size=3), st.none() | st.integers(0, 5),
        st.sampled_from(["alone", "alone", "committed", "rolled back"]),
    ),
    min_size=1, max_size=12,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(history=histories)
def test_a_rebuild_equals_what_was_kept_up_to_date(history):
    with fl.Lab(clock=fl.testing.Clock(day(9), tick=timedelta(seconds=1))) as lab:
        for idx, tried, on, how in history:
            # an object that is a fact already is no event any more
            batch = [event.model_copy() for event in tried]
            with lab.transaction() if how != "alone" else contextlib.nullcontext():
                stream = DiaryStream.for_(idx, lab=lab)
                if len(batch) == 1:
                    stream.append_or_raise(batch[0], at=None if on is None else day(on))
                else:
                    stream.append_all(batch)
                if how == "rolled back":
                    raise_rollback()
        kept = lab.table("diaries") if len(lab.log) else None
        lab.rebuild(Diaries, progress=False)
        if kept is not None:
            pd.testing.assert_frame_equal(lab.table("diaries"), kept)


def raise_rollback() -> None:
    raise fl.Rollback


# --- a cell that is run again ----------------------------------------------------------------------------------


def test_a_stream_finds_its_read_models_as_they_are_defined_now(any_lab, monkeypatch):
    StockStream.for_("a").append(Moved(quantity=1))

    class StockLevels(fl.Projection[Stock]):
        table = "stock"

        @fl.interpretation_for(Moved)
        def moved(state, event):
            state.quantity += event.quantity * 100

    StockLevels.__qualname__ = "StockLevels"
    monkeypatch.setitem(globals(), "StockLevels", StockLevels)
    StockStream.for_("a").append(Moved(quantity=1))
    assert row(any_lab)["quantity"] == 200
