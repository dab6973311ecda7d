"""What a backend's error answer means for the tenant; pure.

Error texts are a way out for what was injected: a backend that complains about the query quotes
the rewritten one, which names other series. So a text reaches the tenant only if it is one of
Prometheus' that can hold nothing but the tenant's own parameters and permitted series. Every other
text is replaced.
"""

import re

import msgspec

from query_gateway.failures import Failure, Kind


class ErrorAnswer(msgspec.Struct, frozen=True):
    """The error envelope of Prometheus, as a backend sends it."""

    status: str
    error_type: str = msgspec.field(default="", name="errorType")
    error: str = ""


_decoder = msgspec.json.Decoder(ErrorAnswer)

_KIND: dict[str, Kind] = {
    "bad_data": "upstream_bad_data",
    "execution": "upstream_execution",
    "422": "upstream_execution",  # VictoriaMetrics names its statuses
    "timeout": "timeout",
    "canceled": "timeout",
}

# Complaints about parameters other than `query` and `match[]`, which hold what the tenant sent,
# and those of evaluation, which hold literals of the query or labels of permitted series.
_HARMLESS = re.compile(
    r"""
      invalid\ parameter\ "(?:start|end|time|step|timeout|lookback_delta|limit)":\ .*
    | exceeded\ maximum\ resolution\ of\ [\d,]+\ points\ per\ timeseries\..*
    | invalid\ expression\ type\ "[a-z ]+"\ for\ range\ query,\ must\ be\ Scalar\ or\ instant\ Vector
    | query\ (?:timed\ out|was\ canceled)\ in\ [a-z ]+
    | query\ processing\ would\ load\ too\ many\ samples\ into\ memory\ in\ [a-z ]+
    | vector\ cannot\ contain\ metrics\ with\ the\ same\ labelset
    | multiple\ matches\ for\ labels:\ [a-zA-Z_/() -]+
    | found\ duplicate\ series\ for\ the\ match\ group\ \{.*\}\ on\ the\ (?:left|right)
      \ hand-?side\ of\ the\ operation:\ \[.*\];\ ?many-to-many\ matching\ not\ allowed:
      \ matching\ labels\ must\ be\ unique\ on\ one\ side
    | invalid\ (?:source|destination)\ label\ name\ in\ label_(?:replace|join)\(\):\ .*
    | invalid\ (?:regular\ expression|regexp)\ in\ label_replace\(\):\ .*
    | invalid\ label\ name\ ".*"
    | Scalar\ value\ \S+\ (?:under|over)flows\ int64
    | Parameter\ value\ is\ NaN
    """,
    re.VERBOSE | re.DOTALL,
)
_UNKNOWN_FUNCTION = re.compile(r'.*parse error: unknown function with name "([a-zA-Z0-9_]+)"')

_SAMPLE_LIMIT = re.compile(r"exceeded sample limit \(\d+\)")


def judge(status: int, body: bytes) -> Failure | None:
    """Return what the tenant is told, or None when another backend may well do better.

    `body` may be cut off. A query that timed out is not tried elsewhere: that would only double the
    load.
    """
    if status not in (400, 422, 503):
        return None
    try:
        answer = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if (answer.error_type, answer.error) == ("unavailable", "search API disabled"):
        return Failure("refused", "search is not enabled at the backend")
    kind = _KIND.get(answer.error_type)
    if answer.status != "error" or kind is None:
        return None
    return Failure(kind, cleaned(kind, answer.error))


def judge_text(status: int, body: bytes) -> Failure | None:
    """Return the same for an endpoint that knows no envelope: federation and remote read."""
    if status != 400:
        return None
    text = body.decode("utf-8", "replace").strip()
    if _SAMPLE_LIMIT.fullmatch(text):
        return Failure("upstream_execution", text)
    return Failure("upstream_bad_data", cleaned("upstream_bad_data", ""))


def cleaned(kind: Kind, text: str) -> str:
    """Return `text` if it can hold nothing that was injected, else what kind of error it was."""
    if _HARMLESS.fullmatch(text):
        return text
    if unknown := _UNKNOWN_FUNCTION.fullmatch(text):
        return f'invalid parameter "query": parse error: unknown function with name "{unknown[1]}"'
    match kind:
        case "upstream_bad_data":
            return (
                "the backend does not accept the request (400); it may use syntax or functions "
                "that its version does not know"
            )
        case "timeout":
            return "the query timed out or was canceled at the backend (503)"
        case _:
            return "the backend could not evaluate the query (422)"
