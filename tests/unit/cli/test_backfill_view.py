"""What is shown of requests for backfill."""

import io

import pytest
from msgspec.structs import replace
from rich.console import Console

from tenantry_cli.backfill import Seen
from tenantry_cli.backfill_view import Bars, fraction, words
from tenantry_common.contracts import Backfill

ASKED = Backfill(
    tenant="t", job="j", shard="eu", endpoint="0", start_ms=1_000, end_ms=11_000, by_hand=True
)
READ = replace(ASKED, done_ms=6_000, samples=1_234)
DONE = replace(ASKED, done_ms=11_000, samples=2_000, answered_ms=1, delivered_ms=2)


@pytest.mark.parametrize(
    ("seen", "text", "share"),
    [
        pytest.param(Seen(request=ASKED), "waits for a collector", 0.0, id="asked"),
        pytest.param(Seen(request=READ), "reading, 1,234 samples so far", 0.495, id="read"),
        pytest.param(
            Seen(request=replace(READ, error="a: [away]")), "waits: a: [away]", 0.495, id="held up"
        ),
        pytest.param(
            Seen(request=replace(DONE, delivered_ms=0), waiting=1_500),
            "delivering, 1,500 batches to go",
            0.99,
            id="read as a whole",
        ),
        pytest.param(Seen(request=DONE), "2,000 samples", 1.0, id="delivered"),
        pytest.param(
            Seen(request=replace(DONE, refused=3, empty_ms=4_000)),
            "2,000 samples; for 4 s the source holds nothing; refused 3 times: the endpoint has them, "
            "or takes nothing out of order",
            1.0,
            id="not all of it",
        ),
        pytest.param(
            Seen(request=READ, gone=True),
            "nobody answered it, or the bucket was emptied",
            0.495,
            id="gone",
        ),
    ],
)
def test_a_request_is_put_into_words(seen: Seen, text: str, share: float) -> None:
    assert (words(seen), round(fraction(seen), 3)) == (text, share)


@pytest.mark.parametrize("terminal", [False, True])
def test_the_end_of_each_is_shown_once(terminal: bool) -> None:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120, color_system=None)
    with Bars(console) as bars:
        for request in (ASKED, READ, READ, DONE, DONE):
            bars.show([Seen(request=request)])

    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert shown.count("✓ eu → 0: 2,000 samples") == 1
    assert shown.count("· eu → 0: reading") == (0 if terminal else 1)
