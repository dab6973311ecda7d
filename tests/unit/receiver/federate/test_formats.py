"""A client gets a format that it reads."""

import pytest

from receiver.federate.formats import OPEN_METRICS, PROTOBUF, TEXT, Wish, wish

PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
NATIVE_2_42 = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
    f"{PROMETHEUS_2_42.replace('version=1.0.0,', 'version=1.0.0;q=0.8,')}"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        pytest.param("", Wish(TEXT, False), id="nothing said"),
        pytest.param("*/*", Wish(TEXT, False), id="everything"),
        pytest.param("text/html", None, id="nothing in common"),
        pytest.param(PROMETHEUS_2_42, Wish(TEXT, False), id="text, as Prometheus federates"),
        pytest.param(NATIVE_2_42, Wish(PROTOBUF, False), id="native histograms are wanted"),
        pytest.param(PROMETHEUS_3, Wish(TEXT, True), id="UTF-8 names are read"),
        pytest.param("application/openmetrics-text", Wish(OPEN_METRICS, False), id="no text"),
        pytest.param("text/plain;q=0, */*;q=0", None, id="all refused"),
        pytest.param("text/plain;q=nan", None, id="a quality that is none"),
        pytest.param(f"{PROTOBUF};encoding=text,text/plain;q=0.1", Wish(TEXT, False), id="other"),
    ],
)
def test_the_header_decides(accept: str, expected: Wish | None) -> None:
    assert wish(accept) == expected
