"""Answers compare whatever order their series come in."""

from tenantry_cli.demo import queries


def test_series_are_put_in_order() -> None:
    one = {"metric": {"a": "1"}, "value": [1, "2"]}
    two = {"metric": {"a": "2"}, "value": [1, "3"]}

    assert queries.result({"data": {"result": [two, one]}}) == [one, two]


def test_an_error_holds_no_series() -> None:
    assert queries.result({"status": "error"}) == []


def test_every_way_of_being_wrong_is_asked() -> None:
    statuses = {
        ask.expect.status for ask in queries.ASKS if isinstance(ask.expect, queries.Refused)
    }

    assert statuses == {400, 401, 403, 422}
