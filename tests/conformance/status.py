"""How an event, a stream's list and a state look in the notation of the files."""

from __future__ import annotations

from typing import Any

import pandas as pd

from tests.conformance.notation import written

#: Funes' words for a lost race. Ours name the winner, so a conflict is shown in these to be compared.
CONFLICT = ["base", "The current event led to an invalid state"]


def of_event(event: Any) -> dict[str, Any]:
    """The status of an event object."""
    shown = {
        "persisted": event.persisted,
        "version": event.version,
        "created_at": written(event.created_at),
        "occurred_at": written(event.occurred_at),
        "valid": event.valid,
    }
    for name in ("errors", "own_errors", "state_errors"):
        shown[name], shown[f"{name}_full"] = of_errors(getattr(event, name))
    return shown


def of_errors(errors: Any) -> tuple[list[list[str]], list[str]]:
    """A collection of errors: the pairs, and each as a sentence."""
    pairs, sentences = [], []
    for error, sentence in zip(errors, errors.full_messages, strict=True):
        conflict = error.source == "conflict" and error[0] == CONFLICT[0]
        pairs.append(CONFLICT if conflict else list(error))
        sentences.append(CONFLICT[1] if conflict else sentence)
    return pairs, sentences


def attributes_of_event(event: Any) -> dict[str, Any]:
    """The attributes of an event."""
    return {name: written(value) for name, value in event.payload().items()}


def of_stored_event(event: Any, *, with_metainformation: bool) -> dict[str, Any]:
    """An event as it is listed."""
    shown = {
        "type": event.event_name,
        "version": event.version,
        "created_at": written(event.created_at),
        "occurred_at": written(event.occurred_at),
        "attributes": attributes_of_event(event),
    }
    return shown | ({"meta_info": written(event.meta_info)} if with_metainformation else {})


def of_state(state: Any, errors: Any) -> dict[str, Any]:
    """A projected state, with what is wrong with it."""
    return {
        "model": type(state).__name__,
        "attributes": {name: written(getattr(state, name)) for name in type(state).model_fields},
        "valid": not errors,
        "errors": [list(error) for error in errors],
    }


def of_table(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a read model's table, by idx."""
    return sorted(_rows(frame), key=lambda row: row["idx"])


def of_jobs(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The jobs that wait, in order. Ours read the whole log when they run: none is tied to an earlier `as_of`."""
    waiting = frame.loc[frame["status"] == "queued", ["stream", "idx", "projection", "at", "queue"]]
    return [{**row, "as_of": None} for row in _rows(waiting)]


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(name): written(value) for name, value in row.items()} for row in rows]
