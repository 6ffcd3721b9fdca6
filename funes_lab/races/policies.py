"""Retry policies: what a writer does who lost a race.

A policy says how long to wait before the event is tried again on a fresh reading, or that it is given up. It is asked
after lost races only: what a rule refused would be refused again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from random import Random
from typing import ClassVar, Final

from funes_lab import formats

#: So many tries, and an event is given up: nobody tries for ever.
TRIES: Final = 100


@dataclass(frozen=True)
class Policy:
    """What a writer does who lost a race. Make a subclass with a `name` and a `pause` for one of your own.

    A policy for processes must be of a class that a module has.

    Attributes
    ----------
    name : str
        What it is called in frames and pictures.

    Examples
    --------
    >>> from random import Random
    >>> class Patient(Policy):
    ...     name = "patient"
    ...     def pause(self, lost: int, chance: Random) -> float | None:
    ...         return 0.01 if lost < 50 else None
    >>> Patient().pause(1, Random(1))
    0.01
    """

    name: ClassVar[str] = "policy"

    def pause(self, lost: int, chance: Random) -> float | None:
        """Say how long to wait.

        Parameters
        ----------
        lost : int
            How many races this event has lost, from 1 on.
        chance : Random
            The writer's own source of chance, seeded.

        Returns
        -------
        float or None
            Seconds; None to give the event up.
        """
        raise NotImplementedError(f"{type(self).__name__} must say how long to wait: def pause(self, lost, chance)")

    @property
    def words(self) -> str:
        """What it does, in a few words."""
        return self.name


@dataclass(frozen=True)
class NoRetry(Policy):
    """Give the event up after the first lost race.

    Examples
    --------
    >>> NoRetry().pause(1, Random(1)) is None
    True
    """

    name: ClassVar[str] = "none"

    def pause(self, lost: int, chance: Random) -> float | None:  # noqa: ARG002  (the same for every policy)
        """Give up."""
        return None

    @property
    def words(self) -> str:
        """What it does."""
        return "no second try"


@dataclass(frozen=True)
class Immediate(Policy):
    """Read again and try again at once.

    Parameters
    ----------
    tries : int, default 100
        So many tries in all, then the event is given up.

    Examples
    --------
    >>> Immediate(tries=2).pause(1, Random(1)), Immediate(tries=2).pause(2, Random(1))
    (0.0, None)
    """

    name: ClassVar[str] = "immediate"
    tries: int = TRIES

    def __post_init__(self) -> None:
        _check_tries(self.tries)

    def pause(self, lost: int, chance: Random) -> float | None:  # noqa: ARG002  (the same for every policy)
        """Do not wait."""
        return 0.0 if lost < self.tries else None

    @property
    def words(self) -> str:
        """What it does."""
        return f"at once, {self.tries:,} {'try' if self.tries == 1 else 'tries'}"


@dataclass(frozen=True)
class Backoff(Policy):
    """Wait a random time, of which the longest doubles with each lost race: exponential back-off with full jitter.

    After the k-th lost race the wait is drawn evenly between 0 and `min(cap, base * 2 ** (k - 1))` seconds, so that
    writers that lost together come back apart. After Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture
    Blog, March 2015.

    Parameters
    ----------
    base : float, default 0.01
        Seconds: the longest wait after the first lost race, above 0. A few times as long as an append takes is good.
    cap : float, default 0.25
        Seconds: no wait is longer; from `base` to 60.
    tries : int, default 100
        So many tries in all, then the event is given up.

    Examples
    --------
    >>> policy, chance = Backoff(base=0.01, cap=0.02), Random(1)
    >>> all(policy.pause(lost, chance) <= min(0.02, 0.01 * 2 ** (lost - 1)) for lost in range(1, 50))
    True
    """

    name: ClassVar[str] = "backoff"
    base: float = 0.01
    cap: float = 0.25
    tries: int = TRIES

    def __post_init__(self) -> None:
        _check_seconds(self.base, "base")
        _check_seconds(self.cap, "cap")
        if not 0 < self.base <= self.cap <= 60:
            raise ValueError(
                f"base and cap must be seconds with 0 < base <= cap <= 60, got base={self.base!r}, cap={self.cap!r}"
            )
        _check_tries(self.tries)

    def pause(self, lost: int, chance: Random) -> float | None:
        """Draw the wait."""
        if lost >= self.tries:
            return None
        # the exponent is bounded: far beyond any cap, and a float still
        return chance.uniform(0, min(self.cap, self.base * 2.0 ** min(lost - 1, 64)))

    @property
    def words(self) -> str:
        """What it does."""
        base, cap = (formats.value(round(seconds * 1000, 3)).removesuffix(".0") for seconds in (self.base, self.cap))
        return f"random wait, {base} to {cap} ms"


def policies(retry: object) -> dict[str, Policy]:
    """The policies that are meant, by the names that tell them apart.

    Parameters
    ----------
    retry : str, Policy, or list of them

    Returns
    -------
    dict of str to Policy
        In their order. The name is that of the policy; of several that have one name, with what it does.

    Raises
    ------
    TypeError, ValueError
        For what is none, for no policy at all, and for one that is there twice.

    Examples
    --------
    >>> list(policies(["none", Backoff(), Backoff(base=0.05)]))
    ['none', 'backoff, random wait, 10 to 250 ms', 'backoff, random wait, 50 to 250 ms']
    """
    listed = list(retry) if isinstance(retry, Sequence) and not isinstance(retry, str) else [retry]
    if not listed:
        raise ValueError("retry must name a policy at least: 'none', 'immediate' or 'backoff'")
    found = [_policy(one) for one in listed]
    names = [policy.name for policy in found]
    told = [
        policy.name if names.count(policy.name) == 1 else f"{policy.name}, {policy.words}" for policy in found
    ]  # fmt: skip
    for number, name in enumerate(told):
        if name in told[:number]:
            raise ValueError(f"retry has {name!r} twice; name each policy once")
    return dict(zip(told, found, strict=True))


def _policy(given: object) -> Policy:
    if isinstance(given, str) and given in _BY_NAME:
        return _BY_NAME[given]
    if isinstance(given, Policy) and type(given) is not Policy:
        return given
    what = f"'none', 'immediate', 'backoff', or a policy of funes_lab.races.policies, got {given!r}"
    if isinstance(given, str):
        raise ValueError(f"retry must be {what}")
    hint = "; make an instance of it" if isinstance(given, type) and issubclass(given, Policy) else ""
    raise TypeError(f"retry must be {what}{hint}")


def _check_seconds(given: object, name: str) -> None:
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not isfinite(given):
        raise TypeError(f"{name} must be a number of seconds, got {given!r}")


def _check_tries(given: object) -> None:
    if isinstance(given, bool) or not isinstance(given, int):
        raise TypeError(f"tries must be an int, got {given!r}")
    if given < 1:
        raise ValueError(f"tries must be 1 or more, got {given}")


_BY_NAME: Final = {policy.name: policy for policy in (NoRetry(), Immediate(), Backoff())}
