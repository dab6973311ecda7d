"""Messages are stored once, also when a try got no answer, and a NATS that is away is said in time."""

import pytest
from tests.integration.receiver.conftest import Site

from receiver.messages import Message
from receiver.refusal import Refused
from receiver.store import Store
from tenantry_common import batches, subjects

SUBJECT = "samples.t.j.push-0"


def message(number: int, size: int = 3) -> Message:
    headers = {subjects.HEADER_MSG_ID: str(number)}
    return Message(subject=SUBJECT, data=b"x" * size, headers=headers)


async def test_each_batch_names_one_that_is_stored_before_it(site: Site) -> None:
    store = Store(site.bus, 5.0)
    await store.samples([message(1)])
    await store.samples([message(1)])  # a retry
    await store.samples([message(2), message(3)])

    found = []
    after = 0
    while (one := await batches.following(site.bus, subjects.SAMPLES, SUBJECT, after)) is not None:
        found.append((one.sequence, int(one.headers[subjects.HEADER_AFTER])))
        after = one.sequence

    assert len(found) == 3
    assert all(before < sequence for sequence, before in found)
    assert found[1][1] == found[0][0]


async def test_a_nats_that_is_away_is_waited_for_and_then_said(site: Site) -> None:
    site.nats.pause()
    try:
        with pytest.raises(Refused) as refused:
            await Store(site.bus, 0.5).all([message(1), message(2)])
    finally:
        site.nats.resume()

    assert refused.value.status == 503
    await Store(site.bus, 20.0).all([message(1)])


async def test_what_no_server_would_take_is_refused(site: Site) -> None:
    with pytest.raises(Refused) as refused:
        await Store(site.bus, 5.0).all([message(1, size=1 << 20)])

    assert refused.value.status == 413
