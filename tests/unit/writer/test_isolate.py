"""Taking a refused batch apart, against endpoints that are functions of a request."""

from collections.abc import Callable

import pytest

from tenantry_common import errors, remote_write
from writer.isolate import Isolation, Refused
from writer.outcome import Delivered, Split
from writer.testing import series

ONE = [series({"__name__": f"m{n}"}, (1000, n)) for n in range(10)]
LATE = Split("400 out of order sample", "time")
POISON = Split("500 boom", "unknown")

type Decide = Callable[[bytes], Delivered | Split]


def refusing(refusal: Split, *numbers: int) -> Decide:
    """An endpoint that refuses every request with one of these series in it."""
    bad = {ONE[n] for n in numbers}
    return lambda request: refusal if bad & set(remote_write.singles(request)) else Delivered()


class Run:
    """One isolation against an endpoint, as far as it comes without a pause."""

    def __init__(self, decide: Decide, requests: list[bytes], *, maybe_stored: bool = False):
        whole = remote_write.join(requests)
        first = decide(whole)
        assert isinstance(first, Split)
        self.isolation = Isolation(whole, first, maybe_stored=maybe_stored)
        self.stored: list[bytes] = []
        self.posts = 1
        self.go_on(decide)

    def go_on(self, decide: Decide) -> None:
        while not self.isolation.stuck and (piece := self.isolation.piece) is not None:
            self.posts += 1
            answer = decide(piece.request)
            if isinstance(answer, Delivered):
                self.stored += remote_write.singles(piece.request)
            self.isolation.answered(answer, maybe_stored=piece.maybe_stored)

    @property
    def verdicts(self) -> list[tuple[bytes, str, str]]:
        return [(one.request, one.verdict, one.reason) for one in self.isolation.refused]


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param((0,), id="the first"),
        pytest.param((9,), id="the last"),
        pytest.param((3, 4, 7), id="some"),
        pytest.param(tuple(range(10)), id="all"),
    ],
)
def test_what_the_endpoint_takes_is_stored_and_the_rest_is_rejected(bad: tuple[int, ...]) -> None:
    run = Run(refusing(LATE, *bad), ONE)

    assert sorted(run.stored) == sorted(r for n, r in enumerate(ONE) if n not in bad)
    assert run.verdicts == [(ONE[n], "rejected", "400 out of order sample") for n in bad]
    assert run.posts <= 2 * len(ONE) - 1


def test_what_may_have_been_stored_before_is_already_stored() -> None:
    run = Run(refusing(LATE, *range(10)), ONE, maybe_stored=True)

    assert {verdict for _, verdict, _ in run.verdicts} == {"already stored"}


def test_invalid_series_cannot_have_been_stored_before() -> None:
    run = Run(refusing(Split("400 invalid", "invalid"), 2), ONE, maybe_stored=True)

    assert run.verdicts == [(ONE[2], "rejected", "400 invalid")]


def test_a_piece_whose_request_got_no_answer_may_have_been_stored() -> None:
    isolation = Isolation(remote_write.join(ONE[:2]), LATE, maybe_stored=False)

    for maybe_stored in (True, False):
        isolation.answered(LATE, maybe_stored=maybe_stored)

    assert [one.verdict for one in isolation.refused] == ["already stored", "rejected"]


@pytest.mark.parametrize("bad", [(0,), (9,), (0, 1, 5, 9)], ids=str)
def test_poison_is_rejected_when_the_rest_passes(bad: tuple[int, ...]) -> None:
    run = Run(refusing(POISON, *bad), ONE)

    assert sorted({*run.stored}) == sorted(r for n, r in enumerate(ONE) if n not in bad)
    assert sorted(run.verdicts) == sorted((ONE[n], "rejected", "500 boom") for n in bad)
    assert not run.isolation.stuck


@pytest.mark.parametrize("count", [1, 2, 10], ids="{} series".format)
def test_an_endpoint_that_takes_nothing_gets_nothing_rejected(count: int) -> None:
    run = Run(lambda _: POISON, ONE[:count])

    assert (run.isolation.stuck, run.verdicts) == (True, [])


def test_an_endpoint_in_trouble_is_not_asked_for_every_series() -> None:
    many = [series({"__name__": f"m{n}"}, (1, n)) for n in range(3000)]

    run = Run(lambda _: POISON, many)

    assert (run.isolation.stuck, run.posts) == (True, 64)


def test_an_endpoint_that_breaks_down_meanwhile_gets_nothing_more_rejected() -> None:
    takes = 2

    def breaks(request: bytes) -> Delivered | Split:
        nonlocal takes
        if len(remote_write.singles(request)) == 1 and takes:
            takes -= 1
            return Delivered()
        return POISON

    run = Run(breaks, ONE)
    assert (run.isolation.stuck, run.stored, run.verdicts) == (True, ONE[:2], [])

    run.isolation.resume()
    run.go_on(refusing(POISON, 7))

    assert {*run.stored} == {r for n, r in enumerate(ONE) if n != 7}
    assert run.verdicts == [(ONE[7], "rejected", "500 boom")]


