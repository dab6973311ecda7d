"""How long rewriting takes, beside a `json.loads` of as many bytes.

    python tests/bench/bench_promql.py

Processor time of this thread. Machines differ, and so do runs on a busy one: compare the ratios.

"Never seen before" is what a gateway that has been running meets: texts, metric names and label values that
occur only once, while the process and the rule set are warm. "Nothing remembered" has seen the text but has
forgotten all that it worked out about texts and selectors.
"""

import functools
import json
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from tenantry_promql import (
    Limits,
    Matcher,
    PromQLError,
    RuleSet,
    Upstream,
    format_selector,
    parse_rule,
    rewrite_query,
)
from tenantry_promql import rewrite as rewriting
from tenantry_promql.lexer import tokenize
from tenantry_promql.reader import read

MODERN = Upstream(3, True, False, True, immediate_name_removal=True, info_over_unions=True)

# What dashboards and alerts ask.
QUERIES = [
    "up",
    'up{job="prometheus"} == 0',
    'sum by (job) (rate(http_requests_total{job="api"}[5m]))',
    "histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket"
    '{job="api",code=~"2.."}[5m])))',
    'node_memory_MemAvailable_bytes{instance="a:9100"} / node_memory_MemTotal_bytes * 100',
    'sum(rate(container_cpu_usage_seconds_total{namespace="shop",image!=""}[5m])) by (pod)',
    '100 - (avg by (instance) (irate(node_cpu_seconds_total{mode="idle"}[5m])) * 100)',
    'absent(up{job="api"})',
    'kube_pod_status_phase{phase=~"Pending|Unknown"} == 1',
    "topk(10, sum by (namespace) (kube_pod_info))",
    'increase(http_requests_total{status=~"5.."}[1h]) > on (job) group_left sum by (job) (quota)',
    "max_over_time(rate(queue_length[5m])[1h:1m] offset 1d)",
    'label_replace(kube_node_info, "node", "$1", "instance", "(.*):.*")',
    "sum(kube_pod_container_resource_requests) by (ns) / sum(kube_node_status_allocatable) by (ns)",
    '{job="api",__name__=~"http_.*"}',
]

# The same kinds of queries, for names and values that nobody has asked for before.
SHAPES = [
    "{name}",
    '{name}{{job="{value}"}} == 0',
    'sum by (job) (rate({name}{{job="{value}"}}[5m]))',
    "histogram_quantile(0.99, sum by (le) (rate({name}_bucket"
    '{{job="{value}",code=~"{code}.."}}[5m])))',
    '{name}{{instance="{value}:9100"}} / {name}_total * 100',
    'sum(rate({name}{{namespace="{value}",image!=""}}[5m])) by (pod)',
    '100 - (avg by (instance) (irate({name}{{mode="{value}"}}[5m])) * 100)',
    'absent({name}{{job="{value}"}})',
    '{name}{{phase=~"{value}|Unknown"}} == 1',
    "topk(10, sum by (namespace) ({name}))",
    'increase({name}{{status=~"{code}.."}}[1h]) > on (job) group_left sum by (job) ({name}_quota)',
    "max_over_time(rate({name}[5m])[1h:1m] offset 1d)",
    'label_replace({name}, "node", "$1", "instance", "(.*):.*")',
    "sum({name}) by (ns) / sum({name}_allocatable) by (ns)",
    '{{job="{value}",__name__=~"{name}.*"}}',
]
NAMES = ["node_cpu", "http_requests", "kube_pod", "container_cpu", "up", "quota", "go", "app"]
VALUES = ["shop", "pay", "api", "web", "other"]
NEW_QUERIES = 1500

