"""What a tenant accepts becomes what Prometheus is asked for, in our words."""

import pytest

from query_gateway import federation


@pytest.mark.parametrize(
    ("accept", "asked"),
    [
        pytest.param("", "text/plain;version=0.0.4", id="nothing"),
        pytest.param("application/json", "text/plain;version=0.0.4", id="nothing that is known"),
        pytest.param("*/*", "*/*", id="anything"),
        pytest.param(
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily;"
            "encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;"
            "escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
            "encoding=delimited;q=0.6, application/openmetrics-text;version=1.0.0;"
            "escaping=allow-utf-8;q=0.5, text/plain;version=0.0.4;q=0.2, */*;q=0.1",
            id="what Prometheus sends",
        ),
        pytest.param(
            "text/plain;version=9.9, TEXT/plain", "text/plain", id="another version is dropped"
        ),
        pytest.param(
            "application/vnd.google.protobuf;proto=other.Message, */*",
            "*/*",
            id="another message is dropped",
        ),
        pytest.param("text/plain;evil=1;q=7;q=x", "text/plain", id="other parameters are dropped"),
        pytest.param("text/plain;q=nan", "text/plain", id="no quality"),
        pytest.param('text/plain;version="0.0.4"', "text/plain;version=0.0.4", id="quoted"),
    ],
)
def test_only_known_formats_are_asked_for(accept: str, asked: str) -> None:
    assert federation.media(accept).accept == asked


def test_a_header_of_any_length_is_read_in_part() -> None:
    assert len(federation.media("*/*," * 10_000).accept) < 200
