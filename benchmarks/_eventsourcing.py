"""The same debts in `eventsourcing`, the Python library most used for this, in three ways that its documents show.

- Its own aggregates and its own transcoder: what one has without writing a mapper.
- Events that are pydantic models, immutable states, and a mapper and a projector that one writes oneself.
- The same with msgspec, which decodes several times as fast as pydantic.

Each gets the faster of the styles that the documents offer. The events lie in the library's recorder in memory, in the
order of time as in the log beside it; every aggregate is rebuilt with `repository.get`, without the cache.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
import pandas as pd
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, DomainEventProtocol
from eventsourcing.persistence import Mapper, StoredEvent, Transcoder
from eventsourcing.utils import get_topic, resolve_topic
from pydantic import BaseModel, ConfigDict

import funes_lab as fl

_ROWS = """
SELECT idx, version, klass, created_at, props FROM event_entries
WHERE idx IN (SELECT DISTINCT idx FROM event_entries ORDER BY idx LIMIT ?) ORDER BY created_at, version
"""


# its own aggregates


class Debt(Aggregate):
    """A debt with explicit event classes, which are a tenth faster than decorated methods."""

    class Issued(Aggregate.Created):
        """It begins."""

        amount: Decimal
        interest_rate: Decimal
        at: datetime

    class PaymentReceived(Aggregate.Event):
        """A part of it was paid."""

        principal_amount: Decimal
        interest_amount: Decimal
        at: datetime

        def apply(self, aggregate: Debt) -> None:
            """Interpret it."""
            aggregate.outstanding_balance -= self.principal_amount
            aggregate.last_payment_at = self.at

    def __init__(self, amount: Decimal) -> None:
        self.outstanding_balance = amount
        self.last_payment_at: datetime | None = None


# events of pydantic


class PydanticEvent(BaseModel):
    """What all events have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    originator_id: UUID
    originator_version: int
    timestamp: datetime


class PydanticIssued(PydanticEvent):
    """A debt begins."""

    amount: Decimal
    interest_rate: Decimal
    at: datetime


class PydanticPaymentReceived(PydanticEvent):
    """A part of it was paid."""

    principal_amount: Decimal
    interest_amount: Decimal
    at: datetime


class PydanticDebt(BaseModel):
    """The state after an event."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: UUID
    version: int
    outstanding_balance: Decimal
    last_payment_at: datetime | None


class PydanticMapper(Mapper[UUID]):
    """JSON by pydantic, in one step; the documents go through a dict, which is slower."""

    def to_stored_event(self, domain_event: Any) -> StoredEvent:
        """Encode an event."""
        return _stored(domain_event, domain_event.model_dump_json().encode())

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        """Decode it."""
        return resolve_topic(stored_event.topic).model_validate_json(stored_event.state)


# events of msgspec


class MsgspecEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What all events have."""

    originator_id: UUID
    originator_version: int
    timestamp: datetime


class MsgspecIssued(MsgspecEvent, frozen=True):
    """A debt begins."""

    amount: Decimal
    interest_rate: Decimal
    at: datetime


class MsgspecPaymentReceived(MsgspecEvent, frozen=True):
    """A part of it was paid."""

    principal_amount: Decimal
    interest_amount: Decimal
    at: datetime


class MsgspecDebt(msgspec.Struct, frozen=True):
    """The state after an event."""

    id: UUID
    version: int
    outstanding_balance: Decimal
    last_payment_at: datetime | None


class MsgspecMapper(Mapper[UUID]):
    """JSON by msgspec."""

    def to_stored_event(self, domain_event: Any) -> StoredEvent:
        """Encode an event."""
        return _stored(domain_event, msgspec.json.encode(domain_event))

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        """Decode it."""
        return msgspec.json.decode(stored_event.state, type=resolve_topic(stored_event.topic))


