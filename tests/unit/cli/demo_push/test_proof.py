"""What must arrive is said as a person reads the edge's file."""

from tenantry_cli.demo.readback import Sample
from tenantry_cli.demo_push import proof
from tenantry_cli.demo_push.estate import CLUSTER


def sample(at_ms: int = 1, **labels: str) -> Sample:
    return Sample(frozenset(labels.items()), at_ms, 0)


def test_labels_change_as_the_edge_changes_them() -> None:
    source = [
        sample(__name__="queue_depth", job="web", instance="10.0.0.1:9090", queue="q"),
        sample(__name__="up", job="node", instance="a"),
    ]

    [arriving] = proof.expected(source)

    assert dict(arriving.labels) == {
        "__name__": "queue_length",
        "job": "web",
        "instance": "lzWa1xBtjO-Y",
        "queue": "q",
        "site": "north",
        "fleet": "demo",
        "_id": CLUSTER,
    }


def test_series_that_last_are_told_from_those_that_do_not() -> None:
    long = [sample(0, __name__="long"), sample(15_000, __name__="long")]
    short = [sample(0, __name__="short"), sample(14_000, __name__="short")]

    assert proof.lasting([*long, *short]) == {long[0].labels}
