"""Whatever the API server does, what is known is what it last said for certain."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from tests.kubernetes import api_server
from tests.kubernetes.api_server import ApiServer, Object

from tenantry_common import kubernetes
from tenantry_common.kubernetes import Resource
from tenantry_common.kubernetes_store import Change
from tenantry_common.kubernetes_watch import Selection, Timing, Watch

SERVICES = ("", "services")
RESOURCE = Resource("", "v1", "services")
LIST = "list v1/services"
QUICK = Timing(watch=30, silence=40, first_delay=0.01, max_delay=0.05, absent=0.05)


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with api_server.running() as running:
        yield running


def service(name: str, namespace: str = "shop", **more: Any) -> Object:
    return {"metadata": {"name": name, "namespace": namespace, **more.pop("metadata", {})}, **more}


class Told:
    """What a watch told, and the wait for what it will know."""

    def __init__(self) -> None:
        self.changes: list[tuple[str, str]] = []
        self.calls = 0
        self._changed = asyncio.Event()

    def __call__(self, changes: Sequence[Change]) -> None:
        """Note the changes of one round."""
        self.calls += 1
        self.changes += ((change.kind, change.key[1]) for change in changes)
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` is met, looking again with every round."""
        async with asyncio.timeout(30):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


@contextlib.asynccontextmanager
async def watching(
    server: ApiServer, *, timing: Timing = QUICK, timeout: float = 10, **options: Any
) -> AsyncIterator[tuple[Watch, Told]]:
    told = Told()
    settings = kubernetes.Settings(url=str(server.url), timeout_seconds=timeout)
    resource = options.pop("resource", RESOURCE)
    async with kubernetes.connect(settings) as api, asyncio.TaskGroup() as group:
        watch = Watch(api, resource, told, timing=timing, **options)
        task = group.create_task(watch.run())
        try:
            yield watch, told
        finally:
            task.cancel()


def names(watch: Watch) -> list[str]:
    return sorted(name for _, name in watch.objects)


def requests(server: ApiServer, action: str) -> list[dict[str, str]]:
    return [dict(request.params) for request in server[action]]


async def test_it_lists_and_then_follows(server: ApiServer) -> None:
    server.apply(SERVICES, service("a"))
    async with watching(server) as (watch, told):
        await asyncio.wait_for(watch.wait_synced(), 30)
        await server.until_watched(SERVICES)
        server.apply(SERVICES, service("b"))
        server.apply(SERVICES, service("a", spec={"x": 1}))
        server.remove(SERVICES, "shop", "b")
        await told.until(lambda: len(told.changes) == 4)

        assert told.changes == [("added", "a"), ("added", "b"), ("changed", "a"), ("removed", "b")]
        assert watch.objects["shop", "a"]["spec"] == {"x": 1}
        assert "managedFields" not in watch.objects["shop", "a"]["metadata"]
        assert (watch.problem, server.lists) == ("", 1)


async def test_an_empty_list_is_known_to_be_empty(server: ApiServer) -> None:
    async with watching(server) as (watch, told):
        await told.until(lambda: watch.synced)

        assert (dict(watch.objects), told.changes, watch.problem) == ({}, [], "")


async def test_a_list_of_many_pages_is_one_list(server: ApiServer) -> None:
    for number in range(25):
        server.apply(SERVICES, service(f"s{number}"))
    async with watching(server, timing=Timing(page=10)) as (watch, told):
        await told.until(lambda: watch.synced)

        assert (len(watch.objects), told.calls) == (25, 1)
        assert [r.get("limit") for r in requests(server, "list")] == ["10"] * 3


async def test_pages_that_expire_are_read_again_at_once(server: ApiServer) -> None:
    for number in range(25):
        server.apply(SERVICES, service(f"s{number}"))
    server["get /api/v1/services", {"continue": "page-1"}] << 410
    async with watching(server, timing=Timing(page=10)) as (watch, told):
        await told.until(lambda: watch.synced)

        assert (len(watch.objects), told.calls) == (25, 1)
        assert requests(server, "list")[-1].get("limit") is None


