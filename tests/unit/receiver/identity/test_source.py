"""Ids from outside are bounded, and what may be revoked of a source is named."""

import pytest

from receiver.identity.source import Source, cluster_id
from receiver.refusal import Refused
from tenantry_common.subjects import JobRef


@pytest.mark.parametrize("text", ["a", "../../../evil", "a\nb", "ä€", "x" * 255])
def test_an_id_is_any_text_of_some_length(text: str) -> None:
    assert cluster_id(text) == text


@pytest.mark.parametrize("text", ["", "x" * 256, "é" * 128, "\ud800"])
def test_an_id_that_is_none(text: str) -> None:
    with pytest.raises(Refused):
        cluster_id(text)


def test_what_may_be_revoked_is_named() -> None:
    source = Source(job=JobRef("t", "j"), cluster="c/d", mode="token", credential="x", token="y")  # noqa: S106

    assert dict(source.names) == {"cluster": "t/j/c/d", "credential": "x", "token": "y"}
