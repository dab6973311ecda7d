"""Which remote write an endpoint speaks, told from its answer to a 2.0 request; pure.

A receiver of 2.0 says how many samples it has written. One that takes the request and does not say
so has read it as 1.0, found nothing that it knows, and stored nothing (Prometheus 2.42 does that);
the specification has senders count this as a refusal. Receivers of 2.0 may store a request in part.
"""

from dataclasses import replace
from typing import Literal

from writer import outcome

type Protocol = Literal["1.0", "2.0", "auto"]
"""`auto`: 2.0 until the endpoint turns out not to speak it."""

_NOT_UNDERSTOOD = (
    "content-type",
    "content type",
    "unsupported proto",
    "unmarshal",
    "proto:",
    "protobuf",
    "decode",
    "wiretype",
    "wire type",
)
_REFUSALS = (400, 406, 415)


def speaks_v2(answer: outcome.Answer | outcome.NoAnswer, samples: int) -> bool:
    """Return False when `answer`, to a 2.0 request of `samples`, says that 2.0 is not spoken."""
    if isinstance(answer, outcome.NoAnswer) or answer.written:
        return True
    if 200 <= answer.status < 300:
        return samples == 0 or answer.written is not None
    text = answer.text.lower()
    return not (
        answer.status == 415
        or (answer.status in _REFUSALS and any(words in text for words in _NOT_UNDERSTOOD))
    )


def of_v2(answer: outcome.Answer | outcome.NoAnswer, samples: int, now: float) -> outcome.Outcome:
    """Return what an answer to a 2.0 request of `samples` means."""
    result = outcome.of(answer, now)
    if isinstance(answer, outcome.NoAnswer):
        return result
    written = answer.written or 0
    if isinstance(result, outcome.Delivered) and written < samples:
        reason = f"{answer.status} but only {written} of {samples} samples are written"
        return outcome.Split(reason, "unknown", written)
    return replace(result, written=written) if isinstance(result, outcome.Split) else result
