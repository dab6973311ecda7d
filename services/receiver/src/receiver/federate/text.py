"""The text formats: Prometheus' 0.0.4, and OpenMetrics 1.0; pure."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence

from receiver.federate.formats import OPEN_METRICS, TEXT, Key
from receiver.federate.rows import Row, family_of
from tenantry_common import remote_write
from tenantry_common import text_names as names

_REMEMBERED = 1 << 17


class _Lines:
    """Lines of series, by family."""

    def __init__(self, *, utf8: bool) -> None:
        self._utf8 = utf8
        # Most labels are those of other series as well.
        self._pair = functools.lru_cache(maxsize=_REMEMBERED)(self._pair_of)
        self._metric = functools.lru_cache(maxsize=_REMEMBERED)(
            lambda name: names.metric(name, utf8=utf8)
        )

    def encode(
        self, rows: Iterable[Row], family: Callable[[str], str], stamp: Callable[[int], str]
    ) -> dict[Key, bytes]:
        """Return the lines of `rows`; native histograms have none."""
        found: dict[str, list[str]] = {}
        pair, number = self._pair, names.number
        for row in rows:
            if row.histogram:
                continue
            pairs = ",".join([pair(label) for label in row.labels])
            head = names.head(self._metric(row.name), pairs)
            line = f"{head} {number(row.value)} {stamp(row.stamp)}\n"
            found.setdefault(row.name, []).append(line)
        return {Key(family(name), name): "".join(lines).encode() for name, lines in found.items()}

    def written(self, family: str) -> str:
        """Return the name of a family, as it is written behind `# TYPE`."""
        return self._metric(family)[0]

    def _pair_of(self, label: bytes) -> str:
        return ",".join(
            f'{names.label(name, utf8=self._utf8)}="{names.value(value)}"'
            for name, value in remote_write.decode_labels(label).items()
        )


class Text:
    """`text/plain; version=0.0.4`, timestamps in milliseconds."""

    end = b""

    def __init__(self, *, utf8: bool) -> None:
        self._lines = _Lines(utf8=utf8)
        escaping = "allow-utf-8" if utf8 else "values"
        version = "1.0.0" if utf8 else "0.0.4"
        self.content_type = f"{TEXT}; version={version}; charset=utf-8; escaping={escaping}"

    def encode(self, rows: Iterable[Row], types: Mapping[str, str]) -> dict[Key, bytes]:
        """Return the lines by family; those of a histogram or summary stand together."""
        return self._lines.encode(rows, lambda name: family_of(name, types), str)

    def family(self, family: str, kind: str, chunks: Sequence[bytes]) -> list[bytes]:
        """Return the family with its type."""
        head = f"# TYPE {self._lines.written(family)} {kind or 'untyped'}\n"
        return [head.encode(), *chunks]


class OpenMetrics:
    """`application/openmetrics-text; version=1.0.0`, timestamps in seconds.

    Its rules for counters, histograms and the names in them are stricter than what clusters push:
    a family is typed where they hold for certain, and `unknown` otherwise.
    """

    end = b"# EOF\n"

    def __init__(self, *, utf8: bool) -> None:
        self._lines = _Lines(utf8=utf8)
        escaping = "allow-utf-8" if utf8 else "values"
        self.content_type = f"{OPEN_METRICS}; version=1.0.0; charset=utf-8; escaping={escaping}"

    def encode(self, rows: Iterable[Row], types: Mapping[str, str]) -> dict[Key, bytes]:
        """Return the lines by metric name."""
        return self._lines.encode(rows, str, _seconds)

    def family(self, family: str, kind: str, chunks: Sequence[bytes]) -> list[bytes]:
        """Return the family with its type."""
        if kind == "counter" and family.endswith("_total"):
            head = f"# TYPE {self._lines.written(family.removesuffix('_total'))} counter\n"
        else:
            told = "gauge" if kind == "gauge" else "unknown"
            head = f"# TYPE {self._lines.written(family)} {told}\n"
        return [head.encode(), *chunks]


def _seconds(stamp: int) -> str:
    whole, rest = divmod(abs(stamp), 1000)
    return f"{'-' if stamp < 0 else ''}{whole}.{rest:03d}"
