"""Pages of text, read back by the parsers of the official Python client."""

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics_parser

from receiver.federate import rows
from receiver.federate import testing as pushed
from receiver.federate.formats import Format
from receiver.federate.testing import metric
from receiver.federate.text import OpenMetrics, Text

NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: not name.endswith(("_bucket", "_sum", "_count", "_total", "_created", "_info"))
)
LABELS = st.dictionaries(
    NAMES.filter(lambda name: not name.startswith("__") and name not in ("le", "quantile")),
    st.text(min_size=1, max_size=20, alphabet=st.characters(exclude_categories=["Cs"])),
    max_size=4,
)


def page(format: Format, *series: tuple[Mapping[str, str], float, int], **types: str) -> str:
    encoded = format.encode([row for _, row in rows.read(pushed.request(*series))], types)
    pieces = [
        piece
        for family in sorted({key.family for key in encoded})
        for piece in format.family(
            family,
            types.get(family, ""),
            [encoded[k] for k in sorted(encoded) if k.family == family],
        )
    ]
    return b"".join([*pieces, format.end]).decode()


def test_the_text_format_as_it_is() -> None:
    found = page(
        Text(utf8=False),
        (metric("up", job="a b", host='"\\\n'), 1, 1_790_000_000_123),
        (metric("h_bucket", le="+Inf"), 3, 5),
        (metric("h_count"), 3, 5),
        (metric("bare"), math.inf, -5),
        up="gauge",
        h="histogram",
    )

    assert found == (
        "# TYPE bare untyped\n"
        "bare +Inf -5\n"
        "# TYPE h histogram\n"
        'h_bucket{le="+Inf"} 3.0 5\n'
        "h_count 3.0 5\n"
        "# TYPE up gauge\n"
        'up{host="\\"\\\\\\n",job="a b"} 1.0 1790000000123\n'
    )


def test_names_beyond_the_old_alphabet_are_quoted_or_escaped() -> None:
    series = (metric("http.requests", **{"host.name": "a"}), 1.0, 7)

    assert page(Text(utf8=True), series) == (
        '# TYPE "http.requests" untyped\n{"http.requests","host.name"="a"} 1.0 7\n'
    )
    assert page(Text(utf8=False), series) == (
        '# TYPE U__http_2e_requests untyped\nU__http_2e_requests{U__host_2e_name="a"} 1.0 7\n'
    )


def test_open_metrics_types_what_keeps_its_rules() -> None:
    found = page(
        OpenMetrics(utf8=False),
        (metric("a_total"), 1, -1_500),
        (metric("b"), 1, 1_790_000_000_007),
        (metric("c"), 1, 0),
        (metric("h_bucket", le="1"), 1, 0),
        a_total="counter",
        b="gauge",
        c="counter",
        h="histogram",
    )

    assert found == (
        "# TYPE a counter\na_total 1.0 -1.500\n"
        "# TYPE b gauge\nb 1.0 1790000000.007\n"
        "# TYPE c unknown\nc 1.0 0.000\n"
        '# TYPE h_bucket unknown\nh_bucket{le="1"} 1.0 0.000\n'
        "# EOF\n"
    )


@pytest.mark.parametrize("kind", ["", "gauge", "counter"])
@given(
    series=st.lists(
        st.tuples(
            st.builds(lambda name, labels: metric(name) | labels, NAMES, LABELS),
            st.floats(allow_nan=False),
            st.integers(0, 2**41),
        ),
        max_size=6,
        unique_by=lambda one: tuple(sorted(one[0].items())),
    )
)
def test_text_reads_back_as_what_was_pushed(
    kind: str, series: list[tuple[dict[str, str], float, int]]
) -> None:
    types = {labels["__name__"]: kind for labels, _, _ in series if kind}
    text = page(Text(utf8=False), *series, **types)

    found = [
        ({"__name__": sample.name.removesuffix("_total"), **sample.labels}, sample.value)
        for family in parser.text_string_to_metric_families(text)
        for sample in family.samples
    ]

    assert pushed.values(found) == pushed.values([(labels, value) for labels, value, _ in series])


@given(
    st.lists(
        st.tuples(
            st.builds(lambda name, labels: metric(name) | labels, NAMES, LABELS),
            st.floats(allow_nan=False),
            st.integers(0, 2**41),
        ),
        max_size=6,
        unique_by=lambda one: tuple(sorted(one[0].items())),
    )
)
def test_open_metrics_reads_back_as_what_was_pushed(
    series: list[tuple[dict[str, str], float, int]],
) -> None:
    text = page(OpenMetrics(utf8=False), *series)

    found = [
        ({"__name__": sample.name, **sample.labels}, sample.value)
        for family in openmetrics_parser.text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
        for sample in family.samples
    ]

    assert pushed.values(found) == pushed.values([(labels, value) for labels, value, _ in series])