TEN_MIXED = [
    "node_.*",
    "http_requests_total",
    'up{namespace="shop"}',
    '{namespace="shop",job=~"api|web"}',
    '{namespace="pay"}',
    '{job="api",env!="dev"}',
    '{__name__=~"kube_.*",namespace="shop"}',
    '{team=~"shop-.*"}',
    'container_cpu_usage_seconds_total{namespace=~"shop|pay"}',
    "quota",
]
RULE_SETS: dict[str, Callable[[], list[tuple[Matcher, ...]]]] = {
    "1 rule": lambda: [parse_rule('{namespace="shop"}')],
    "4 mixed": lambda: list(map(parse_rule, TEN_MIXED[:4])),
    "10 mixed": lambda: list(map(parse_rule, TEN_MIXED)),
    "100 namespace x name": lambda: [
        (Matcher("namespace", "=", f"ns-{n}"), Matcher("__name__", "=~", f"app{n}_.*"))
        for n in range(100)
    ],
    "1,000 names": lambda: [(Matcher("__name__", "=", f"metric_{n}"),) for n in range(1000)],
    "300 namespaces": lambda: [(Matcher("namespace", "=", f"ns-{n}"),) for n in range(300)],
    "1,000 pairs of expressions": lambda: [
        (Matcher("namespace", "=~", f"n[s]-{n}x*"), Matcher("__name__", "=~", f"p[x]{n}_.*"))
        for n in range(1000)
    ],
}


def document(size: int) -> str:
    """Return a JSON document of about so many bytes: series as Prometheus answers them."""
    one = {"metric": {"job": "api"}, "value": [1, "0.5"]}
    return json.dumps([one] * round(size / len(json.dumps(one))))


def parsing(size: int) -> Callable[[], object]:
    return functools.partial(json.loads, document(size))


def new_queries(seed: int) -> Iterator[str]:
    """Yield queries that differ from one another, and from those of other seeds, in names and values."""
    chosen = random.Random(seed)
    for number in range(NEW_QUERIES):
        yield SHAPES[number % len(SHAPES)].format(
            name=f"{chosen.choice(NAMES)}_{chosen.getrandbits(32):x}",
            value=f"{chosen.choice(VALUES)}-{chosen.getrandbits(32):x}",
            code=f"{chosen.randrange(1, 6)}{chosen.getrandbits(16):x}",
        )


def show(text: str) -> None:
    sys.stdout.write(text + "\n")


def quantile(times: Sequence[float], q: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * q))]


def timed(call: Callable[[], object], times: int = 1) -> float:
    """Return microseconds per call; the clock takes one itself, hence `times` for the fastest."""
    started = time.thread_time_ns()
    for _ in range(times):
        call()
    return (time.thread_time_ns() - started) / 1000 / times


def measure(
    calls: Iterable[Callable[[], object]],
    *,
    repeat: int = 60,
    times: int = 1,
    before: Callable[[], None] | None = None,
) -> list[float]:
    measured = []
    for call in list(calls):
        for _ in range(repeat):
            if before is not None:
                before()
            measured.append(timed(call, times))
    return measured


def line(name: str, times: Sequence[float], unit: float) -> None:
    p50, p95, p99 = (quantile(times, q) for q in (0.5, 0.95, 0.99))
    show(f"{name:44} p50 {p50:8.1f}  p95 {p95:8.1f}  p99 {p99:8.1f} us   {p50 / unit:6.1f} x json")


def rewriting_of(query: str, rules: RuleSet) -> Callable[[], None]:
    def call() -> None:
        try:
            rewrite_query(query, rules, upstream=MODERN)
        except PromQLError:
            return  # contextlib.suppress would take as long as a remembered query

    return call


def rewrites(rules: RuleSet) -> list[Callable[[], None]]:
    return [rewriting_of(query, rules) for query in QUERIES]


