"""What ends where is not in doubt."""

import pytest

from query_gateway import framing
from query_gateway.failures import Failure


@pytest.mark.parametrize(
    ("version", "codings"),
    [((1, 0), []), ((1, 1), []), ((1, 1), ["chunked"]), ((1, 1), [" Chunked "])],
)
def test_chunked_is_taken(version: tuple[int, int], codings: list[str]) -> None:
    framing.check(version, codings)


@pytest.mark.parametrize(
    ("version", "codings"),
    [
        ((1, 0), ["chunked"]),
        ((1, 1), ["gzip, chunked"]),
        ((1, 1), ["identity, chunked"]),
        ((1, 1), ["gzip", "chunked"]),
        ((1, 1), ["chunked", "chunked"]),
        ((1, 1), ["identity"]),
        ((1, 1), [""]),
    ],
)
def test_everything_else_is_refused(version: tuple[int, int], codings: list[str]) -> None:
    with pytest.raises(Failure) as failure:
        framing.check(version, codings)

    assert failure.value.status == 400
