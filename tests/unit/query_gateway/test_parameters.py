"""The parameters of a request become those of its upstream requests, and nothing else does."""

import pytest

import tenantry_promql as promql
from query_gateway import parameters
from query_gateway.calls import AS_JSON_OR_NOTHING, Call
from query_gateway.endpoints import ENDPOINTS, Endpoint
from query_gateway.failures import Failure
from query_gateway.form import Pairs
from query_gateway.parameters import Arguments

ENDPOINT = {endpoint.name: endpoint for endpoint in ENDPOINTS}
STRICTEST = promql.Upstream.strictest()
MODERN = promql.Upstream(
    major=3,
    label_replace_keeps_histograms=True,
    delayed_name_removal=False,
    experimental_functions=False,
)
SHOP = promql.RuleSet([promql.parse_rule('{namespace="shop"}')])
TWO = promql.RuleSet(map(promql.parse_rule, ('up{job="a"}', '{namespace="shop"}')))


def calls(
    endpoint: Endpoint,
    arguments: Arguments,
    rules: promql.RuleSet = SHOP,
    upstream: promql.Upstream = STRICTEST,
) -> tuple[Call, ...]:
    return parameters.calls(
        endpoint, arguments, rules, upstream, promql.Limits(), now=1000.0, timeout=120
    )


def read(endpoint: str, *pairs: tuple[str, str], body: Pairs = ()) -> Arguments:
    return parameters.read(ENDPOINT[endpoint], pairs, body)


@pytest.mark.parametrize(
    ("endpoint", "url", "body", "arguments"),
    [
        pytest.param(
            "query",
            (("query", "up"), ("time", "1")),
            (("namespace", "a"),),
            Arguments(single={"query": "up", "time": "1", "namespace": "a"}),
            id="from URL and body",
        ),
        pytest.param(
            "query",
            (("query", "up"), ("stats", "all"), ("dedup", "false"), ("match[]", "up")),
            (),
            Arguments(single={"query": "up"}),
            id="unknown ones are dropped, also twice",
        ),
        pytest.param(
            "query",
            (("nope", "1"), ("nope", "2"), ("query", "up"), ("time", "")),
            (),
            Arguments(single={"query": "up"}),
            id="empty is absent",
        ),
        pytest.param(
            "series",
            (("match[]", "a"),),
            (("match[]", "b"), ("match[]", "")),
            Arguments(single={}, selectors=("a", "b", "")),
            id="selectors may be repeated, and an empty one is not absent",
        ),
    ],
)
def test_known_parameters_are_read(
    endpoint: str, url: Pairs, body: Pairs, arguments: Arguments
) -> None:
    assert parameters.read(ENDPOINT[endpoint], url, body) == arguments


@pytest.mark.parametrize(
    ("url", "body"),
    [
        pytest.param((("query", "up"), ("query", "down")), (), id="twice in the URL"),
        pytest.param((("query", "up"),), (("query", "up"),), id="in URL and body, even if equal"),
        pytest.param((), (("time", ""), ("time", "1")), id="once empty"),
        pytest.param((("namespace", "a"),), (("namespace", "b"),), id="the tenant"),
    ],
)
def test_a_single_valued_parameter_that_is_repeated_is_refused(url: Pairs, body: Pairs) -> None:
    with pytest.raises(Failure) as raised:
        parameters.read(ENDPOINT["query"], url, body)

    assert raised.value.kind == "malformed"
    assert "occurs more than once" in raised.value.text


def test_series_needs_a_selector() -> None:
    with pytest.raises(Failure) as raised:
        read("series", ("start", "1"))

    assert (raised.value.status, raised.value.text) == (400, "no match[] parameter provided")


def test_the_label_of_the_path_is_unescaped() -> None:
    assert parameters.read(ENDPOINT["label_values"], (), (), "U__a_2e_b").label == "a.b"