async def test_a_watch_that_is_cut_goes_on_where_it_was(server: ApiServer) -> None:
    async with watching(server) as (watch, told):
        await server.until_watched(SERVICES)
        server.cut()
        server.apply(SERVICES, service("while away"))
        await told.until(lambda: names(watch) == ["while away"])

        assert server.lists == 1
        assert watch.problem == ""


async def test_a_bookmark_moves_the_place_from_which_it_goes_on(server: ApiServer) -> None:
    async with watching(server) as (watch, told):
        await server.until_watched(SERVICES)
        for number in range(3):
            server.apply(("", "pods"), service(f"pod {number}"))
        server.bookmark()
        server.compact_to_now()
        server.cut()
        await server.until_watched(SERVICES)
        server.apply(SERVICES, service("a"))
        await told.until(lambda: names(watch) == ["a"])

        assert (server.lists, watch.counts["gone"]) == (1, 0)


@pytest.mark.parametrize("how", ["over HTTP", "in the stream"])
async def test_when_it_is_gone_everything_is_listed_again(server: ApiServer, how: str) -> None:
    server.apply(SERVICES, service("stays"))
    server.apply(SERVICES, service("goes"))
    async with watching(server) as (watch, told):
        await server.until_watched(SERVICES)
        if how == "over HTTP":
            server.cut()
        else:
            server.say_gone()
        server.remove_unseen(SERVICES, "shop", "goes")
        server.apply_unseen(SERVICES, service("comes"))
        server.compact()
        await told.until(lambda: names(watch) == ["comes", "stays"])

        assert told.changes[2:] == [("removed", "goes"), ("added", "comes")]
        assert (server.lists, watch.counts["gone"], watch.problem) == (2, 1, "")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(500, id="500"),
        pytest.param(503, id="503"),
        pytest.param(403, id="forbidden"),
        pytest.param(404, id="not found"),
        pytest.param(b"<html>", id="not JSON"),
        pytest.param({"items": []}, id="a list without metadata"),
        pytest.param({"metadata": {"resourceVersion": "9999"}}, id="a list without items"),
        pytest.param({"metadata": {}, "items": []}, id="a list without version"),
        pytest.param(
            {"kind": "Status", "code": 500, "metadata": {"resourceVersion": "1"}, "items": []},
            id="an error that says 200",
        ),
        pytest.param(
            {"metadata": {"resourceVersion": "9999"}, "items": [{"metadata": {}}]},
            id="an item without name",
        ),
    ],
)
async def test_an_error_is_no_emptiness(server: ApiServer, answer: Any) -> None:
    server.apply(SERVICES, service("a"))
    async with watching(server) as (watch, told):
        await server.until_watched(SERVICES)
        failing = server["get /api/v1/services"] << answer
        server.say_gone()
        await told.until(lambda: watch.problem != "")

        assert (names(watch), told.changes) == (["a"], [("added", "a")])

        failing._disabled.set()
        server.remove_unseen(SERVICES, "shop", "a")
        await told.until(lambda: not watch.problem and not watch.objects)


async def test_a_server_that_is_too_slow_is_a_problem_and_comes_back(server: ApiServer) -> None:
    server.apply(SERVICES, service("a"))
    server.delay_seconds = 30
    async with watching(server, timeout=0.2) as (watch, told):
        await told.until(lambda: "no answer in time" in watch.problem)
        assert not watch.synced

        server.delay_seconds = 0
        await told.until(lambda: watch.synced)

        assert (names(watch), watch.problem) == (["a"], "")


async def test_a_silent_connection_is_given_up(server: ApiServer) -> None:
    async with watching(server, timing=Timing(silence=0.2, first_delay=0.01)) as (watch, told):
        await server.until_watched(SERVICES)
        server.mute = True
        server.apply(SERVICES, service("a"))
        await server.until_opened(SERVICES, 2)
        server.mute = False
        await told.until(lambda: names(watch) == ["a"])

        assert server.lists == 1


