"""A folder's contents compare by value, so that what did not change is not a change."""

from tenantry_common.contents import Contents, Unreadable


def test_the_same_reason_is_the_same() -> None:
    before: Contents = {"a": Unreadable("gone")}

    assert before == {"a": Unreadable("gone")}
    assert before != {"a": Unreadable("closed")}