def bench_queries(unit: float) -> None:
    line("lexer", measure(functools.partial(tokenize, query) for query in QUERIES), unit)
    line("reader", measure(functools.partial(read, query) for query in QUERIES), unit)
    for name, make in RULE_SETS.items():
        given = make()
        rules = RuleSet(given)
        compiling = min(measure([functools.partial(RuleSet, given)], repeat=3))
        beside = compiling / min(measure([parsing(sum(map(len, map(format_selector, given))))]))
        show(
            f"\n{name}: {len(given)} rules compile to {len(rules.rules)} in {compiling / 1000:.1f} ms   "
            f"{beside:6.1f} x json"
        )
        calls = rewrites(rules)

        def forget(rules: RuleSet = rules) -> None:
            rewriting.forget()
            rules.forget()

        for query in new_queries(1):  # a process that has been running
            rewriting_of(query, rules)()
        new = (rewriting_of(query, rules) for query in new_queries(2))
        line("  never seen before", measure(new, repeat=1), unit)
        line("  nothing remembered", measure(calls, before=forget), unit)
        line("  selectors remembered", measure(calls, before=rewriting.forget), unit)
        line("  query remembered", measure(calls, times=200), unit)


def hostile() -> dict[str, str]:
    """Queries of 64 kB made to be expensive."""
    nested = "1"
    for number in range(40):
        nested = f"quantile_over_time(scalar({nested if number else 'a'}), a{number}[5m])"
    texts = {
        "one selector 32,000 times": "+".join(["a"] * 32_000),
        "9,000 metrics": "+".join(f"a{n}" for n in range(9_000)),
        "5,000 nameless selectors": "+".join(f'{{x{n}="1"}}' for n in range(5_000)),
        "3,400 namespaces": "+".join(f'{{namespace="{n}"}}' for n in range(3_400)),
        "3,000 namespace expressions": "+".join(f'{{namespace=~"{n}.?"}}' for n in range(3_000)),
        "2,200 large expressions": "+".join(
            f'{{a=~"(\\\\pL|\\\\pN){{{n % 90 + 10}}}"}}' for n in range(2_200)
        ),
        "11,000 values": f'{{job=~"{"|".join(map(str, range(11_000)))}"}}',
        "5,000 names with dots": f'{{__name__=~"{"|".join(f"m.{n}" for n in range(5_000))}"}}',
        "6,000 matchers": f"{{{','.join(f'a!="{n}"' for n in range(6_000))}}}",
        "3,000 absent()": "+".join(f'absent({{x{n}="1"}})' for n in range(3_000)),
        "2,500 rate()": "+".join(f'rate({{x{n}="1"}}[5m])' for n in range(2_500)),
        "30,000 parentheses": "(" * 30_000,
        "60,000 signs": "-" * 60_000 + "a",
        "60,000 digits": "1" * 60_000 + "x",
        "30,000 escapes": '"' + "\\\\" * 30_000 + '"',
        "a quote that nothing closes": '"' + '\\"' * 30_000,
        "9,000 quotes": '"\n' * 9_000,
        "30,000 brackets": "[" * 30_000,
        "7,000 durations in parentheses": "+".join(["a[(5m)]"] * 7_000),
        "9,000 subqueries": "a" + "[5m:1m]" * 9_000,
        "16,000 durations": "a[" + "1m+" * 16_000 + "1m]",
        "40 nested parameters": nested,
    }
    return {name: text[: Limits().query_bytes] for name, text in texts.items()}


def bench_hostile() -> None:
    show("\nHostile queries, nothing remembered: the slowest of each rule set")
    unit = min(measure([parsing(Limits().query_bytes)]))
    for name, make in RULE_SETS.items():
        rules = RuleSet(make())
        slowest = (0.0, "")
        for query_name, query in hostile().items():
            rewriting.forget()
            rules.forget()
            slowest = max(slowest, (timed(rewriting_of(query, rules)) / 1000, query_name))
        milliseconds, query_name = slowest
        ratio = milliseconds * 1000 / unit
        show(f"  {name:30} {milliseconds:8.0f} ms   {ratio:6.0f} x json   {query_name}")


def main() -> None:
    unit = quantile(measure((parsing(len(query)) for query in QUERIES), times=200), 0.5)
    show(f"json.loads of as many bytes as each of {len(QUERIES)} queries: p50 {unit:.1f} us\n")
    bench_queries(unit)
    bench_hostile()


if __name__ == "__main__":
    main()
