"""Ask the Kubernetes API server, in plain objects: who we are, where it is, what an answer means.

A thin layer on `kubernetes.aio`, whose part are TLS, kubeconfig and tokens that are renewed. Objects
stay the dictionaries that the server sent: the package's model classes cost a hundred times as much
and drop fields that they do not know. Failures become `Failed` and its kinds, here and only here.
"""

import contextlib
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

import aiohttp
import msgspec

from tenantry_common import errors
from tenantry_common.kubernetes_objects import Object as Object
from tenantry_common.kubernetes_objects import selector as selector
from tenantry_common.kubernetes_settings import Settings as Settings

if TYPE_CHECKING:
    # At run time it is imported where it is used: reading its 700 model classes takes more than a
    # second, which services that work without Kubernetes do not spend.
    from kubernetes.aio import client

_log = logging.getLogger(__name__)

_CONNECT_SECONDS = 10.0
_LONGEST_MESSAGE = 500

type Query = Mapping[str, str | int]
type Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


class Failed(errors.TenantryError):
    """The API server did not do what it was asked. Try again later, unless a kind below says more."""

    def __init__(
        self, status: int, reason: str, message: str = "", *, retry_after: float | None = None
    ) -> None:
        self.status = status
        """Of HTTP; 0 when there was no answer."""
        self.reason = reason
        """Kubernetes' word for it, such as ``AlreadyExists``."""
        self.retry_after = retry_after
        """Seconds after which the server asked to be asked again."""
        said = f"{status} {reason}" if status else reason
        super().__init__(f"{said}: {message[:_LONGEST_MESSAGE]}" if message else said)


class Forbidden(Failed):
    """The token is not known (401) or its roles do not allow this (403). Somebody must act."""


class NotFound(Failed):
    """There is no such object, or no such kind of object."""


class Conflict(Failed):
    """The object is there already, or was changed meanwhile. Read it again before trying again."""


class Gone(Failed):
    """The resourceVersion or the page is too old. List again."""


class Invalid(Failed):
    """The server refuses the object as it is. Trying again changes nothing."""


_KINDS: Mapping[int, type[Failed]] = {
    400: Invalid,
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
}


@dataclass(frozen=True)
class Resource:
    """A kind of object, by the names that its URLs are made of."""

    group: str
    """Empty for the core group."""
    version: str
    plural: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """As it stands in objects: ``v1``, ``apps/v1``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the URL's path of an object, or of all objects (of `namespace`) without a `name`."""
        parts = [f"apis/{self.group}" if self.group else "api", self.version]
        if namespace and self.namespaced:
            parts += ["namespaces", _segment(namespace)]
        parts += [self.plural, *(_segment(part) for part in (name, subresource) if part)]
        return "/" + "/".join(parts)


def _segment(name: str) -> str:
    if name in (".", ".."):  # a client would take the step before sending
        raise Invalid(0, "BadRequest", f"{name!r} is not the name of an object")
    return quote(name, safe="")


NAMESPACES = Resource("", "v1", "namespaces", namespaced=False)