@pytest.mark.parametrize(
    ("text", "limit"), [("0", 0), ("5", 5), ("+5", 5), ("", 0)], ids=["none", "5", "+5", "empty"]
)
def test_a_limit_is_read(text: str, limit: int) -> None:
    assert read("labels", ("limit", text)).limit == limit


@pytest.mark.parametrize("text", ["-1", "x", "1.5", "٣", "1" * 5000, "+"])
def test_a_limit_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Failure) as raised:
        _ = read("labels", ("limit", text)).limit

    assert raised.value.text.startswith('invalid parameter "limit": ')


def test_a_query_goes_upstream_restricted_with_its_time() -> None:
    arguments = read(
        "query",
        ("query", "up"),
        ("time", "5"),
        ("lookback_delta", "1m"),
        ("limit", "3"),
        ("namespace", "shop"),
    )

    assert calls(ENDPOINT["query"], arguments) == (
        Call(
            method="POST",
            path="/api/v1/query",
            form=(
                ("query", 'up{namespace="shop"}'),
                ("limit", "3"),
                ("lookback_delta", "1m"),
                ("time", "5"),
                ("timeout", "120s"),
            ),
        ),
    )


def test_a_range_query_goes_upstream_with_its_range() -> None:
    arguments = read(
        "query_range",
        ("query", "up"),
        ("start", "1"),
        ("end", "2"),
        ("step", "1"),
        ("timeout", "5s"),
        ("time", "9"),
    )

    (call,) = calls(ENDPOINT["query_range"], arguments)

    assert (call.path, call.form) == (
        "/api/v1/query_range",
        (
            ("query", 'up{namespace="shop"}'),
            ("end", "2"),
            ("start", "1"),
            ("step", "1"),
            ("timeout", "5s"),
        ),
    )


def test_pieces_are_evaluated_at_one_pinned_time_and_cut_here() -> None:
    found = calls(ENDPOINT["query"], read("query", ("query", "up[5m]"), ("limit", "1")), TWO)

    assert len(found) == 2
    assert {call.form[1:] for call in found} == {(("timeout", "120s"), ("time", "1000.000"))}


def test_pieces_are_evaluated_at_the_tenants_time() -> None:
    found = calls(ENDPOINT["query"], read("query", ("query", "up[5m]"), ("time", "7")), TWO)

    assert {call.form[1:] for call in found} == {(("time", "7"), ("timeout", "120s"))}


def test_a_range_query_of_a_range_selector_is_left_to_the_backend_to_refuse() -> None:
    found = calls(ENDPOINT["query_range"], read("query_range", ("query", "up[5m]")), TWO)

    assert len(found) == 1


@pytest.mark.parametrize("endpoint", ["series", "labels"])
def test_selectors_go_upstream_restricted_without_the_limit(endpoint: str) -> None:
    arguments = read(endpoint, ("match[]", "up"), ("start", "1"), ("limit", "5"))

    assert calls(ENDPOINT[endpoint], arguments) == (
        Call(
            method="POST",
            path=f"/api/v1/{endpoint}",
            form=(("match[]", 'up{namespace="shop"}'), ("start", "1")),
        ),
    )


def test_where_no_selector_is_given_the_rules_are_sent() -> None:
    (call,) = calls(ENDPOINT["labels"], read("labels"))

    assert call.form == (("match[]", '{namespace="shop"}'),)


RESTRICTED = [
    endpoint
    for endpoint in ENDPOINTS
    if endpoint.upstream and (endpoint.takes_query or endpoint.selectors != "none")
]


@pytest.mark.parametrize("endpoint", RESTRICTED, ids=lambda endpoint: endpoint.name)
def test_no_rules_mean_nothing_and_not_everything(endpoint: Endpoint) -> None:
    arguments = Arguments(single={"query": "up"}, selectors=("up",), label="job")

    (call,) = calls(endpoint, arguments, promql.RuleSet([]), MODERN)

    assert call.form[0][1] == 'up{__tenantry_never__=~".+",__tenantry_never__!~".+"}'


