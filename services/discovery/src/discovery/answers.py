"""Read what Prometheus' status endpoints answer; pure.

Each function takes the body of a 200 answer and raises `Unexpected` when it is something else.
"""

import functools
import math
import re
from collections.abc import Mapping

import msgspec
import yaml

from tenantry_common.contracts import HOLDS_NOTHING

_OF_VICTORIA_METRICS = re.compile(rb"^vm_app_version\{", re.MULTILINE)
_OLDEST = re.compile(rb"^prometheus_tsdb_lowest_timestamp ([0-9.e+-]{1,32})$", re.MULTILINE)


class Unexpected(ValueError):
    """The body is not what this endpoint of Prometheus answers; whatever it told is not known."""


class _BuildInfo(msgspec.Struct):
    version: str


class _RuntimeInfo(msgspec.Struct):
    start_time: str = msgspec.field(name="startTime")


class _Config(msgspec.Struct):
    yaml: str


class _Flags(msgspec.Struct):
    enable_feature: str = msgspec.field(default="", name="enable-feature")


class _Envelope[T](msgspec.Struct):
    data: T


_build_info = msgspec.json.Decoder(_Envelope[_BuildInfo])
_runtime_info = msgspec.json.Decoder(_Envelope[_RuntimeInfo])
_config = msgspec.json.Decoder(_Envelope[_Config])
_flags = msgspec.json.Decoder(_Envelope[_Flags])


def version(body: bytes) -> str:
    """Return the version from ``/api/v1/status/buildinfo``."""
    return _decode(_build_info, body).version


def started(body: bytes) -> str:
    """Return when the process started, from ``/api/v1/status/runtimeinfo``, in its own words."""
    return _decode(_runtime_info, body).start_time


def oldest_ms(body: bytes) -> int:
    """Return the time of the oldest stored sample from ``/metrics``, `HOLDS_NOTHING` where there is none."""
    found = _OLDEST.search(body)
    try:
        value = float(found[1]) if found else math.nan
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise Unexpected("prometheus_tsdb_lowest_timestamp is missing")
    return HOLDS_NOTHING if value >= HOLDS_NOTHING else int(value)


def is_victoria_metrics(body: bytes) -> bool:
    """Return whether ``/metrics`` are those of VictoriaMetrics."""
    return _OF_VICTORIA_METRICS.search(body) is not None


def features(body: bytes) -> frozenset[str]:
    """Return the feature flags from ``/api/v1/status/flags``."""
    names = _decode(_flags, body).enable_feature.split(",")
    return frozenset(name.strip() for name in names) - {""}


def external_labels(body: bytes) -> Mapping[str, str]:
    """Return `global.external_labels` from ``/api/v1/status/config``."""
    return _external_labels(_global_section(_decode(_config, body).yaml))


def _decode[T](decoder: msgspec.json.Decoder[_Envelope[T]], body: bytes) -> T:
    try:
        return decoder.decode(body).data
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unexpected(str(error)) from error


def _global_section(text: str) -> str:
    """Cut the `global` section out: the whole may be megabytes, which PyYAML reads for seconds."""
    lines = iter(text.splitlines())
    section = []
    for line in lines:
        if line.startswith("global:"):
            section.append(line)
            break
    for line in lines:
        if line and not line.startswith((" ", "#")):
            break
        section.append(line)
    return "\n".join(section)


class _Global(msgspec.Struct):
    external_labels: dict[str, str] = {}


class _Document(msgspec.Struct):
    globals: _Global | None = msgspec.field(default=None, name="global")


@functools.lru_cache(maxsize=1024)
def _external_labels(section: str) -> Mapping[str, str]:
    try:
        # BaseLoader: every scalar is text, as label values are.
        document = msgspec.convert(yaml.load(section, yaml.BaseLoader) or {}, _Document)  # noqa: S506
    except (yaml.YAMLError, msgspec.ValidationError, RecursionError) as error:
        raise Unexpected(f"configuration: {error}") from error
    return document.globals.external_labels if document.globals else {}
