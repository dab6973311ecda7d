"""An API server in memory, on kmock: what of Kubernetes' behaviour a client must cope with.

kmock's own emulator knows no resourceVersion, no generation and no status subresource, which is
what clients get wrong. This one has them, pages, bookmarks, conflicts, 410 Gone, and the schemas of
custom resources; what a test tells kmock to answer (`server["get /…"] << 500`) comes first. It
validates nothing else and knows no roles.
"""

import asyncio
import contextlib
import copy
import itertools
import json
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, override

import aiohttp.web
import kmock
from kmock._internal import rendering
from tests.kubernetes import crd_rules

type Object = dict[str, Any]
type Kind = tuple[str, str]
"""API group and plural."""

CRDS: Kind = ("apiextensions.k8s.io", "customresourcedefinitions")
_WATCH_SECONDS = 300


@dataclass(frozen=True)
class Definition:
    """A kind of object that the server has."""

    api_version: str
    kind: str
    namespaced: bool = True
    has_status: bool = True
    schema: crd_rules.Schema | None = None
    """Of a custom resource."""


BUILT_IN: Mapping[Kind, Definition] = {
    ("", "namespaces"): Definition("v1", "Namespace", namespaced=False),
    ("", "secrets"): Definition("v1", "Secret", has_status=False),
    ("", "services"): Definition("v1", "Service"),
    ("", "pods"): Definition("v1", "Pod"),
    ("", "events"): Definition("v1", "Event", has_status=False),
    ("events.k8s.io", "events"): Definition("events.k8s.io/v1", "Event", has_status=False),
    ("discovery.k8s.io", "endpointslices"): Definition(
        "discovery.k8s.io/v1", "EndpointSlice", has_status=False
    ),
    CRDS: Definition("apiextensions.k8s.io/v1", "CustomResourceDefinition", namespaced=False),
}


class _Refused(Exception):
    """Answer with a Status."""

    def __init__(self, code: int, reason: str, message: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "reason": reason,
            "message": message or reason,
            "code": code,
        }


@dataclass(frozen=True)
class _Event:
    version: int
    kind: Kind
    line: Object


@dataclass(eq=False)
class _Stream:
    """One running watch."""

    kind: Kind
    lines: asyncio.Queue[Object | None] = field(default_factory=asyncio.Queue)
    """What is to be sent; None ends the watch."""


