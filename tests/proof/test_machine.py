"""Random histories in memory: whatever a person does, the lab does what the model says."""

from __future__ import annotations

from tests.proof.machine import Machine
from tests.proof.profile import histories


class InMemory(Machine):
    """Half of the histories."""


TestInMemory = InMemory.TestCase
TestInMemory.settings = histories()
