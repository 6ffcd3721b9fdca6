"""Secret values, kept out of whatever is shown."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from funes_lab.formats.nested import is_mapping, items

#: What stands for a secret value.
FILTERED: Final = "[FILTERED]"


def mask(mapping: Mapping[str, object], names: Collection[str]) -> dict[str, object]:
    """Replace the secret values of a payload.

    Parameters
    ----------
    mapping : mapping
        The payload; it stays as it is.
    names : collection of str
        Names of fields, at any depth, whose values are secret.

    Returns
    -------
    dict
        What holds no secret is the very object of the payload.

    Examples
    --------
    >>> mask({"name": "Ada", "card": {"pan": "4111"}}, ["pan"])
    {'name': 'Ada', 'card': {'pan': '[FILTERED]'}}
    """
    secret = frozenset(names)
    if not secret:
        return dict(mapping)
    return {k: FILTERED if k in secret else _masked(v, secret) for k, v in mapping.items()}


def _masked(v: object, secret: frozenset[str]) -> object:
    if is_mapping(v):
        known = list(items(v))
        masked = {k: FILTERED if k in secret else _masked(x, secret) for k, x in known}
        return v if all(masked[k] is x for k, x in known) else masked
    if isinstance(v, list | tuple):
        parts = [_masked(x, secret) for x in v]
        if all(new is old for new, old in zip(parts, v, strict=True)):
            return v
        return parts if isinstance(v, list) else tuple(parts)
    return v
