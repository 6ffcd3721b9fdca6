"""The time zones: TZif files read right, and the bundled log equal to Python's own `zoneinfo`."""

from __future__ import annotations

import io
import json
import random
import struct
import zoneinfo
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import funes_lab as fl
from funes_lab.interchange import timezones, tzif
from funes_lab.interchange.timezones import ClockChanged, Offset, OffsetInForce, TimeZoneStream

PARQUET = Path(__file__).parents[1] / "datasets" / "timezones.parquet"
FROM, UNTIL = datetime(1850, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@pytest.fixture(scope="module")
def lab() -> Iterator[fl.Lab]:
    loaded = fl.datasets.load("timezones")
    yield loaded
    loaded.close()


@pytest.fixture
def same_database() -> Iterator[None]:
    """Lets zoneinfo read the package `tzdata`, of the release of the bundled log, and nothing else."""
    if release_of_the_file() != timezones.tzdata_version():
        pytest.skip(f"the log is of {release_of_the_file()}, the package of {timezones.tzdata_version()}")
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=())
    yield
    zoneinfo.reset_tzpath(to=before)


def release_of_the_file() -> str:
    source = json.loads(pq.read_schema(PARQUET).metadata[b"funes_lab"])["source"]
    return str(source.removeprefix("IANA time zone database ").split()[0])


def truth(zone: zoneinfo.ZoneInfo, instant: datetime) -> tuple[float, str | None, bool]:
    local = instant.astimezone(zone)
    offset = local.utcoffset()
    assert offset is not None
    return offset.total_seconds(), local.tzname(), bool(local.dst())


# --- the bundled log against zoneinfo ---------------------------------------------------------------------


@pytest.mark.usefixtures("same_database")
def test_10_000_of_10_000_random_instants_have_the_offset_that_zoneinfo_says(lab: fl.Lab) -> None:
    wrong = []
    for name, instants in random_pairs(10_000).items():
        zone, reading = zoneinfo.ZoneInfo.no_cache(name), TimeZoneStream.for_(name, lab).read()
        changed_at = [event.occurred_at for event in reading.events]
        for instant in instants:
            state = reading.projected_with(OffsetInForce, at=instant)
            said = (state.utc_offset, state.abbreviation, state.dst)
            since = changed_at[bisect_right(changed_at, instant) - 1]
            if said != truth(zone, instant) or state.since != since:
                wrong.append((name, instant, said, truth(zone, instant)))
    assert wrong == []


