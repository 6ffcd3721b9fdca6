"""The text reprs, as a terminal shows them."""

from __future__ import annotations

from dataclasses import replace
from textwrap import dedent
from typing import Any

import pytest

from funes_lab.widgets import columns, reprs, sentences
from tests.widgets import samples


def shown(kind: str, card: Any, expected: str) -> bool:
    """Whether a card is shown as expected; on a difference both are printed."""
    got, wanted = samples.text(kind, card), dedent(expected).strip("\n")
    print(f"--- got\n{got}\n--- wanted\n{wanted}")
    return got == wanted


def test_a_stream_shows_its_ends_and_what_is_between() -> None:
    assert shown(
        "stream",
        samples.STREAM,
        """
        debts-123  DebtEventStream, version 12, 5 refused attempts
           #  event                  payload                            occurred_at, UTC        created_at
           1  Debt::Issued           amount 600.00, interest_rate 0.05  2026-01-05 09:00              same
           …  7 more: debt.events
           9  Debt::PaymentReceived  principal_amount 70.00,            2026-07-01 09:00              same
                                     interest_amount 0.67
          10  Debt::PaymentReceived  principal_amount 50.00,            2026-08-03 09:00              same
                                     interest_amount 0.52
          11  Debt::PaymentReceived  principal_amount 50.00,            2026-09-01 09:00       38 ms later
                                     interest_amount 0.42
          12  Debt::PaymentReceived  principal_amount 50.00,            2026-10-01 09:00  2026-10-03 09:00
                                     interest_amount 0.31
        """,
    )


def test_an_empty_stream_says_how_it_begins() -> None:
    assert shown(
        "stream",
        samples.EMPTY_STREAM,
        """
        debts-999  DebtEventStream, no events yet
          The stream exists with its first event: debt.append(event)
        """,
    )


def test_errors_name_gate_field_reason_and_rule() -> None:
    assert shown(
        "errors",
        samples.ERRORS,
        """
        ✗ Refused: 2 errors. Nothing was written to debts-123.
          refused by        field                why                                rule of
          △ interpretation  whole event          payment 999,999.00 exceeds the     VirtualOutstandi…ce.paid
                                                 outstanding balance 100.00
          ◇ state           outstanding_balance  would be −999,899.00, must be ≥ 0  OutstandingBalance
        """,
    )


def test_own_errors_quote_the_value() -> None:
    assert shown(
        "errors",
        samples.OWN_ERRORS,
        """
        ✗ Refused: 3 errors. Nothing was written.
          refused by  field             why                            rule of
          □ own rule  interest_amount   “ten” is not a decimal number  Debt::PaymentReceived
          □ own rule  principal_amount  −5 must be > 0                 Debt::PaymentReceived
          □ own rule  at                can't be blank                 Debt::PaymentReceived
        """,
    )


def test_a_lost_race_is_denied_not_refused() -> None:
    assert shown(
        "errors",
        samples.CONFLICT,
        """
        ✗ Denied: another writer took the version first. Nothing was written to debts-123.
          refused by   field        why                                     rule of
          ⟩⟨ conflict  whole event  version 13 was taken by another writer  –
        """,
    )


def test_no_errors_are_a_sentence() -> None:
    assert shown(
        "errors",
        samples.NO_ERRORS,
        """
        no errors
        """,
    )


def test_a_refusal_is_told_in_three_steps() -> None:
    assert shown(
        "rejection",
        samples.BY_STATE,
        """
        ✗ Refused: payment 999,999.00 exceeds the outstanding balance 100.00.
          △ interpretation  rule of VirtualOutstandingBalance.paid
          ◇ state           rule outstanding_balance ≥ 0 of OutstandingBalance, judged by
                            VirtualOutstandingBalance

        1  What was tried
           Debt::PaymentReceived as version 13
           principal_amount  999,999.00
           interest_amount   0.00
           debts-123, DebtEventStream
           10 Oct 2026 14:02:11 UTC

        2  What it was judged on
           versions 1…12; the last was
           12  Debt::PaymentReceived principal_amount 50.00, interest_amount 0.31
           outstanding_balance  100.00
           last_payment_at      2026-10-01 09:00
           fees_charged         35.00

        3  Where it would have led
           ◇  outstanding_balance  100.00 → −999,899.00
           ~  last_payment_at      2026-10-01 09:00 → 2026-10-10 14:02
           =  fees_charged         35.00
        """,
    )


