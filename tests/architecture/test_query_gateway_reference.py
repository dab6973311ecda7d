"""What docs/operating/query-gateway.md says of keys and metrics is all that there is, and true."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from query_gateway.config import Config
from query_gateway.identity.settings import Issuer
from query_gateway.metrics import Metrics
from tenantry_common import config

PAGE = (Path(__file__).parents[2] / "docs" / "operating" / "query-gateway.md").read_text()
_CODE = re.compile(r"`([^`]+)`")
_PREFIX = "tenantry_query_gateway_"


def rows(heading: str) -> Iterator[list[str]]:
    """Yield the cells of the tables below a heading."""
    section = re.split(r"^## ", PAGE, flags=re.M)
    (text,) = [part for part in section if part.startswith(heading)]
    for line in text.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def keys(kind: type[msgspec.Struct], prefix: str = "") -> Iterator[str]:
    """Yield the path of every setting that is not a section."""
    for field in msgspec.structs.fields(kind):
        path, inner = f"{prefix}{field.name}", field.type
        if get_origin(inner) is tuple and get_args(inner)[0] is Issuer:
            path, inner = f"{path}[]", Issuer
        if path == "backend_access":  # explained where backends are
            path += ".<name>"
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            yield from keys(inner, f"{path}.")
        else:
            yield path


def test_every_key_has_a_row_and_every_row_a_key() -> None:
    common = set(keys(config.Service))
    documented = [key for row in rows("Configuration") for key in _CODE.findall(row[0])]

    assert sorted(set(keys(Config)) - common) == sorted(documented)


def test_every_default_is_the_documented_one() -> None:
    wrong = {}
    for row in rows("Configuration"):
        names, said = _CODE.findall(row[0]), row[1].split(", ")
        if len(names) != len(said):
            continue  # in words
        for name, text in zip(names, said, strict=True):
            value: Any = Config()
            for step in name.split("."):
                value = getattr(value, step, None)
            plain = text.strip("`")
            if isinstance(value, bool):
                same = plain == str(value).lower()
            elif isinstance(value, int | float):
                same = float(plain) == value if re.fullmatch(r"[\d.]+", plain) else False
            elif isinstance(value, str) and value:
                same = plain == value
            else:
                same = True  # nothing, in words
            if not same:
                wrong[name] = (text, value)

    assert wrong == {}


def test_every_metric_has_a_row_with_its_labels() -> None:
    found = set()
    for metric in vars(Metrics(CollectorRegistry())).values():
        if isinstance(metric, Counter | Gauge | Histogram):
            described = next(iter(metric.describe()))
            suffix = "_total" if isinstance(metric, Counter) else ""
            labels = ",".join(metric._labelnames)
            name = described.name.removeprefix(_PREFIX) + suffix
            found.add(f"{name}{{{labels}}}" if labels else name)
    documented = {name for row in rows("What to look at") for name in _CODE.findall(row[0])}

    assert documented == found
