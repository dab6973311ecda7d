"""What a call says of itself."""

from query_gateway.calls import AS_JSON, AS_SAMPLES, Call, Media


def test_a_call_wants_json_unless_it_says_otherwise() -> None:
    assert Call(method="GET", path="/x").media is AS_JSON
    assert (
        Media(accept="application/json", types=frozenset({"application/json"}), encoding="identity")
        == AS_JSON
    )
    assert AS_SAMPLES.encoding == "snappy"


def test_a_message_is_not_shown() -> None:
    assert "secret" not in repr(Call(method="POST", path="/x", message=b"secret"))