def test_own_rules_refuse_before_anything_is_judged() -> None:
    assert shown(
        "rejection",
        samples.BY_OWN_RULES,
        """
        ✗ Refused: interest_amount “ten” is not a decimal number.
          □ own rule  of Debt::PaymentReceived
          □ own rule  principal_amount: −5 must be > 0
          □ own rule  at can't be blank

        1  What was tried
           Debt::PaymentReceived
           principal_amount  −5
           interest_amount   ten
           debts-123, DebtEventStream
           10 Oct 2026 14:02:11 UTC

        2  What it was judged on
           not judged: refused by its own rules
           the stream stands at version 12

        3  Where it would have led
           nowhere: no projection saw it
        """,
    )


def test_a_conflict_names_the_winner_and_the_way_out() -> None:
    assert shown(
        "rejection",
        samples.DENIED,
        """
        ✗ Denied: version 13 was taken by Debt::PaymentReceived (principal_amount 60.00), 38 ms before.
          Read again and retry.
          ⟩⟨ conflict  no rule was broken: another writer appended first

        1  What was tried
           Debt::PaymentReceived as version 13
           principal_amount  999,999.00
           interest_amount   0.00
           debts-123, DebtEventStream
           10 Oct 2026 14:02:11 UTC

        2  What it was judged on
           versions 1…12; the last was
           12  Debt::PaymentReceived principal_amount 50.00, interest_amount 0.31
           outstanding_balance  100.00
           last_payment_at      2026-10-01 09:00
           fees_charged         35.00

        3  Where it would have led
           ~  outstanding_balance  100.00 → 40.00
        """,
    )


def test_a_conflict_reads_well_without_winner_and_projection() -> None:
    assert shown(
        "rejection",
        samples.DENIED_BY_NOBODY_KNOWN,
        """
        ✗ Denied: version 1 was taken by another writer. Read again and retry.
          ⟩⟨ conflict  no rule was broken: another writer appended first

        1  What was tried
           Debt::PaymentReceived as version 1
           principal_amount  999,999.00
           interest_amount   0.00
           debts-123, DebtEventStream
           10 Oct 2026 14:02:11 UTC

        2  What it was judged on
           an empty stream
           no consistency projection: no state was judged

        3  Where it would have led
           not known: no consistency projection
        """,
    )


def test_a_backdated_event_is_judged_at_its_place_in_time() -> None:
    assert shown(
        "rejection",
        samples.BACKDATED,
        """
        ✗ Refused: payment 999,999.00 exceeds the outstanding balance 100.00.
          △ interpretation  rule of VirtualOutstandingBalance.paid, judged by VirtualOutstandingBalance

        1  What was tried
           Debt::PaymentReceived as version 13
           principal_amount  999,999.00
           interest_amount   0.00
           debts-123, DebtEventStream
           happened 3 Feb 2026 09:00:00 UTC
           tried 10 Oct 2026 14:02:11 UTC

        2  What it was judged on
           versions 1…12
           judged after #2, at its place in time
           2  Debt::PaymentReceived principal_amount 50.00, interest_amount 1.00
           outstanding_balance  100.00
           last_payment_at      2026-10-01 09:00
           fees_charged         35.00

        3  Where it would have led
           +  late                 true
           −  grace                3 → gone
           =  outstanding_balance  500.00
        """,
    )


def test_an_explanation_is_a_page_about_one_event() -> None:
    assert shown(
        "explanation",
        samples.EXPLAINED,
        """
        Debt::PaymentReceived  ✓ version 12 of debts-123

        1  What happened
           principal_amount  50.00
           interest_amount   0.31

        2  When, and in what context
           happened 1 Oct 2026 09:00:00 UTC
           recorded 3 Oct 2026 09:00:00 UTC, 2 d later
           backdated: in the order of what happened it came right after #10
           user  ada

        3  What led to it, and where it led
           caused by mail-9#1 Mail::SlipReceived
           led to mail-9#2 Mail::ReceiptSent
           correlation mail-9#1, shared by 3 events

        4  What it changed
           VirtualOutstandingBalance (consistency)
             ~  outstanding_balance  150.00 → 100.00
             +  late                 – → true
             −  grace                3 → gone
           Fees (transactional, async)
             does not interpret Debt::PaymentReceived

        5  Refused around it
           when        tried, UTC           refused by   event                  why
           before it   2026-10-10 14:02:11  ◇ state      Debt::PaymentReceived  payment 999,999.00 exceeds
                                                                                the outstanding balance
                                                                                100.00
           lost to it  2026-10-10 14:02:11  ⟩⟨ conflict  Debt::PaymentReceived  taken
        """,
    )


