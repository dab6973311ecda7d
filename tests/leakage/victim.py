"""What is stored: the victim's series, which carry a mark, and those that others may see.

The mark never stands in a request. So wherever it stands in an answer, something has leaked; what
leaks as a number is found by comparing with a Prometheus that does not hold the victim's series.
"""

import time
from collections.abc import Mapping
from typing import Any

import aiohttp

import tenantry_promql as promql
from tenantry_common import snappy_block
from tenantry_common.proto import remote_pb2
from tenantry_local.prometheus import REMOTE_WRITE_HEADERS, Prometheus

MARK = "v1ct1m"
END = int(time.time()) // 15 * 15 - 60
"""Seconds since the epoch of the last sample of every series."""
START = END - 600

type Labels = dict[str, str]

TENANTS: dict[str, tuple[str, ...]] = {
    "shop": ('{namespace="shop"}',),
    "union": ('{namespace="shop"}', 'shared_total{team="a"}'),
    "names": ("shop_.*", 'shared_total{namespace="shop"}', 'up{namespace="shop"}'),
    "absent": ('{secret="",namespace!="bank"}',),
    "crossed": ('{__name__=~"sh.*",secret=""}', '{__name__=~".*total",namespace="shop"}'),
    "nobody": (),
}
"""The attackers, and what they may see. The victim itself is the tenant `bank`."""

VICTIM = "bank"


def series() -> list[Labels]:
    """Return all series; every label that the victim's have is also one of others."""
    own = {"namespace": "shop", "team": "a", "instance": "i1", "job": "web"}
    foreign = {"namespace": "bank", "team": "b", "instance": "i1", "job": "web", "secret": MARK}
    found: list[Labels] = []
    for labels in (own, foreign):
        short = labels["namespace"]
        found += [
            {"__name__": name, **labels}
            for name in ("shared_total", "up", "target_info", f"{short}_total", f"{short}_other")
        ]
        found += [
            {"__name__": f"{name}_seconds_bucket", "le": le, **labels}
            for name in ("shared", short)
            for le in ("0.5", "1", "+Inf")
        ]
    found += [
        {"__name__": "shared_total", "team": "a", "instance": "i2"},
        {"__name__": "shared_total", "team": "b", "instance": "i3", "secret": MARK},
        {"__name__": f"hidden_{MARK}", "namespace": "bank", "secret": MARK},
        {"__name__": "hidden_total", f"label_{MARK}": "x", "namespace": "bank", "secret": MARK},
        {"__name__": "hidden_total", "secret": MARK, "namespace": "shop-of-bank"},
    ]
    return found


def permitted(tenant: str) -> promql.RuleSet:
    """Return the compiled rules of one of the tenants."""
    return promql.RuleSet(map(promql.parse_rule, TENANTS[tenant]))


def is_victims(labels: Mapping[str, str]) -> bool:
    """Return whether a series is the victim's."""
    return MARK in str(labels)


async def load(server: Prometheus, rules: promql.RuleSet, now: int) -> None:
    """Store what `rules` permit, each series with the samples that are its own.

    The last one is of `now`: federation answers nothing that is older than the lookback, and the tests
    before these take longer than that.
    """
    message = remote_pb2.WriteRequest()
    for number, labels in enumerate(series()):
        if not rules.matches(labels):
            continue
        one = message.timeseries.add()
        one.labels.extend(
            remote_pb2.Label(name=name, value=labels[name]) for name in sorted(labels)
        )
        for stamp in (*range(START, END + 1, 15), now):
            # Dyadic, so that sums are exact in any order; the victim's are of another size.
            value = (stamp - START) * (number % 5 + 1) / 4 + (7e9 if is_victims(labels) else 0)
            one.samples.add(value=value, timestamp=stamp * 1000)
        exemplar = one.exemplars.add(value=number, timestamp=END * 1000)
        exemplar.labels.add(name="trace_id", value=MARK if is_victims(labels) else f"t{number}")
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        body = snappy_block.compress(message.SerializeToString())
        await session.post(server.remote_write_url, data=body, headers=REMOTE_WRITE_HEADERS)


EXPOSED = f"""\
# HELP hidden_requests What {MARK} does.
# TYPE hidden_requests counter
hidden_requests_total 1
# EOF
"""

RULES: dict[str, Any] = {
    "groups": [
        {
            "name": f"group-{MARK}",
            "interval": "1s",
            "rules": [
                {
                    "alert": "Bank",
                    "expr": 'count(shared_total{namespace="bank"}) or vector(1)',
                    "labels": {"secret": MARK, "namespace": "bank"},
                    "annotations": {"summary": MARK},
                },
                {
                    "record": "hidden:recorded",
                    "expr": "vector(1)",
                    "labels": {"secret": MARK, "namespace": "bank"},
                },
            ],
        }
    ]
}
