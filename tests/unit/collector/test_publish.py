"""What stands in the headers of a batch."""

from collector import publish
from collector.batch import Batch
from collector.publish import Origin
from collector.resume import Position, Unfinished
from collector.schedule import Window
from collector.testing import SHARD

WINDOW = Window(1000, 31000)


def test_headers_tell_what_is_going_on() -> None:
    batch = Batch(block=b"", series=3, samples=9)

    origin = Origin("prom.a", "0f")

    assert publish.headers(SHARD, WINDOW, batch, part=2, parts=5, after=7, origin=origin) == {
        "Nats-Msg-Id": "shop/main/cluster-eu1/31000/2",
        "Tenantry-Window": "1000-31000",
        "Tenantry-Part": "2/5",
        "Tenantry-After": "7",
        "Tenantry-Source": "prom=2Ea",
        "Tenantry-Version": "0f",
        "Tenantry-Series": "3",
        "Tenantry-Samples": "9",
        "Tenantry-Schema": "1",
    }


def test_new_window_comes_after_the_last_message_and_the_rest_of_one_after_the_same() -> None:
    begun = Unfinished(window=WINDOW, parts=2, after=7)

    assert publish.unfinished_of(Position(end_ms=1000, sequence=12), WINDOW) == Unfinished(
        window=WINDOW, parts=0, after=12
    )
    assert (
        publish.unfinished_of(Position(end_ms=1000, sequence=12, unfinished=begun), WINDOW) == begun
    )
