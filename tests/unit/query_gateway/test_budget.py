"""Bytes are taken until none are left."""

import pytest

from query_gateway.budget import Budget
from query_gateway.failures import Failure


def test_what_is_given_back_can_be_taken_again() -> None:
    budget = Budget(10)
    budget.take(8)
    budget.give_back(5)
    budget.take(7)

    assert budget.used == 10


def test_more_than_there_is_is_refused_by_the_limits_name() -> None:
    budget = Budget(10)
    budget.take(10)

    with pytest.raises(Failure, match=r"buffered_bytes \(10\)"):
        budget.take(1)