def test_exemplars_are_asked_for_the_permitted_selectors() -> None:
    query = 'sum(rate(a[5m])) / on () absent(b) + {job="x"}'

    (call,) = calls(ENDPOINT["query_exemplars"], read("query_exemplars", ("query", query)))

    assert call == Call(
        method="POST",
        path="/api/v1/query_exemplars",
        media=AS_JSON_OR_NOTHING,
        form=(
            (
                "query",
                'sum(rate(a{namespace="shop"}[5m])) / on () absent(b{namespace=~"shop"}) '
                '+ {job="x",namespace="shop"}',
            ),
        ),
    )


def test_exemplars_of_several_pieces_are_asked_for_one_by_one() -> None:
    found = calls(ENDPOINT["query_exemplars"], read("query_exemplars", ("query", "up[5m]")), TWO)

    assert {call.form[0][1] for call in found} == {
        'up{job="a"}[5m]',
        'up{namespace="shop"}[5m]',
    }


def test_federation_selects_nothing_where_nothing_is_given() -> None:
    (call,) = calls(ENDPOINT["federate"], read("federate"))

    assert call.form == (("match[]", '{__tenantry_never__=~".+",__tenantry_never__!~".+"}'),)
    assert call.media.types == {
        "text/plain",
        "application/openmetrics-text",
        "application/vnd.google.protobuf",
    }


def test_a_search_goes_upstream_with_its_limit_and_with_selectors() -> None:
    arguments = read(
        "search_metric_names",
        ("search[]", "http"),
        ("search[]", "up"),
        ("limit", "5"),
        ("sort_by", "score"),
    )

    (call,) = calls(ENDPOINT["search_metric_names"], arguments, upstream=MODERN)

    assert call.form == (
        ("match[]", '{namespace="shop"}'),
        ("limit", "5"),
        ("sort_by", "score"),
        ("search[]", "http"),
        ("search[]", "up"),
    )
    assert call.media.types == {"application/x-ndjson"}


def test_an_old_backend_has_no_search() -> None:
    with pytest.raises(Failure) as failure:
        calls(ENDPOINT["search_label_names"], read("search_label_names"))

    assert failure.value.status == 404


def test_rules_are_asked_for_without_any_parameter() -> None:
    arguments = read("rules", ("type", "alert"), ("match[]", "{a='b'}"), ("rule_name[]", "x"))

    assert calls(ENDPOINT["rules"], arguments) == (Call(method="GET", path="/api/v1/rules"),)
    assert arguments.several == {"match[]": ("{a='b'}",), "rule_name[]": ("x",)}


@pytest.mark.parametrize(
    ("label", "upstream", "path"),
    [
        pytest.param("job", STRICTEST, "/api/v1/label/job/values", id="legacy"),
        pytest.param(
            "U__x", STRICTEST, "/api/v1/label/U__x/values", id="as it is for Prometheus 2"
        ),
        pytest.param("job", MODERN, "/api/v1/label/job/values", id="legacy for Prometheus 3"),
        pytest.param("a.b", MODERN, "/api/v1/label/U__a_2e_b/values", id="any for Prometheus 3"),
        pytest.param(
            "../../admin",
            MODERN,
            "/api/v1/label/U___2e__2e__2f__2e__2e__2f_admin/values",
            id="path",
        ),
    ],
)
def test_the_label_is_one_harmless_segment(
    label: str, upstream: promql.Upstream, path: str
) -> None:
    arguments = Arguments(single={}, label=label)

    (call,) = calls(ENDPOINT["label_values"], arguments, upstream=upstream)

    assert (call.method, call.path) == ("GET", path)


@pytest.mark.parametrize("label", ["", "a.b", "..", "a/b", "ä"])
def test_a_label_that_the_backend_cannot_have_is_refused(label: str) -> None:
    with pytest.raises(Failure) as raised:
        calls(ENDPOINT["label_values"], Arguments(single={}, label=label))

    assert raised.value.text == f'invalid label name: "{label}"'