class ApiServer(kmock.RawHandler):
    """The server's state and its faults."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.kinds: dict[Kind, Definition] = dict(BUILT_IN)
        self.objects: dict[Kind, dict[tuple[str, str], Object]] = {}
        self.watches: list[_Stream] = []
        self.opened: Counter[Kind] = Counter()
        self.lists = 0
        self.admission: Callable[[Object], Awaitable[Object]] | None = None
        """Asked with an AdmissionReview before a custom resource is created or updated."""
        self.delay_seconds = 0.0
        """Time before anything is answered."""
        self.away = False
        """Nothing is answered but 503."""
        self.mute = False
        """Running watches say nothing, as over a connection that is dead."""
        self._last = 1000
        self._compacted = 0
        self._history: list[_Event] = []
        self._watched = asyncio.Event()
        self._pages: dict[str, tuple[list[Object], int]] = {}
        self._tokens = itertools.count(1)

    # What a test does to it

    def apply(self, kind: Kind, given: Object) -> Object:
        """Create an object, or replace all of an existing one but its status."""
        metadata = given["metadata"]
        key = (metadata.get("namespace") or "", metadata["name"])
        known = self.objects.get(kind, {}).get(key)
        if known is None:
            return self._create(kind, given)
        return self._update(kind, key, {**known, **given}, status=False)

    def remove(self, kind: Kind, namespace: str, name: str) -> None:
        """Delete an object."""
        self._delete(kind, (namespace, name))

    def apply_unseen(self, kind: Kind, given: Object) -> Object:
        """As `apply`, but no watch tells of it."""
        return self._unseen(lambda: self.apply(kind, given))

    def remove_unseen(self, kind: Kind, namespace: str, name: str) -> None:
        """As `remove`, but no watch tells of it."""
        self._unseen(lambda: self.remove(kind, namespace, name))

    def _unseen[T](self, act: Callable[[], T]) -> T:
        watches, self.watches = self.watches, []
        try:
            result = act()
        finally:
            self.watches = watches
        self._history.pop()
        return result

    def get_object(self, kind: Kind, namespace: str, name: str) -> Object:
        """Return an object as it is stored."""
        return self.objects[kind][namespace, name]

    def cut(self) -> None:
        """End every running watch."""
        for stream in self.watches:
            stream.lines.put_nowait(None)

    def compact(self) -> None:
        """Forget everything until now: no client can go on from where it is."""
        self._last += 1
        self.compact_to_now()

    def compact_to_now(self) -> None:
        """Forget the past: only who has seen everything can go on."""
        self._compacted = self._last
        self._pages.clear()
        self._history.clear()

    def say(self, line: Object, kind: Kind | None = None) -> None:
        """Send `line` in every running watch (of `kind`)."""
        for stream in self.watches:
            if kind in (None, stream.kind):
                stream.lines.put_nowait(line)

    def say_raw(self, line: Object) -> None:
        """Send `line` in every running watch, whatever it is, selected or not."""
        self.say({"type": "", "raw": line})

    def say_gone(self) -> None:
        """Let every running watch tell that its version is too old, and end."""
        self.say({"type": "ERROR", "object": _Refused(410, "Expired").status})
        self.cut()

    def bookmark(self) -> None:
        """Send a bookmark in every running watch."""
        for stream in self.watches:
            stream.lines.put_nowait(self._bookmark(stream.kind))

    async def until_watched(self, kind: Kind, count: int = 1, seconds: float = 30) -> None:
        """Wait until `count` watches of `kind` are running."""
        async with asyncio.timeout(seconds):
            while sum(stream.kind == kind for stream in self.watches) < count:
                self._watched.clear()
                await self._watched.wait()

    async def until_opened(self, kind: Kind, count: int, seconds: float = 30) -> None:
        """Wait until `count` watches of `kind` have begun, whether they run or not."""
        async with asyncio.timeout(seconds):
            while self.opened[kind] < count:
                self._watched.clear()
                await self._watched.wait()

    # Serving

    @override
    async def __call__(self, raw_request: aiohttp.web.BaseRequest) -> aiohttp.web.StreamResponse:
        if raw_request.path != "/api/v1/namespaces":
            return await super().__call__(raw_request)
        # kmock 0.8 takes the plural for the beginning of a namespaced path and fails.
        data = json.loads(await raw_request.read() or b"null")
        watching = raw_request.query.get("watch") == "true"
        get = "watch" if watching else "list"
        request = rendering.Request(
            id=len(self._requests),
            raw_request=raw_request,
            url=raw_request.url,
            method=raw_request.method,
            params=dict(raw_request.query),
            headers=dict(raw_request.headers),
            data=data,
            action=kmock.action(get if raw_request.method == "GET" else "create"),
            resource=kmock.resource("", "v1", "namespaces"),
        )
        self._requests.append(request)
        return await self._handle(request)

    @override
    async def _handle(self, request: rendering.Request) -> aiohttp.web.StreamResponse:
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        if self.away:
            return aiohttp.web.Response(status=503)
        try:
            return await super()._handle(request)
        except NotImplementedError:
            pass  # kmock says so where no test has told it what to answer: it is answered below
        try:
            return await self._serve(request)
        except _Refused as refused:
            return aiohttp.web.json_response(refused.status, status=refused.code)

    async def _serve(self, request: rendering.Request) -> aiohttp.web.StreamResponse:
        resource = request.resource
        if resource is None or resource.group is None:
            raise _Refused(404, "NotFound", "the server could not find the requested resource")
        kind, key = (resource.group, resource.plural or ""), _key(request)
        if resource.group == "" and resource.plural is None and request.namespace:
            # kmock takes the name of a namespace for the beginning of a path inside of it.
            kind, key = ("", "namespaces"), ("", request.namespace)
        if kind not in self.kinds:
            raise _Refused(404, "NotFound", "the server could not find the requested resource")
        match request.method.value.upper(), key[1] or None:
            case "GET", None if request.params.get("watch") == "true":
                return await self._serve_watch(request, kind)
            case "GET", None:
                return aiohttp.web.json_response(self._list(request, kind))
            case "GET", _:
                return aiohttp.web.json_response(self._known(kind, key))
            case "POST", None:
                await self._admit("CREATE", request, kind)
                given = self._by_schema(kind, request.data)
                return aiohttp.web.json_response(self._create(kind, given), status=201)
            case "PUT" | "PATCH", _:
                known = self._known(kind, key)
                given = (
                    request.data
                    if request.method.value.upper() == "PUT"
                    else _merged(known, request.data)
                )
                status = request.subresource == "status"
                if not status:
                    await self._admit("UPDATE", request, kind)
                wanted = request.data.get("metadata", {}).get("resourceVersion")
                if wanted and wanted != known["metadata"]["resourceVersion"]:
                    raise _Refused(409, "Conflict", "the object has been modified")
                given = self._by_schema(kind, given)
                return aiohttp.web.json_response(self._update(kind, key, given, status=status))
            case "DELETE", _:
                return aiohttp.web.json_response(self._delete(kind, key))
        raise _Refused(405, "MethodNotAllowed")

    async def _admit(self, operation: str, request: rendering.Request, kind: Kind) -> None:
        if self.admission is None or kind in BUILT_IN:
            return
        asked = {
            "uid": str(uuid.uuid4()),
            "kind": {"group": kind[0], "version": "v1", "kind": self.kinds[kind].kind},
            "operation": operation,
            "namespace": request.namespace,
            "name": request.data["metadata"].get("name", ""),
            "object": request.data,
        }
        version = "admission.k8s.io/v1"
        review = {"apiVersion": version, "kind": "AdmissionReview", "request": asked}
        response = (await self.admission(review))["response"]
        if not response["allowed"]:
            raise _Refused(422, "Invalid", response["status"]["message"])

    def _by_schema(self, kind: Kind, given: Object) -> Object:
        """Return a custom resource as its schema lets it be stored, or refuse it."""
        schema = self.kinds[kind].schema
        if schema is None or "properties" not in schema:
            return given
        made, wrong = crd_rules.admitted(given, schema)
        if wrong:
            raise _Refused(422, "Invalid", f"{kind[1]} is invalid: {', '.join(wrong)}")
        return made

    def _known(self, kind: Kind, key: tuple[str, str]) -> Object:
        try:
            return self.objects[kind][key]
        except KeyError:
            raise _Refused(404, "NotFound", f"{kind[1]} {key[1]!r} not found") from None

    def _list(self, request: rendering.Request, kind: Kind) -> Object:
        self.lists += 1
        limit = int(request.params.get("limit", "0"))
        token = request.params.get("continue")
        if token is not None:
            if token not in self._pages:
                raise _Refused(410, "Expired", "the provided continue parameter is too old")
            items, version = self._pages.pop(token)
        else:
            version = self._last
            items = [o for o in self.objects.get(kind, {}).values() if _selected(o, request)]
        metadata = {"resourceVersion": str(version)}
        if limit and len(items) > limit:
            following = f"page-{next(self._tokens)}"
            self._pages[following] = (items[limit:], version)
            metadata["continue"] = following
            items = items[:limit]
        definition = self.kinds[kind]
        return {
            "kind": f"{definition.kind}List",
            "apiVersion": definition.api_version,
            "metadata": metadata,
            "items": items,
        }

    async def _serve_watch(
        self, request: rendering.Request, kind: Kind
    ) -> aiohttp.web.StreamResponse:
        since = int(request.params.get("resourceVersion") or "0")
        if since < self._compacted:
            raise _Refused(410, "Expired", f"too old resource version: {since}")
        raw = request._raw_request
        assert raw is not None
        response = aiohttp.web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(raw)
        stream = _Stream(kind)
        for event in self._history:
            if event.kind == kind and event.version > since:
                stream.lines.put_nowait(event.line)
        # No await between reading the history and joining: nothing falls between.
        self.watches.append(stream)
        self.opened[kind] += 1
        self._watched.set()
        try:
            with contextlib.suppress(ConnectionError):
                async for line in self._lines(request, stream):
                    await response.write(json.dumps(line).encode() + b"\n")
                await response.write_eof()
        finally:
            self.watches.remove(stream)
        return response

    async def _lines(self, request: rendering.Request, stream: _Stream) -> AsyncIterator[Object]:
        loop = asyncio.get_running_loop()
        end = loop.time() + int(request.params.get("timeoutSeconds") or _WATCH_SECONDS)
        while True:
            try:
                async with asyncio.timeout_at(end):
                    line = await stream.lines.get()
            except TimeoutError:
                if request.params.get("allowWatchBookmarks") == "true":
                    yield self._bookmark(stream.kind)
                return
            if line is None:
                return
            if self.mute:
                await asyncio.sleep(_WATCH_SECONDS)
            if "raw" in line:
                yield line["raw"]
            elif line["type"] in ("BOOKMARK", "ERROR") or _selected(line["object"], request):
                yield line

    # The store

    def _create(self, kind: Kind, given: Object) -> Object:
        metadata = dict(given.get("metadata") or {})
        if "generateName" in metadata and not metadata.get("name"):
            metadata["name"] = f"{metadata['generateName']}{self._last:x}"
        key = (metadata.get("namespace") or "", metadata["name"])
        if key in self.objects.get(kind, {}):
            raise _Refused(409, "AlreadyExists", f"{kind[1]} {key[1]!r} already exists")
        metadata |= {
            "uid": str(uuid.uuid4()),
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "managedFields": [{"manager": "test"}],
        }
        definition = self.kinds[kind]
        made = {
            "apiVersion": definition.api_version,
            "kind": definition.kind,
            **given,
            "metadata": metadata,
        }
        if definition.has_status:
            made.pop("status", None)
        if kind == CRDS:
            self._install(made)
        return self._store(kind, key, made, "ADDED")

    def _update(self, kind: Kind, key: tuple[str, str], given: Object, *, status: bool) -> Object:
        known = self._known(kind, key)
        if status:
            made = {**known, "status": given.get("status", {})}
        else:
            made = {**given, "metadata": {**known["metadata"], **_written(given["metadata"])}}
            if self.kinds[kind].has_status:
                made.pop("status", None)
                made |= {"status": known["status"]} if "status" in known else {}
        if made.get("spec") != known.get("spec"):
            generation = known["metadata"]["generation"] + 1
            made["metadata"] = {**made["metadata"], "generation": generation}
        if made == known:
            return known  # as the real one: a write that changes nothing is none
        return self._store(kind, key, made, "MODIFIED")

    def _delete(self, kind: Kind, key: tuple[str, str]) -> Object:
        known = self._known(kind, key)
        del self.objects[kind][key]
        return self._happened(kind, copy.deepcopy(known), "DELETED")

    def _store(self, kind: Kind, key: tuple[str, str], made: Object, what: str) -> Object:
        made = copy.deepcopy(made)
        self.objects.setdefault(kind, {})[key] = made
        return self._happened(kind, made, what)

    def _happened(self, kind: Kind, made: Object, what: str) -> Object:
        self._last += 1
        made["metadata"] = {**made["metadata"], "resourceVersion": str(self._last)}
        line = {"type": what, "object": made}
        self._history.append(_Event(self._last, kind, line))
        self.say(line, kind)
        return made

    def _install(self, definition: Object) -> None:
        spec = definition["spec"]
        for version in spec["versions"]:
            self.kinds[spec["group"], spec["names"]["plural"]] = Definition(
                f"{spec['group']}/{version['name']}",
                spec["names"]["kind"],
                namespaced=spec["scope"] == "Namespaced",
                has_status="status" in version.get("subresources", {}),
                schema=version.get("schema", {}).get("openAPIV3Schema"),
            )
        definition["status"] = {"conditions": [{"type": "Established", "status": "True"}]}

    def _bookmark(self, kind: Kind) -> Object:
        definition = self.kinds[kind]
        return {
            "type": "BOOKMARK",
            "object": {
                "kind": definition.kind,
                "apiVersion": definition.api_version,
                "metadata": {"resourceVersion": str(self._last), "creationTimestamp": None},
            },
        }


def _key(request: rendering.Request) -> tuple[str, str]:
    return request.namespace or "", request.name or ""


def _written(metadata: Object) -> Object:
    """Return what of the metadata a client may set."""
    return {
        name: metadata[name] for name in ("labels", "annotations", "finalizers") if name in metadata
    }


def _merged(known: Any, patch: Any) -> Any:
    """Apply an RFC 7386 merge patch."""
    if not isinstance(patch, dict):
        return patch
    made = dict(known) if isinstance(known, dict) else {}
    for name, value in patch.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = _merged(made.get(name), value)
    return made


def _selected(found: Object, request: rendering.Request) -> bool:
    metadata = found["metadata"]
    if request.namespace and metadata.get("namespace") != request.namespace:
        return False
    labels = metadata.get("labels") or {}
    for condition in filter(None, request.params.get("labelSelector", "").split(",")):
        name, equals, value = condition.partition("=")
        if name not in labels or (equals and labels[name] != value):
            return False
    for condition in filter(None, request.params.get("fieldSelector", "").split(",")):
        name, _, value = condition.partition("=")
        if metadata.get(name.removeprefix("metadata.")) != value:
            return False
    return True


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[ApiServer]:
    """Yield a server that listens on a free port."""
    async with ApiServer() as server, kmock.Server(server):
        yield server
