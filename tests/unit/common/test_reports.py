"""When a report is written again."""

from tenantry_common import reports
from tenantry_common.contracts import Progress
from tenantry_common.subjects import JobRef

A, B = JobRef("t", "a"), JobRef("t", "b")
ONE, TWO = (Progress(shard="one"),), (Progress(shard="two"),)


def test_new_and_changed_jobs_are_put_and_jobs_without_words_deleted() -> None:
    written = {A: (100.0, ONE), B: (100.0, ONE)}

    assert reports.due(written, {A: TWO, JobRef("t", "c"): ONE}, 101.0) == (
        frozenset({A, JobRef("t", "c")}),
        frozenset({B}),
    )


def test_unchanged_job_is_put_again_after_a_while() -> None:
    written = {A: (100.0, ONE), B: (104.0, ONE)}

    assert reports.due(written, {A: ONE, B: ONE}, 107.9) == (frozenset(), frozenset())
    assert reports.due(written, {A: ONE, B: ONE}, 108.0) == (frozenset({A}), frozenset())