def test_an_explanation_of_an_event_that_stands_alone_says_so() -> None:
    assert shown(
        "explanation",
        samples.EXPLAINED_PLAINLY,
        """
        Debt::Issued  ✓ version 1 of debts-123

        1  What happened
           amount         600.00
           interest_rate  0.05

        2  When, and in what context
           happened and recorded 5 Jan 2026 09:00:00 UTC
           no metainformation was bound

        3  What led to it, and where it led
           no cause was given
           no event says that this one caused it

        4  What it changed
           The class of the stream has no projection; to look at others: stream.explain(1, projections=[…])

        5  Refused around it
           Nothing was refused around it.
        """,
    )


def test_an_accepted_event_names_its_version() -> None:
    assert shown(
        "event",
        samples.ACCEPTED_EVENT,
        """
        Debt::PaymentReceived  ✓ version 12 of debts-123
          principal_amount  50.00
          interest_amount   0.31
          meta_info
            user  ada
          happened 2026-10-01 09:00:00 UTC, recorded 2026-10-03 09:00
        """,
    )


def test_a_refused_event_says_why_first() -> None:
    assert shown(
        "event",
        samples.REFUSED_EVENT,
        """
        Debt::PaymentReceived  nothing was written to debts-123
          ✗ Refused: payment 999,999.00 exceeds the outstanding balance 100.00.
          △ interpretation  rule of VirtualOutstandingBalance.paid
          ◇ state           rule outstanding_balance ≥ 0 of OutstandingBalance
          principal_amount  999,999.00
          interest_amount   0.00
          kept aside: the class has no such field
            colour  red
          happened 2026-10-10 14:02:11 UTC
        """,
    )


def test_a_new_event_is_not_appended_yet() -> None:
    assert shown(
        "event",
        samples.NEW_EVENT,
        """
        Debt::Issued  not appended yet
          amount  100
        """,
    )


def test_a_new_event_that_breaks_its_own_rules_says_so() -> None:
    assert shown(
        "event",
        samples.UNFIT_EVENT,
        """
        Debt::Issued  not appended yet
          ✗ Would be refused: interest_amount “ten” is not a decimal number.
          □ own rule  of Debt::PaymentReceived
          □ own rule  principal_amount: −5 must be > 0
          □ own rule  at can't be blank
          amount  100
        """,
    )


def test_a_lab_lists_its_streams() -> None:
    assert shown(
        "lab",
        samples.LAB,
        """
        ledger.duckdb  2,417 streams, 31,204 events, 214 refused
          stream      events  last event          first, UTC         last, UTC  refused
          accounts-7   1,204  Withdrawn     2024-01-02 08:00  2026-11-02 08:59        3
          debts-125        1  Debt::Issued  2026-11-02 08:10  2026-11-02 08:10        –
          … 2,415 more: lab.log.streams()
        """,
    )


def test_an_empty_lab_says_how_it_begins() -> None:
    assert shown(
        "lab",
        samples.EMPTY_LAB,
        """
        in memory  no events yet
          A stream exists with its first event: MyEventStream.for_("my-1").append(event)
        """,
    )


def test_refused_attempts_are_one_a_row() -> None:
    assert shown(
        "rejections",
        samples.REJECTIONS,
        """
        Refused attempts  2 of 210, newest first
          tried, UTC           refused by   stream     event                  why
          2026-10-10 14:02:11  ◇ state      debts-123  Debt::PaymentReceived  payment 999,999.00 exceeds the
                                                                              outstanding balance 100.00
          2026-05-04 09:00:00  ⟩⟨ conflict  debts-123  Debt::PaymentReceived  version 6 was taken by
                                                                              Debt::PaymentReceived
          … 208 more: lab.rejections.df()
        """,
    )


