"""What an endpoint's answer means for a batch; pure. The one table of delivery.

| answer | outcome |
|---|---|
| 2xx | `Delivered`, but for one with an HTML page: `ConfigFault` |
| no answer, 408, 429, 5xx | `Retry`, Retry-After first |
| 400, 409, 413, 422 about the data, 500 with a text that is known to be about the data | `Split` |
| 400 about anything else | `Split` with cause ``unknown`` |
| 500 that repeats with the same text | `Retry`, then `Split` with cause ``unknown`` (`Repeats`) |
| 401, 403 | `CredentialsFault` |
| 3xx, other 4xx | `ConfigFault` |

Texts are those of Prometheus 2.42 to 3.x; Thanos answers 409 where Prometheus answers 400.
Prometheus 2.42 answers 500 for what no retry can mend.
"""

import email.utils
from dataclasses import dataclass
from typing import Literal

type Cause = Literal["time", "size", "invalid", "unknown"]
"""Why an endpoint does not take a piece of data.

time: its timestamps come too late or again, which is also what a piece that is stored already gets;
size: it is too large as a whole; invalid: its labels or values; unknown: perhaps not the data at
all, so it is blamed only when other pieces of the batch pass.
"""


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Series, as a request, that were not sent, because the endpoint would never take them."""

    request: bytes
    reason: str
    cause: Cause


@dataclass(frozen=True)
class Delivered:
    """The endpoint has stored the request, but for what was left out."""

    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True)
class NotYet:
    """It is not our turn: nothing was sent, or only a part. Ask again with the same bytes."""

    after: float
    """Seconds."""


@dataclass(frozen=True)
class Retry:
    """The endpoint could not say; send the same bytes again."""

    reason: str
    after: float | None = None
    """Seconds that the endpoint asked for."""
    maybe_stored: bool = False
    """Whether the request may have been stored all the same."""
    about_data: bool = False
    """Whether the data may be what causes it: an answer 500."""


@dataclass(frozen=True)
class Split:
    """The endpoint refuses the request as a whole because of something in it."""

    reason: str
    cause: Cause
    written: int = 0
    """Samples of it that are stored all the same (remote write 2.0 allows that)."""


@dataclass(frozen=True)
class ConfigFault:
    """This is not, or not yet, an endpoint that takes batches. Somebody must repair it."""

    reason: str


@dataclass(frozen=True)
class CredentialsFault:
    """The endpoint does not accept who we are. Read the credentials again."""

    reason: str


type Failure = Retry | Split | ConfigFault | CredentialsFault
type Outcome = Delivered | Failure
type Posted = Outcome | NotYet


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back over HTTP."""

    status: int
    text: str = ""
    """First line of the body."""
    retry_after: str = ""
    """The header of that name."""
    written: int | None = None
    """Samples and native histograms that a receiver of remote write 2.0 says it has stored."""
    page: bool = False
    """Whether an HTML page came with it, such as that of a login."""


@dataclass(frozen=True, kw_only=True)
class NoAnswer:
    """Nothing came back."""

    reason: str
    sent: bool
    """Whether the request, or a part of it, may have reached the endpoint."""


_ABOUT_TIME = (
    "out of order",
    "out-of-order",
    "duplicate sample",
    "out of bounds",
    "too old",
    "too far in the past",
    "too far in the future",
)
_ABOUT_SIZE = ("decoded size exceeds", "too large", "too big", "larger than max")
_ABOUT_VALIDITY = (
    "invalid sample",
    "invalid labels",
    "is not unique",
    "empty labelset",
    "duplicate label",
    "label name",
    "label value",
    "native histograms are disabled",
    "native histogram ingestion is disabled",
    "histogram's",
    "histogram has",
    "snappy: corrupt",
    "text format parsing error",
)
_ABOUT_DATA = (400, 409, 413, 422)
_SHOWN = 200


def of(answer: Answer | NoAnswer, now: float) -> Outcome:
    """Return what `answer` means; `now` is in seconds since the epoch, for a dated Retry-After."""
    if isinstance(answer, NoAnswer):
        return Retry(answer.reason, maybe_stored=answer.sent)
    reason = f"{answer.status} {answer.text}".strip()
    after = retry_after(answer.retry_after, now)
    match answer.status:
        case status if 200 <= status < 300:
            # No receiver says so. Somebody else took the request, and nothing is stored.
            return ConfigFault(f"{status} with a page for people") if answer.page else Delivered()
        case 408 | 429:
            return Retry(reason, after)
        case status if status in _ABOUT_DATA and (cause := _cause(status, answer.text)):
            return Split(reason, cause)
        case 401 | 403:
            return CredentialsFault(reason)
        case 500 if cause := _known_cause(answer.text):
            return Split(reason, cause)
        case status if status >= 500:
            return Retry(reason, after, maybe_stored=True, about_data=status == 500)
        case status if 300 <= status < 400:
            return ConfigFault(f"{reason}: redirects are not followed")
        case _:
            return ConfigFault(reason)


def _cause(status: int, text: str) -> Cause | None:
    if status == 413:
        return "size"
    return _known_cause(text) or ("unknown" if status == 400 else None)


def _known_cause(text: str) -> Cause | None:
    lowered = text.lower()
    if any(words in lowered for words in _ABOUT_TIME):
        return "time"
    if any(words in lowered for words in _ABOUT_SIZE):
        return "size"
    if any(words in lowered for words in _ABOUT_VALIDITY):
        return "invalid"
    return None


def retry_after(header: str, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks for, None when it asks for nothing."""
    if header.isascii() and header.isdigit():
        return float(header)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - now)
    except ValueError:
        return None


def first_line(body: bytes) -> str:
    """Return the first line of an answer's body, short and safe to log and to put into headers."""
    line = body.decode(errors="replace").lstrip().partition("\n")[0]
    return "".join(c if c.isprintable() else " " for c in line).strip()[:_SHOWN]


class Repeats:
    """Tell an endpoint in trouble from a batch that troubles it: count equal answers 500.

    Kept for one batch: what was counted for the whole of it is known of its pieces too.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._seen: dict[str, int] = {}

    def judge(self, outcome: Outcome) -> Outcome:
        """Return `outcome`, or `Split` once the same answer 500 has come `limit` times."""
        if not (isinstance(outcome, Retry) and outcome.about_data):
            return outcome
        seen = self._seen[outcome.reason] = self._seen.get(outcome.reason, 0) + 1
        return Split(outcome.reason, "unknown") if seen >= self._limit else outcome