def test_a_long_run_of_poison_is_worked_through_while_the_witness_passes() -> None:
    many = [series({"__name__": f"m{n}"}, (1, n)) for n in range(400)]
    bad = {*many[100:300]}

    run = Run(lambda r: POISON if bad & {*remote_write.singles(r)} else Delivered(), many)

    assert {request for request, _, _ in run.verdicts} == bad
    assert {*run.stored} == {*many} - bad


def test_a_witness_that_is_called_out_of_order_shows_an_endpoint_that_works() -> None:
    stored: set[bytes] = set()

    def decide(request: bytes) -> Delivered | Split:
        wanted = {*remote_write.singles(request)}
        if ONE[4] in wanted:
            return POISON
        if wanted & stored:
            return LATE
        stored.update(wanted)
        return Delivered()

    assert Run(decide, ONE).verdicts == [(ONE[4], "rejected", "500 boom")]


def test_a_single_series_is_judged_without_another_request() -> None:
    isolation = Isolation(ONE[0], LATE, maybe_stored=False)

    assert isolation.piece is None
    assert isolation.refused == [
        Refused(request=ONE[0], reason=LATE.reason, cause="time", verdict="rejected")
    ]


def test_a_batch_that_is_no_request_is_undecodable() -> None:
    with pytest.raises(errors.Undecodable):
        Isolation(b"\x0a\xff\x01", LATE, maybe_stored=False)


def test_what_a_receiver_of_2_0_stored_with_the_whole_batch_is_not_rejected() -> None:
    """It takes in part, so each series of the batch but the refused one is there already."""
    newest = {ONE[n]: 0 if n == 4 else 1 for n in range(10)}

    def decide(request: bytes) -> Split:
        written = sum(newest[one] for one in remote_write.singles(request))
        return Split(LATE.reason, "time", written)

    assert [verdict for _, verdict, _ in Run(decide, ONE).verdicts] == [
        "rejected" if n == 4 else "already stored" for n in range(10)
    ]


def test_a_batch_that_is_stored_already_costs_little_more_than_a_request_for_each_series() -> None:
    many = [series({"__name__": "m", "n": f"{n:04}"}, (1000, n)) for n in range(3000)]

    run = Run(lambda _: LATE, many, maybe_stored=True)

    assert {verdict for _, verdict, _ in run.verdicts} == {"already stored"}
    assert sorted(one for one, _, _ in run.verdicts) == many
    assert run.posts <= 3000 + 50


@pytest.mark.parametrize("stored", [1, 5, 700, 1500, 2999])
def test_a_batch_of_which_the_first_series_are_stored_costs_no_more_than_before(
    stored: int,
) -> None:
    many = [series({"__name__": "m", "n": f"{n:04}"}, (1000, n)) for n in range(3000)]
    there = set(many[:stored])

    def decide(request: bytes) -> Delivered | Split:
        return LATE if there & set(remote_write.singles(request)) else Delivered()

    run = Run(decide, many, maybe_stored=True)

    assert sorted(run.stored) == many[stored:]
    assert run.posts <= 2 * stored + 40


class Head:
    """An endpoint that has samples up to a time and takes a request as a whole or not at all."""

    def __init__(self, newest: int) -> None:
        self._newest = newest
        self.stored: list[int] = []

    def __call__(self, request: bytes) -> Delivered | Split:
        [span] = remote_write.series(request)
        middle = remote_write.labels_end(request, span.start, span.end)
        stamps = [stamp for _, stamp in remote_write.timestamps(request, middle, span.end)]
        if min(stamps) <= self._newest:
            return LATE
        self.stored += stamps
        return Delivered()


def test_what_comes_behind_refused_samples_is_stored() -> None:
    whole = series({"__name__": "m"}, (1, 1), (2, 2), (3, 3), (4, 4))
    endpoint = Head(newest=2)

    run = Run(endpoint, [whole])

    head = series({"__name__": "m"}, (1, 1), (2, 2))
    assert endpoint.stored == [3, 4]
    assert run.verdicts == [(head, "rejected", "400 out of order sample")]


def test_a_series_that_may_have_been_stored_is_not_taken_apart() -> None:
    whole = series({"__name__": "m"}, (1, 1), (2, 2))

    run = Run(Head(newest=2), [whole], maybe_stored=True)

    assert (run.posts, run.verdicts) == (1, [(whole, "already stored", "400 out of order sample")])


def test_a_series_of_which_nothing_is_taken_is_rejected_as_it_was() -> None:
    whole = series({"__name__": "m"}, (1, 1), (2, 2))

    run = Run(Head(newest=9), [whole])

    assert run.verdicts == [(whole, "rejected", "400 out of order sample")]