async def test_events_that_come_twice_or_late_change_nothing(server: ApiServer) -> None:
    first = server.apply(SERVICES, service("a", spec={"x": 1}))
    async with watching(server) as (watch, told):
        await server.until_watched(SERVICES)
        second = server.apply(SERVICES, service("a", spec={"x": 2}))
        server.say({"type": "MODIFIED", "object": second})
        server.say({"type": "MODIFIED", "object": first})
        server.say({"type": "DELETED", "object": first})
        server.remove(SERVICES, "shop", "a")
        server.say({"type": "ADDED", "object": second})
        server.apply(SERVICES, service("end"))
        await told.until(lambda: ("added", "end") in told.changes)

        assert told.changes == [
            ("added", "a"),
            ("changed", "a"),
            ("removed", "a"),
            ("added", "end"),
        ]
        assert watch.counts["stale"] == 4


@pytest.mark.parametrize(
    "line",
    [
        pytest.param({"type": "ERROR", "object": {"kind": "Status", "code": 500}}, id="an error"),
        pytest.param({"type": "LATER", "object": service("x")}, id="an unknown type"),
        pytest.param({"type": "ADDED", "object": {"metadata": {}}}, id="no name"),
        pytest.param({"type": "ADDED"}, id="no object"),
        pytest.param({"type": "BOOKMARK", "object": {}}, id="a bookmark of nothing"),
    ],
)
async def test_what_is_no_event_leads_to_a_new_list(server: ApiServer, line: Object) -> None:
    server.apply(SERVICES, service("a"))
    async with watching(server) as (watch, told):
        await server.until_watched(SERVICES)
        server.say_raw(line)
        server.apply_unseen(SERVICES, service("b"))
        await told.until(lambda: names(watch) == ["a", "b"])

        assert server.lists == 2


async def test_everything_is_listed_again_from_time_to_time(server: ApiServer) -> None:
    timing = Timing(relist=0.3, first_delay=0.01)
    async with watching(server, timing=timing) as (watch, told):
        await server.until_watched(SERVICES)
        server.apply_unseen(SERVICES, service("missed"))
        await told.until(lambda: names(watch) == ["missed"])


async def test_only_what_is_selected_is_seen(server: ApiServer) -> None:
    for namespace in ("shop", "bank", "mine"):
        server.apply(SERVICES, service("a", namespace, metadata={"labels": {"app": "x"}}))
        server.apply(SERVICES, service("b", namespace))
    selection = Selection(namespaces=("shop", "bank"), labels=kubernetes.selector({"app": "x"}))
    async with watching(server, selection=selection) as (watch, told):
        await told.until(lambda: watch.synced)
        await server.until_watched(SERVICES, 2)
        server.apply(SERVICES, service("c", "bank", metadata={"labels": {"app": "x"}}))
        await told.until(lambda: ("bank", "c") in watch.objects)

        assert sorted(watch.objects) == [("bank", "a"), ("bank", "c"), ("shop", "a")]


async def test_it_is_synced_only_when_all_namespaces_are(server: ApiServer) -> None:
    failing = server["get /api/v1/namespaces/bank/services"] << 500
    async with watching(server, selection=Selection(namespaces=("shop", "bank"))) as (watch, told):
        await told.until(lambda: watch.problem != "")
        await server.until_watched(SERVICES)
        assert not watch.synced

        failing._disabled.set()  # type: ignore[union-attr]
        await told.until(lambda: watch.synced)


async def test_a_kind_that_need_not_be_installed_has_no_objects_until_it_is(
    server: ApiServer,
) -> None:
    kind = ("monitoring.coreos.com", "prometheuses")
    resource = Resource(kind[0], "v1", kind[1])
    async with watching(server, resource=resource, optional=True) as (watch, told):
        await told.until(lambda: watch.synced)
        assert (dict(watch.objects), watch.problem) == ({}, "")

        server.kinds[kind] = api_server.Definition("monitoring.coreos.com/v1", "Prometheus")
        server.apply(kind, service("k8s"))
        await told.until(lambda: names(watch) == ["k8s"])


async def test_objects_outside_of_namespaces_have_an_empty_one(server: ApiServer) -> None:
    server.apply(("", "namespaces"), {"metadata": {"name": "shop"}})
    async with watching(server, resource=kubernetes.NAMESPACES) as (watch, told):
        await told.until(lambda: watch.synced)

        assert list(watch.objects) == [("", "shop")]