class Api:
    """One API server, as one user. Calls raise `Failed`."""

    def __init__(self, api: "client.ApiClient", timeout_seconds: float) -> None:
        self._api = api
        self._timeout = timeout_seconds

    async def get(self, resource: Resource, namespace: str, name: str) -> Object:
        """Return one object."""
        return await self.call("GET", resource.path(namespace, name))

    async def call(
        self,
        method: Method,
        path: str,
        *,
        query: Query | None = None,
        body: object = None,
        content_type: str = "application/json",
    ) -> Object:
        """Send one request and return the JSON object of its answer."""
        timeout = aiohttp.ClientTimeout(total=self._timeout, sock_connect=_CONNECT_SECONDS)
        with _translated():
            async with await self._send(method, path, query, body, content_type, timeout) as answer:
                content = await answer.read()
                _raise_for(answer, content)
        return _object(content)

    @contextlib.asynccontextmanager
    async def lines(
        self, path: str, query: Query, *, silence_seconds: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Yield the lines of a streamed answer, as they come.

        Raises `Failed` also when nothing came for `silence_seconds`.
        """
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=_CONNECT_SECONDS, sock_read=silence_seconds
        )
        with _translated():
            async with await self._send("GET", path, query, None, "", timeout) as answer:
                if answer.status >= 300:
                    _raise_for(answer, await answer.read())
                yield aiter(answer.content)

    async def _send(
        self,
        method: Method,
        path: str,
        query: Query | None,
        body: object,
        content_type: str,
        timeout: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        headers = {"Accept": "application/json"}
        if content_type:
            headers["Content-Type"] = content_type
        _, url, sent_headers, sent_body, _ = await self._api.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        answer = await self._api.call_api(
            method, url, sent_headers, sent_body, _request_timeout=timeout
        )
        found: aiohttp.ClientResponse = answer.response
        return found


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Turn what the network and the client fail with into `Failed`."""
    from kubernetes.aio.client import ApiException

    try:
        yield
    except TimeoutError as error:
        raise Failed(0, "Timeout", "no answer in time") from error
    # A ValueError is an answer that is none: a line without end, for one.
    except (aiohttp.ClientError, ApiException, OSError, ValueError) as error:
        raise Failed(0, "Unreachable", str(error) or type(error).__name__) from error


def _raise_for(answer: aiohttp.ClientResponse, content: bytes) -> None:
    if answer.status < 300:
        return
    reason, message = answer.reason or "", ""
    with contextlib.suppress(Failed):
        status = _object(content)
        reason = str(status.get("reason") or reason)
        message = str(status.get("message") or "")
    kind = _KINDS.get(answer.status, Failed)
    wait = answer.headers.get("Retry-After", "")
    raise kind(
        answer.status, reason, message, retry_after=float(wait) if wait.isdecimal() else None
    )


def failure(status: Mapping[str, Any]) -> Failed:
    """Return what an object of kind Status says, as an error to raise."""
    code = status.get("code")
    code = code if isinstance(code, int) else 0
    reason, message = str(status.get("reason") or ""), str(status.get("message") or "")
    kind = Gone if reason in ("Expired", "Gone") else _KINDS.get(code, Failed)
    return kind(code, reason or "Unknown", message)


def _object(content: bytes) -> Object:
    try:
        found = msgspec.json.decode(content)
    except msgspec.DecodeError as error:
        raise Failed(0, "NotJSON", "the answer is not JSON") from error
    if not isinstance(found, dict):
        raise Failed(0, "NotJSON", "the answer is not an object")
    return found


@contextlib.asynccontextmanager
async def connect(
    settings: Settings, user_agent: str = "tenantry", *, setting: str = "$.kubernetes"
) -> AsyncIterator[Api]:
    """Yield the API server that `settings` name; nothing is asked yet.

    Raises `errors.ConfigError`, which begins with `setting`, where they cannot be read.
    """
    from kubernetes.aio import client
    from kubernetes.aio.config import ConfigException

    configuration = client.Configuration()
    try:
        await _configure(configuration, settings)
    except (ConfigException, OSError) as error:
        raise errors.ConfigError(f"{setting}: {error}") from error
    # As the clients in Go: the CAs of many clusters lack what RFC 5280 asks of them.
    configuration.disable_strict_ssl_verification = True
    try:
        api = client.ApiClient(configuration)
    except OSError as error:  # an ssl.SSLError is one
        raise errors.ConfigError(f"{setting}: certificates: {error}") from error
    async with api:
        api.user_agent = user_agent
        yield Api(api, settings.timeout_seconds)


async def _configure(configuration: "client.Configuration", settings: Settings) -> None:
    from kubernetes.aio import config as kubernetes_config

    if settings.url:
        configuration.host = settings.url.rstrip("/")
        configuration.ssl_ca_cert = settings.ca_file or None
        if settings.token_file:
            _use_token_file(configuration, Path(settings.token_file))
    elif settings.kubeconfig:
        await kubernetes_config.load_kube_config(  # type: ignore[no-untyped-call]  # the package's
            config_file=settings.kubeconfig,
            context=settings.context or None,
            client_configuration=configuration,
        )
    else:
        kubernetes_config.load_incluster_config(  # type: ignore[no-untyped-call]  # the package's
            client_configuration=configuration
        )


def _use_token_file(configuration: "client.Configuration", path: Path) -> None:
    def read(configuration: "client.Configuration") -> None:
        configuration.api_key["BearerToken"] = "Bearer " + path.read_text().strip()

    read(configuration)
    configuration.refresh_api_key_hook = read  # type: ignore[assignment]  # declared as None