def random_pairs(count: int) -> dict[str, list[datetime]]:
    """Half of them anywhere from 1850 to 2037, the others at a change or a microsecond before one."""
    rng = random.Random(1850)
    zones = timezones.zone_names()
    changes = {zone: [change.at for change in timezones.clock_changes(zone)[1:]] for zone in zones}
    pairs: dict[str, list[datetime]] = defaultdict(list)
    for number in range(count):
        zone = rng.choice(zones)
        instant = FROM + MICROSECOND * int(rng.random() * ((UNTIL - FROM) // MICROSECOND))
        if number % 2 and changes[zone]:
            instant = rng.choice(changes[zone]) - MICROSECOND * (number % 4 == 3)
        pairs[zone].append(instant)
    return pairs


@pytest.mark.usefixtures("same_database")
def test_every_change_of_the_database_is_where_zoneinfo_has_it() -> None:
    wrong = []
    for name in timezones.zone_names():
        zone, before = zoneinfo.ZoneInfo.no_cache(name), None
        for change in timezones.clock_changes(name):
            if truth(zone, change.at) != change[1:]:
                wrong.append((name, change))
            if before is not None and truth(zone, change.at - MICROSECOND) != before[1:]:
                wrong.append((name, before))
            before = change
    assert wrong == []


@pytest.mark.usefixtures("same_database")
def test_generating_the_log_again_gives_the_rows_of_the_file() -> None:
    table = pq.read_table(PARQUET)
    recorded_at = table["created_at"][0].as_py()
    assert [*timezones.log_rows(recorded_at)] == table.to_pylist()


def test_every_zone_has_a_stream_from_the_beginning_on_in_order_of_time(lab: fl.Lab) -> None:
    log = lab.sql("SELECT idx, version, occurred_at FROM event_entries ORDER BY idx, version")
    assert log["idx"].nunique() == 598
    assert len(log) == 40_831
    for _, ordered in log.groupby("idx"):
        assert ordered["version"].tolist() == list(range(1, len(ordered) + 1))
        assert ordered["occurred_at"].is_monotonic_increasing
        assert ordered["occurred_at"].iloc[0] == timezones.BEGINNING


def test_a_zone_without_changes_has_one_event_that_answers_for_all_time(lab: fl.Lab) -> None:
    utc = TimeZoneStream.for_("Etc/UTC", lab)
    assert utc.version == 1
    for instant in (timezones.BEGINNING, datetime(9999, 12, 31, tzinfo=UTC)):
        assert utc.projected_with(OffsetInForce, at=instant).abbreviation == "UTC"


def test_the_clock_in_lisbon_in_july_1993_was_on_central_european_summer_time(lab: fl.Lab) -> None:
    noon = datetime(1993, 7, 1, 12, tzinfo=UTC)
    offset = TimeZoneStream.for_("Europe/Lisbon", lab).projected_with(OffsetInForce, at=noon)
    assert f"{offset.local(noon):%H:%M %Z}" == "14:00 CEST"
    assert offset.since == datetime(1993, 3, 28, 1, tzinfo=UTC)


def test_before_the_first_event_the_offset_is_unknown() -> None:
    assert fl.testing.initial_state(OffsetInForce) == Offset(utc_offset=0, abbreviation="-00", dst=False, since=None)


def test_a_change_puts_its_offset_in_force() -> None:
    event = ClockChanged(utc_offset=3600, abbreviation="WEST", dst=True)
    at = datetime(1993, 3, 28, 1, tzinfo=UTC)
    state = fl.testing.interpret(OffsetInForce, event, given=Offset(), at=at)
    assert state == Offset(utc_offset=3600, abbreviation="WEST", dst=True, since=at)


def test_a_local_time_of_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="instant has no time zone"):
        Offset().local(datetime(1993, 7, 1))


# --- TZif files -------------------------------------------------------------------------------------------


def tzif_file(footer: str, *changes: tuple[datetime, int], types: list[tuple[int, bool, str]]) -> bytes:
    """Compiles a file: changes are an instant and the number of a type, types are offset, flag and name."""
    names = b"".join(name.encode() + b"\0" for *_, name in types)
    starts = [sum(len(name) + 1 for *_, name in types[:number]) for number in range(len(types))]
    head = struct.pack(">4sc15x6l", b"TZif", b"2", 0, 0, 0, len(changes), len(types), len(names))
    seconds = [int(instant.timestamp()) for instant, _ in changes]
    body = struct.pack(f">{len(changes)}q{len(changes)}B", *seconds, *(number for _, number in changes))
    for (offset, dst, _), start in zip(types, starts, strict=True):
        body += struct.pack(">lBB", offset, dst, start)
    empty = struct.pack(">4sc15x6l", b"TZif", b"2", 0, 0, 0, 0, 0, 0)
    return empty + head + body + names + b"\n" + footer.encode() + b"\n"


@pytest.mark.parametrize(
    "footer",
    [
        "XST-3",
        "XST3XDT,M3.2.0,M11.1.0",
        "XST-1XDT,M3.5.0,M10.5.0/3",
        "XST-10:30XDT-11,M10.1.0,M4.1.0",
        "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
        "XST-1XDT0,M10.5.0,M3.5.0/1",
        "XST-2XDT,M3.4.4/50,M10.4.4/50",
        "XST4XDT,J60,J300/1:30:15",
        "XST4XDT,J1/0,J365/25",
    ],
)
def test_a_footer_is_expanded_as_zoneinfo_reads_it(footer: str) -> None:
    standard = -tzif._duration(tzif._FOOTER.fullmatch(footer)[2])
    types = [(77, False, "LMT"), (standard, False, "XST")]
    data = tzif_file(footer, (datetime(1990, 6, 1, tzinfo=UTC), 1), types=types)
    zone, changes = zoneinfo.ZoneInfo.from_file(io.BytesIO(data)), tzif.changes(data)[2:]
    rng = random.Random(footer)
    around = [change.at + offset for change in changes for offset in (-MICROSECOND, timedelta(0))]
    start, years = datetime(1991, 1, 1, tzinfo=UTC), timedelta(days=47 * 365)
    anywhere = [start + years * rng.random() for _ in range(2000)]
    starts = [change.at for change in changes]
    for instant in [*around, *anywhere]:
        if instant < UNTIL and (place := bisect_right(starts, instant)):
            assert truth(zone, instant)[0] == changes[place - 1].utc_offset, instant


def test_a_footer_may_count_the_days_from_zero_29_february_included() -> None:
    # Python 3.11's zoneinfo is a day off here; no zone of the database uses this form.
    data = tzif_file("XST4XDT,59,299", (datetime(1990, 6, 1, tzinfo=UTC), 0), types=[(-14400, False, "XST")])
    days = [change.at.date().isoformat() for change in tzif.changes(data)[1:]]
    assert days[:6] == ["1991-03-01", "1991-10-27", "1992-02-29", "1992-10-26", "1993-03-01", "1993-10-27"]


def test_daylight_saving_all_year_is_one_change() -> None:
    data = tzif_file("XST3XDT,0/0,J365/25", types=[(-7200, True, "XDT")])
    assert tzif.changes(data) == [(timezones.BEGINNING, -7200, "XDT", True)]


def test_entries_that_change_nothing_and_those_before_the_beginning_are_no_events() -> None:
    first, second = datetime(1900, 1, 1, tzinfo=UTC), datetime(1950, 1, 1, tzinfo=UTC)
    long_ago = datetime(1, 1, 1, tzinfo=UTC)
    types = [(0, False, "-00"), (60, False, "LMT"), (3600, False, "CET"), (3600, False, "CET")]
    data = tzif_file("CET-1", (long_ago, 1), (first, 2), (second, 3), types=types)
    assert tzif.changes(data) == [(timezones.BEGINNING, 60, "LMT", False), (first, 3600, "CET", False)]


def test_changes_after_the_last_year_are_left_out() -> None:
    changes = timezones.clock_changes("Europe/Lisbon", last_year=2000)
    assert changes[-1].at == datetime(2000, 10, 29, 1, tzinfo=UTC)
    assert timezones.clock_changes("Europe/Lisbon")[: len(changes)] == changes


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "cut short"),
        (b"PNG" * 40, "no TZif file: they begin with b'PNGP'"),
        (tzif_file("UTC0", types=[(0, False, "UTC")])[:70], "cut short"),
        (tzif_file("UTC0", types=[(0, False, "UTC")])[:-1], "cut short"),
        (tzif_file("UTC0", types=[(0, False, "UTC")]).replace(b"TZif2", b"TZif\0"), "version 1"),
        (tzif_file("tomorrow", types=[(0, False, "UTC")]), "no POSIX rule: 'tomorrow'"),
    ],
)
def test_what_is_no_zone_file_is_refused_with_the_reason(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tzif.changes(data)


@pytest.mark.parametrize("zone", ["Europe/Lisboa", "", "../zones", "Europe", "Europe//Lisbon", "Europe/./Lisbon"])
def test_an_unknown_zone_is_refused_by_its_name(zone: str) -> None:
    with pytest.raises(ValueError, match=rf"zone '{zone}' is not in"):
        timezones.clock_changes(zone)


def test_zones_are_read_from_any_directory(tmp_path: Path) -> None:
    lisbon = files("tzdata").joinpath("zoneinfo", "Europe", "Lisbon").read_bytes()
    for place in ("Europe/Lisbon", "posix/Europe/Lisbon", "right/Europe/Lisbon"):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_bytes(lisbon)
    (tmp_path / "tzdata.zi").write_text("# version")
    assert timezones.zone_names(tmp_path) == ["Europe/Lisbon"]
    assert timezones.clock_changes("Europe/Lisbon", tmp_path) == timezones.clock_changes("Europe/Lisbon")
    rows = [*timezones.log_rows(UNTIL, tmp_path)]
    assert [row["version"] for row in rows] == [*range(1, len(rows) + 1)]
    assert {row["created_at"] for row in rows} == {UNTIL}
