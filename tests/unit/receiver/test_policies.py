"""A job that cannot be compiled takes no pushes until it can."""

from pathlib import Path
from types import MappingProxyType

import pytest

from receiver import policies, testing
from receiver.policies import Policies
from tenantry_common import credentials, subjects
from tenantry_common.contracts import DeliveryJob, LabelSteps, PushPolicy, SecretRef

SALTED = testing.job(steps=LabelSteps(anonymise=("a",), salt=SecretRef(name="s", key="k")))


class View:
    """What is read of KV jobs."""

    def __init__(self, *jobs: DeliveryJob) -> None:
        self.put(*jobs)

    def put(self, *jobs: DeliveryJob) -> None:
        found = {subjects.job_key(subjects.JobRef(job.tenant, job.name)): job for job in jobs}
        self.snapshot = MappingProxyType(found)


def followed(view: View, folder: Path) -> Policies:
    return Policies(view, credentials.Folder(str(folder)))  # type: ignore[arg-type]  # see `View`


async def test_jobs_without_push_are_no_concern(tmp_path: Path) -> None:
    collected = DeliveryJob(tenant="t", name="j", digest="", rules=(), interval_ms=1, lookback_ms=0)
    one = followed(View(collected, testing.job()), tmp_path)

    await one.take()

    assert set(one.known) == {testing.JOB}
    with pytest.raises(ValueError, match="nobody pushes"):
        policies.compile(collected, b"")


async def test_a_job_is_compiled_once_until_it_changes(tmp_path: Path) -> None:
    view = View(testing.job())
    one = followed(view, tmp_path)
    await one.take()
    before = one.known[testing.JOB]
    await one.take()
    assert one.known[testing.JOB] is before

    view.put(testing.job(PushPolicy(sources=("a",))))
    await one.take()
    assert one.known[testing.JOB].push.sources == ("a",)
    view.put()
    await one.take()
    assert (dict(one.known), dict(one.broken)) == ({}, {})


async def test_a_job_waits_for_its_salt_and_another_salt_is_another_version(
    tmp_path: Path,
) -> None:
    one = followed(View(SALTED), tmp_path)
    await one.take()
    assert testing.JOB not in one.known
    assert "secret" in one.broken[testing.JOB]

    salt = tmp_path / "team-a" / "s" / "k"
    salt.parent.mkdir(parents=True)
    versions = []
    for text in ("first", "second"):
        salt.write_text(text)
        await one.take()
        versions.append(one.known[testing.JOB].version)

    assert dict(one.broken) == {}
    assert versions[0] != versions[1]


def test_sources_are_named_or_all() -> None:
    named = policies.compile(testing.job(PushPolicy(sources=("a",))), b"")
    every = policies.compile(testing.job(PushPolicy(sources=("*",))), b"")

    assert [named.permits("a"), named.permits("*"), named.permits("b")] == [True, False, False]
    assert every.permits("anything")
