"""What becomes of a timestamp under each policy."""

import pytest

from receiver.refusal import Reason
from receiver.stamps import Stamps
from tenantry_common import errors, protowire
from tenantry_common.contracts import PushPolicy

NOW = 1_790_000_000_000
AGE = 24 * 3_600_000


@pytest.mark.parametrize(
    ("policy", "pushed", "expected"),
    [
        pytest.param("keep", NOW, NOW, id="now"),
        pytest.param("keep", NOW - AGE, NOW - AGE, id="just young enough"),
        pytest.param("keep", NOW - AGE - 1, Reason.TOO_OLD, id="too old"),
        pytest.param("keep", NOW + AGE, NOW + AGE, id="the future is kept"),
        pytest.param("keep", None, Reason.NO_TIMESTAMP, id="none"),
        pytest.param("keep", -1, Reason.TOO_OLD, id="before 1970"),
        pytest.param("clamp-future", NOW + 1, NOW, id="the future is now"),
        pytest.param("clamp-future", NOW - 1, NOW - 1, id="the past stays"),
        pytest.param("clamp-future", None, Reason.NO_TIMESTAMP, id="none to clamp"),
        pytest.param("overwrite", NOW + 1, NOW, id="overwritten"),
        pytest.param("overwrite", NOW - 2 * AGE, NOW, id="overwritten, however old"),
        pytest.param("overwrite", None, NOW, id="given"),
    ],
)
def test_a_timestamp(policy: str, pushed: int | None, expected: int | Reason) -> None:
    raw = b"" if pushed is None else protowire.varint(pushed)
    made = PushPolicy(sources=("*",), timestamps=policy)  # type: ignore[arg-type]

    found = Stamps(made, NOW).find(raw)

    if isinstance(expected, Reason):
        assert found is expected
    else:
        assert found == (NOW if pushed is None else pushed, expected, protowire.varint(expected))


def test_what_is_no_varint_is_refused() -> None:
    stamps = Stamps(PushPolicy(sources=("*",)), NOW)

    for raw in (b"\x01\x01", b"\xff"):
        with pytest.raises(errors.Undecodable):
            stamps.find(raw)