def _stored(domain_event: Any, state: bytes) -> StoredEvent:
    return StoredEvent(
        domain_event.originator_id, domain_event.originator_version, get_topic(type(domain_event)), state
    )


class NoTranscoder(Transcoder):
    """A mapper that writes JSON by itself needs none, but an application does."""

    def encode(self, obj: object) -> bytes:
        """Do nothing."""
        raise NotImplementedError

    def decode(self, data: bytes) -> object:
        """Do nothing."""
        raise NotImplementedError


# the three of them


@dataclass(frozen=True)
class Way:
    """One way to write the debts, and the events that lie in its recorder."""

    application: Application[UUID]
    names: Mapping[str, UUID]
    debt: type
    issued: type

    def replay(self) -> pd.DataFrame:
        """Rebuild every aggregate: a row each, with what `lab.replay(P)` gives of it."""
        get = self.application.repository.get
        if self.debt is Debt:
            debts: list[Any] = [get(found) for found in self.names.values()]
        else:
            debts = [get(found, projector_func=self._project) for found in self.names.values()]
        return pd.DataFrame(
            {
                "idx": pd.Categorical(list(self.names)),
                "version": pd.Series([debt.version for debt in debts], dtype="int64"),
                "outstanding_balance": pd.Series([debt.outstanding_balance for debt in debts], dtype=object),
                "last_payment_at": pd.Series([debt.last_payment_at for debt in debts], dtype="datetime64[us, UTC]"),
            }
        )

    def _project(self, debt: Any, events: Iterable[Any]) -> Any:
        make, issued = self.debt, self.issued
        for event in events:
            if type(event) is issued:
                debt = make(id=event.originator_id, version=1, outstanding_balance=event.amount, last_payment_at=None)
            else:
                debt = make(
                    id=debt.id,
                    version=event.originator_version,
                    outstanding_balance=debt.outstanding_balance - event.principal_amount,
                    last_payment_at=event.at,
                )
        return debt


class _PydanticDebts(Application[UUID]):
    env: ClassVar[dict[str, str]] = {
        "MAPPER_TOPIC": get_topic(PydanticMapper),
        "TRANSCODER_TOPIC": get_topic(NoTranscoder),
    }


class _MsgspecDebts(Application[UUID]):
    env: ClassVar[dict[str, str]] = {
        "MAPPER_TOPIC": get_topic(MsgspecMapper),
        "TRANSCODER_TOPIC": get_topic(NoTranscoder),
    }


def ways(lab: fl.Lab, streams: int) -> dict[str, Way]:
    """Store the first so many streams of a log in each way."""
    rows = lab.sql(_ROWS, [streams])
    return {
        "its own aggregates": _filled(rows, Application(), Debt, Debt.Issued, Debt.PaymentReceived),
        "events of pydantic": _filled(rows, _PydanticDebts(), PydanticDebt, PydanticIssued, PydanticPaymentReceived),
        "events of msgspec": _filled(rows, _MsgspecDebts(), MsgspecDebt, MsgspecIssued, MsgspecPaymentReceived),
    }


def _filled(rows: pd.DataFrame, application: Application[UUID], debt: type, issued: type, received: type) -> Way:
    classes = {"Debt::Issued": issued, "Debt::PaymentReceived": received}
    names = {idx: uuid5(NAMESPACE_URL, idx) for idx in sorted(rows.idx.unique())}
    topic = {"originator_topic": get_topic(Debt)}
    application.events.put(
        [
            classes[row.klass](
                originator_id=names[row.idx],
                originator_version=row.version,
                timestamp=row.created_at.to_pydatetime(),
                **(topic if classes[row.klass] is Debt.Issued else {}),
                **_values(row.props),
            )
            for row in rows.itertuples()
        ]
    )
    return Way(application, names, debt, issued)


def _values(props: str) -> dict[str, Any]:
    return {
        name: datetime.fromisoformat(text) if name == "at" else Decimal(text)
        for name, text in json.loads(props).items()
    }
