"""The load source is a pure function of the time and holds what makes exactness hard."""

import math

from prometheus_client.parser import text_string_to_metric_families

from tenantry_cli.demo import load

NOW = 1_700_000_000.0


def samples(job: str, now: float = NOW) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = load.exposition(job, now)
    assert text is not None
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_same_instant_gives_the_same_text() -> None:
    assert load.exposition("web", NOW) == load.exposition("web", NOW)


def test_an_unknown_job_is_told_apart() -> None:
    assert load.exposition("nobody", NOW) is None


def test_one_name_is_exposed_for_several_namespaces() -> None:
    namespaces = {
        dict(labels)["namespace"]
        for job in load.jobs()
        for name, labels in samples(job)
        if name == "http_requests_total"
    }

    assert namespaces == {"team-web", "team-batch", "team-secret"}


def test_pods_come_and_go() -> None:
    def pods(now: float) -> set[str]:
        return {dict(labels)["pod"] for name, labels in samples("web", now) if "http" in name}

    assert pods(NOW) - pods(NOW + 20)
    assert pods(NOW + 20) - pods(NOW)


def test_there_are_nans_and_infinities() -> None:
    values = [value for now in range(60) for value in samples("web", NOW + now).values()]

    assert any(math.isnan(value) for value in values)
    assert math.inf in values


def test_some_series_have_no_namespace() -> None:
    assert all("namespace" not in dict(labels) for _, labels in samples("node"))
