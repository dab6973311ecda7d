"""What Grafana sends to a Prometheus data source, as data.

Written down from the data source of Grafana 9 to 12: the paths, methods, parameters and headers; the
times are filled in when they are sent. A data source with the method POST sends queries as forms, and
asks for everything else by GET; with the method GET everything is in the URL.
"""

from dataclasses import dataclass

HEADERS = {
    "User-Agent": "Grafana/12.1.0",
    "Accept": "application/json, text/plain, */*",
    "Accept-Encoding": "gzip",
    "X-Grafana-Org-Id": "1",
    "X-Datasource-Uid": "prometheus",
    "X-Dashboard-Uid": "d-1",
    "X-Panel-Id": "2",
    "X-Panel-Plugin-Id": "timeseries",
    "X-Query-Group-Id": "g-1",
    "X-Grafana-From-Expr": "false",
    "FromAlert": "false",
    "X-Grafana-Referer": "https://grafana/d/d-1",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "Cookie": "grafana_session=x",
}


@dataclass(frozen=True)
class Shape:
    """One kind of request."""

    name: str
    method: str
    path: str
    parameters: tuple[tuple[str, str], ...] = ()


SHAPES = (
    Shape("save and test", "POST", "/api/v1/query", (("query", "1+1"), ("time", "{end}"))),
    Shape("heuristics", "GET", "/api/v1/status/buildinfo"),
    Shape(
        "a panel",
        "POST",
        "/api/v1/query_range",
        (
            ("query", "sum by (job) (rate(requests_total[1m]))"),
            ("start", "{start}.5"),
            ("end", "{end}"),
            ("step", "15"),
        ),
    ),
    Shape(
        "a panel by GET",
        "GET",
        "/api/v1/query_range",
        (("query", "up"), ("start", "{start}"), ("end", "{end}"), ("step", "15s")),
    ),
    Shape(
        "a panel with custom parameters",
        "POST",
        "/api/v1/query_range?max_source_resolution=5m&timeout=30s",
        (("query", "up"), ("start", "{start}"), ("end", "{end}"), ("step", "15")),
    ),
    Shape(
        "an instant panel",
        "POST",
        "/api/v1/query",
        (("query", "topk(3, up)"), ("time", "{end}.25")),
    ),
    Shape(
        "exemplars",
        "POST",
        "/api/v1/query_exemplars",
        (
            ("query", "histogram_quantile(0.9, sum(rate(requests_total[1m])) by (le))"),
            ("start", "{start}"),
            ("end", "{end}"),
        ),
    ),
    Shape(
        "the metrics browser",
        "GET",
        "/api/v1/label/__name__/values",
        (("start", "{start}"), ("end", "{end}"), ("limit", "40000")),
    ),
    Shape(
        "label names of a selector",
        "GET",
        "/api/v1/labels",
        (
            ("start", "{start}"),
            ("end", "{end}"),
            ("match[]", '{__name__="requests_total"}'),
            ("limit", "40000"),
        ),
    ),
    Shape(
        "label names by POST",
        "POST",
        "/api/v1/labels",
        (("match[]", "requests_total"), ("start", "{start}"), ("end", "{end}")),
    ),
    Shape(
        "values of a label",
        "GET",
        "/api/v1/label/job/values",
        (
            ("start", "{start}"),
            ("end", "{end}"),
            ("match[]", 'requests_total{code=~"5.."}'),
        ),
    ),
    Shape(
        "a variable of label values",
        "GET",
        "/api/v1/label/code/values",
        (("match[]", "requests_total"),),
    ),
    Shape(
        "a variable of series",
        "GET",
        "/api/v1/series",
        (("match[]", "up"), ("start", "{start}"), ("end", "{end}")),
    ),
    Shape(
        "a variable of series by POST",
        "POST",
        "/api/v1/series",
        (
            ("match[]", '{job=~"api|web"}'),
            ("start", "{start}"),
            ("end", "{end}"),
            ("limit", "40000"),
        ),
    ),
    Shape(
        "a variable of a result",
        "GET",
        "/api/v1/query",
        (("query", "count(up)"), ("time", "{end}")),
    ),
    Shape("help for metrics", "GET", "/api/v1/metadata", (("limit", "40000"),)),
    Shape("help for one metric", "GET", "/api/v1/metadata", (("metric", "up"),)),
    Shape("rules", "GET", "/api/v1/rules"),
    Shape("alert rules", "GET", "/api/v1/rules", (("type", "alert"), ("exclude_alerts", "true"))),
    Shape("alerts", "GET", "/api/v1/alerts"),
    Shape(
        "an annotation",
        "POST",
        "/api/v1/query_range",
        (
            ("query", "changes(up[1m]) > 0"),
            ("start", "{start}"),
            ("end", "{end}"),
            ("step", "60"),
        ),
    ),
    Shape(
        "an ad-hoc filter",
        "GET",
        "/api/v1/labels",
        (("match[]", '{__name__=~"requests_total|up"}'),),
    ),
)
"""Those that a Prometheus 2.42 answers too, so that answers can be compared."""
