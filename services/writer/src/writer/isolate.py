"""Find what an endpoint takes of a batch that it refuses as a whole; pure.

A request is all or nothing in Prometheus, so one bad series would lose its whole batch. `Isolation`
takes the batch apart in halves, down to single series: the caller posts `piece`, tells `answered`
what came of it, and goes on until there is none. Series are independent of one another, so the
order of the pieces does not matter, and a piece holds all samples of its series.

What becomes of a single series that is refused:

* about its time, and it may have been sent before: it is `already stored`, which is what a receiver
  without an out-of-order window answers to a redelivery;
* about its time, by a receiver of remote write 2.0 that has written its newest sample again: it was
  stored with the request that was taken in part, and is `already stored` too;
* about its time, and the endpoint may have the beginning of it (`in_part`): it is sent again without
  its first sample, until the endpoint takes the rest; what was left out is `already stored`;
* about its time otherwise: it is sent again without its first sample, which cannot be stored any
  more, until the endpoint takes the rest; what was left out is `rejected`;
* about its size or validity otherwise: it is `rejected`;
* for an unknown reason: it may not be the series' fault. It is rejected after a second refusal, if
  the endpoint then still takes the `witness`, a piece that it took before. An endpoint that takes
  nothing is in trouble itself: the isolation is `stuck`, and goes on with `resume` after a pause.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tenantry_common import remote_write
from writer import outcome

_A_PATTERN = (
    4  # series stored already, one after the other, from which on the next are expected to be
)
_HOPELESS = 64  # refusals for unknown reasons in a row after which the endpoint itself is doubted

type Verdict = Literal["rejected", "already stored"]


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Part of a batch, as a request of its own."""

    request: bytes
    maybe_stored: bool
    """Whether it may have reached the endpoint before."""
    in_part: bool = False
    """Whether the endpoint may have the beginning of it and not the rest."""
    refusal: outcome.Split | None = None
    """Its first refusal for an unknown reason, once it was alone."""
    head: tuple[bytes, ...] = ()
    """Samples of a single series that came before and were refused, each as a request."""
    late: outcome.Split | None = None
    """How the last of them was refused."""


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A series that the endpoint does not take."""

    request: bytes
    reason: str
    cause: outcome.Cause
    verdict: Verdict
    unreadable: bool = False
    """True: `request` is a whole batch as it came, because nobody can read it."""


class Isolation:
    """The taking apart of one batch, after the endpoint's first refusal of it.

    Raises `errors.Undecodable` for a batch that is no `WriteRequest`.
    """

    def __init__(
        self, request: bytes, refusal: outcome.Split, *, maybe_stored: bool, in_part: bool = False
    ) -> None:
        self.refused: list[Refused] = []
        self.stuck = False
        """Nothing more can be said before the endpoint has recovered: pause, then `resume`."""
        self._waiting: list[Piece] = []
        self._suspects: list[Piece] = []
        self._convicted: list[Refused] = []
        self._witness: bytes | None = None
        self._asking_witness = False
        self._refusals = 0
        self._stored_in_a_row = 0
        self._in_part = in_part
        self._refuse(Piece(request=request, maybe_stored=maybe_stored, in_part=in_part), refusal)
        self._doubt_endpoint()

    @property
    def piece(self) -> Piece | None:
        """What is to be posted next; None: finished."""
        if self._asking_witness and self._witness is not None:
            return Piece(request=self._witness, maybe_stored=True)
        queue = self._waiting or self._suspects
        return queue[-1] if queue else None

    def answered(self, answer: outcome.Delivered | outcome.Split, *, maybe_stored: bool) -> None:
        """Take note of the answer to `piece`, which may have been stored by an earlier try."""
        if self._asking_witness:
            self._hear_witness(answer)
            return
        piece = (self._waiting or self._suspects).pop()
        if isinstance(answer, outcome.Delivered):
            self._witness = piece.request
            self._refusals = self._stored_in_a_row = 0
            if piece.late is not None:
                self.refused.append(_judge(piece.head, piece, piece.late))
        else:
            self._refuse(replace(piece, maybe_stored=maybe_stored), answer)
        self._expect_stored()
        self._doubt_endpoint()

    def resume(self) -> None:
        """Go on after a pause, with all that is still open in one piece again."""
        requests = [piece.request for piece in (*self._waiting, *self._suspects)]
        requests += [refused.request for refused in self._convicted]
        request = remote_write.join(requests)
        whole = Piece(request=request, maybe_stored=True, in_part=self._in_part)
        self._waiting, self._suspects, self._convicted = [whole], [], []
        self._refusals = 0
        self.stuck = False

    def _refuse(self, piece: Piece, refusal: outcome.Split) -> None:
        """Halve what can be halved; judge a single series, or suspect it first."""
        self._refusals += refusal.cause == "unknown"
        parts = remote_write.singles(piece.request)
        if len(parts) > 1:
            middle = len(parts) // 2
            for half in (parts[middle:], parts[:middle]):
                self._waiting.append(replace(piece, request=remote_write.join(half)))
        elif parts and (shorter := _without_first(piece, refusal)):
            self._waiting.append(shorter)
        elif refusal.cause != "unknown":
            verdict = _judge((*piece.head, piece.request), piece, refusal)
            self.refused.append(verdict)
            self._stored_in_a_row += verdict.verdict == "already stored"
        elif piece.refusal is None:
            self._suspects.insert(0, replace(piece, refusal=refusal))
        else:
            self._convicted.append(_judge((piece.request,), piece, refusal))

    def _expect_stored(self) -> None:
        """Ask for single series at once where the last ones were all stored already.

        Of a batch that was stored as a whole each series must be asked for, and halves only cost
        requests. As many are taken as were right before, so a wrong guess costs as much again.
        """
        if self._stored_in_a_row < _A_PATTERN or not self._waiting:
            return
        piece = self._waiting[-1]
        parts = remote_write.singles(piece.request)
        if len(parts) < 2 or not piece.maybe_stored:
            return
        self._waiting.pop()
        alone, rest = parts[: self._stored_in_a_row], parts[self._stored_in_a_row :]
        if rest:
            self._waiting.append(replace(piece, request=remote_write.join(rest)))
        self._waiting += [replace(piece, request=one) for one in reversed(alone)]

    def _doubt_endpoint(self) -> None:
        """Turn to the witness before a verdict, and when too much is refused in a row."""
        verdict_due = not self._waiting and not self._suspects and bool(self._convicted)
        nothing_taken = self._witness is None and not self._waiting and bool(self._suspects)
        if verdict_due or nothing_taken or self._refusals >= _HOPELESS:
            self._asking_witness = self._witness is not None
            self.stuck = self._witness is None

    def _hear_witness(self, answer: outcome.Delivered | outcome.Split) -> None:
        """Pass sentence if the endpoint takes, or knows, what it took before."""
        self._asking_witness = False
        self._refusals = 0
        if isinstance(answer, outcome.Delivered) or answer.cause == "time":
            self.refused += self._convicted
            self._convicted = []
        else:
            self.stuck = True


def _without_first(piece: Piece, refusal: outcome.Split) -> Piece | None:
    """Return a series without the sample that the endpoint has refused, None when none is left.

    A refusal for its time of a series that was never sent before means that its first sample comes
    too late; those behind it may not. Sent with all that follow, so that nothing which the endpoint
    would take is overtaken. One that may have been sent was stored as a whole, or not at all, but
    for what is made up: that begins anywhere.
    """
    all_or_nothing = piece.maybe_stored and not piece.in_part
    if refusal.cause != "time" or all_or_nothing or refusal.written:
        return None
    first, rest = remote_write.first_sample(piece.request)
    if not rest:
        return None
    return replace(piece, request=rest, head=(*piece.head, first), late=refusal)


def _judge(parts: Sequence[bytes], piece: Piece, refusal: outcome.Split) -> Refused:
    """Return the verdict on `parts`, the samples of one series."""
    stored = refusal.cause == "time" and (piece.maybe_stored or refusal.written > 0)
    return Refused(
        request=remote_write.join_samples(parts),
        reason=refusal.reason,
        cause=refusal.cause,
        verdict="already stored" if stored else "rejected",
    )
