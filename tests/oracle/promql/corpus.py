"""Queries and series of somebody else's: files in the form of Prometheus' own tests (`*.test`).

    load 5m
      http_requests{job="api"} 0+10x10 _ stale 5
    eval instant at 50m sum(http_requests)

What such a file expects is not looked at: the permitted server says what is right. Nothing of the
kind is part of this repository; `--corpus` names a folder.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.oracle.promql import curves, native, wire
from tests.oracle.promql.universe import Abilities

from tenantry_promql import PromQLError, parse_selector
from tenantry_promql.numbers import duration_ms

_LOAD = re.compile(r"load(?:_with_nhcb)?\s+(\S+)")
_EVAL = re.compile(r"eval\S*\s+(?:instant\s+(?:at\s+\S+\s+)?|range\s+from\s+\S+\s+to\s+\S+\s+step\s+\S+\s+)(.+)")  # fmt: skip
_SERIES = re.compile(r"""((?:[^\s{]+)?\s*(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?)\s+(\S.*)""")
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+|0x[0-9a-fA-F]+|Inf|NaN)"
_VALUE = re.compile(rf"(?:(_|stale)|({_NUMBER})([+-]{_NUMBER.removeprefix('[+-]?')})?)(?:x(\d+))?")
_HISTOGRAM = "{{"
_NOT_IN_RULES = ("__type__", "__unit__")  # and rules are drawn from what is stored


@dataclass(frozen=True)
class _Written:
    """A series as a file writes it."""

    labels: Mapping[str, str]
    interval: int
    """Milliseconds."""
    values: str


@dataclass(frozen=True)
class Corpus:
    """What the files of a folder hold, each query and each series once."""

    queries: tuple[str, ...] = ()
    written: tuple[_Written, ...] = ()

    def series(self, abilities: Abilities) -> Iterator[wire.Series]:
        """Yield the series that such a server can store, from `curves.START` on.

        Of a native histogram only that it is one counts: other ones stand for it.
        """
        for one in self.written:
            if not abilities.utf8_names and not all(map(_is_legacy, _names(one.labels))):
                continue
            times = range(curves.START, curves.END, one.interval)
            if _HISTOGRAM not in one.values:
                yield wire.series(one.labels, _samples(one.values, times), [])
            elif abilities.native_histograms:
                rng = Random(repr(one.labels))  # noqa: S311 - data of tests
                yield wire.series(one.labels, [], native.exponential(rng, times[:200]))


def read(folder: Path | None) -> Corpus:
    """Read all `*.test` files below a folder; no folder is an empty corpus."""
    queries: dict[str, None] = {}
    written: dict[tuple[tuple[str, str], ...], _Written] = {}
    for path in sorted(folder.rglob("*.test")) if folder else ():
        interval = 0
        for line in path.read_text(encoding="utf-8").splitlines():
            if found := _EVAL.match(line):
                queries[found[1].strip()] = None
            elif found := _LOAD.match(line):
                interval = duration_ms(found[1])
            elif not line.startswith((" ", "\t")):
                interval = 0
            elif interval and (found := _SERIES.fullmatch(line.strip())):
                labels = _labels(found[1])
                if labels and labels.keys().isdisjoint(_NOT_IN_RULES):
                    one = _Written(labels, interval, found[2])
                    written.setdefault(tuple(sorted(labels.items())), one)
    return Corpus(tuple(queries), tuple(written.values()))


def _labels(text: str) -> dict[str, str]:
    try:
        return {label: value for label, _, value in parse_selector(text) if value}
    except PromQLError:
        return {}


def _samples(values: str, times: range) -> curves.Samples:
    """Write out `1 2+3x4 _x2 stale` as samples at these times, as far as they reach."""
    samples: curves.Samples = []
    waiting = iter(times)
    for found in _VALUE.finditer(values):
        word, first, step, more = found.groups()
        value = curves.STALE if word == "stale" else float(first) if first else None
        # `1x3` is a value and three more, `_x3` three gaps.
        for _ in range(int(more or 1) if word else int(more or 0) + 1):
            time = next(waiting, None)
            if time is None:
                return samples
            if value is not None:
                samples.append((time, value))
                value += float(step or 0)
    return samples


def _names(labels: Mapping[str, str]) -> Iterator[str]:
    yield labels.get("__name__", "").replace(":", "_")
    yield from labels


def _is_legacy(name: str) -> bool:
    return re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name, re.ASCII) is not None