def test_no_refused_attempts_say_what_is_kept_here() -> None:
    assert shown(
        "rejections",
        samples.NO_REJECTIONS,
        """
        Refused attempts  none yet
          What a gate refuses is kept here, outside the log: stream.append(event)
        """,
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"closed": True}, "ledger.duckdb  closed\n  The log is in the file; open it again: lab = fl.Lab("),
        ({"closed": True, "path": ":memory:"}, "in memory  closed\n  Its log went with it; open a new one:"),
        ({"read_only": True}, "ledger.duckdb  2,417 streams, 31,204 events, 214 refused, read only\n"),
        ({"read_only": True, "events": 0}, "A lab that is read only takes no events"),
    ],
)
def test_a_lab_says_what_cannot_be_done_with_it(changes: dict[str, Any], words: str) -> None:
    assert words in reprs.lab_text(replace(samples.LAB, **changes))


def test_a_state_error_alone_says_what_would_be_and_what_must_be() -> None:
    card = replace(samples.BY_STATE, errors=[samples.NEGATIVE])
    first, second = reprs.rejection_text(card).splitlines()[:2]
    assert first == "✗ Refused: outstanding_balance would be −999,899.00, must be ≥ 0."
    assert second == (
        "  ◇ state  rule outstanding_balance ≥ 0 of OutstandingBalance, judged by VirtualOutstandingBalance"
    )


@pytest.mark.parametrize(
    ("rule", "short"),
    [
        ("must be greater than or equal to 0", "must be ≥ 0"),
        ("must be less than or equal to 9.5", "must be ≤ 9.5"),
        ("must be greater than 0", "must be > 0"),
        ("must be less than 2026-01-01", "must be < 2026-01-01"),
        ("must be a multiple of 5", "must be a multiple of 5"),
    ],
)
def test_a_bound_is_short_only_beside_its_value(rule: str, short: str) -> None:
    row = reprs.ErrorRow("state", "balance", rule, "Debt", -1, True)
    assert f"would be −1, {short}" in reprs.errors_text(reprs.ErrorsCard([row], None))
    assert rule in reprs.errors_text(reprs.ErrorsCard([replace(row, has_value=False)], None))


def test_an_event_in_the_middle_of_its_place_in_time_is_told_by_the_version_before_it() -> None:
    first = replace(samples.BACKDATED, place=0, last=None)
    assert "   judged before #1, at its place in time\n" in reprs.rejection_text(first)


def test_the_field_that_says_when_is_not_said_twice() -> None:
    moment = samples.at(2026, 10, 1, 9)
    row = replace(samples.ISSUED, payload={"amount": 1, "at": moment, "due": None}, occurred_at=moment)
    stream = replace(samples.STREAM, first=[row], last=[], more=0)
    assert "amount 1, due –" in reprs.stream_text(stream)
    assert "amount 1<" in reprs.stream_html(stream)
    rejection = replace(samples.BY_STATE, payload=row.payload, at=moment, last=row)
    assert "   amount  1\n   due     –\n" in reprs.rejection_text(rejection)
    assert "happened 1 Oct 2026 09:00:00 UTC" in reprs.rejection_text(rejection)
    assert "at      2026-10-01 09:00" in reprs.event_text(replace(samples.NEW_EVENT, row=row))


def test_the_gist_of_a_refusal_is_what_an_author_wrote() -> None:
    assert sentences.gist([samples.NEGATIVE, samples.EXCEEDS]) == samples.EXCEEDS.message
    assert sentences.gist([]) == ""


def test_ten_fields_are_shown_and_the_others_counted() -> None:
    payload = {f"field_{n}": n for n in range(200)}
    event = replace(samples.NEW_EVENT, row=replace(samples.NEW_EVENT.row, payload=payload))
    rejection = replace(samples.BY_STATE, payload=payload, before=list(payload.items()), errors=[samples.EXCEEDS] * 30)
    lines = [reprs.StateLine(name, 1, 1, "same") for name in payload]
    rejection = replace(rejection, after=[*lines, reprs.StateLine("balance", 1, -1, "offending")])
    assert reprs.event_text(event).endswith("field_9  9\n  … 190 more fields: event.payload()")
    text = reprs.rejection_text(rejection)
    assert text.count("… 190 more fields") == 2
    assert "… 20 more errors" in text
    assert "   ◇  balance  1 → −1\n   =  field_0  1\n" in text
    assert text.endswith("… 191 more fields")


@pytest.mark.parametrize(("kind", "card"), samples.EVERY_CARD)
def test_no_line_is_wider_than_a_hundred_columns(kind: str, card: Any) -> None:
    lines = samples.text(kind, card).splitlines()
    assert max(columns.width(line) for line in lines) <= 100
    assert not any(line != line.rstrip() for line in lines)
