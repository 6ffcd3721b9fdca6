"""The evidence that nothing is lost: random histories, kills, threads, faults, extremes."""

import pytest

# what the machine asserts is told in full, as in a test
pytest.register_assert_rewrite("tests.proof.machine")
