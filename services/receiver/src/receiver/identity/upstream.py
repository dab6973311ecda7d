"""Ask an authorisation service whether a credential is good for a cluster, as telemeter does.

Its answers are remembered, and requests that present the same at the same time wait for one. While it
does not answer, its last yes counts for a long time: an outage of the service must not stop clusters
that it knows, and must never look like a no.
"""

import logging
from collections.abc import Awaitable, Callable

import aiohttp
import msgspec

from receiver import refusal
from receiver.identity.settings import Upstream as Settings
from receiver.identity.source import Source
from receiver.metrics import Metrics
from tenantry_common import logs
from tenantry_common.credential_memory import Memory
from tenantry_common.subjects import JobRef

_log = logging.getLogger(__name__)

_AGAIN_SECONDS = 10.0
_YES = (200, 201)
_NO = (401, 403, 404, 409)
_MAX_BYTES = 64 * 1024

type Ask = Callable[[bytes], Awaitable[bool]]
"""Post this document; return whether the answer is yes. Raises `Unavailable`."""


class Unavailable(Exception):
    """The service said neither yes nor no. Go on with its last yes."""


class Upstream:
    """An authorisation service."""

    def __init__(self, settings: Settings, ask: Ask, metrics: Metrics) -> None:
        self._settings = settings
        self._ask = ask
        self._metrics = metrics
        self._answers: Memory[bool] = Memory(20_000)
        self._yes: Memory[bool] = Memory(20_000)
        self._throttle = logs.Throttle(30)

    async def identify(self, token: str, cluster: str) -> Source:
        """Return who that is. Raises `refusal.Refused`: 401 for a no, 503 for no answer."""
        document = msgspec.json.encode({"cluster_id": cluster, "authorization_token": token})
        if not await self._answers.find(document.decode(), lambda: self._checked(document)):
            raise refusal.unauthenticated("the credential is not valid")
        job = JobRef(self._settings.tenant, self._settings.job)
        return Source(job=job, cluster=cluster, mode="upstream")

    async def _checked(self, document: bytes) -> tuple[bool, float]:
        name = document.decode()
        try:
            good = await self._ask(document)
        except Unavailable as error:
            self._metrics.identity_reads.labels("upstream", "failed").inc()
            if self._throttle.allow("failed"):
                _log.warning("authorisation service does not answer", extra={"error": str(error)})
            if self._yes.get(name):
                return True, _AGAIN_SECONDS
            text = "the authorisation service does not answer"
            raise refusal.unavailable(text, int(_AGAIN_SECONDS)) from error
        self._metrics.identity_reads.labels("upstream", "read").inc()
        self._yes.put(name, good, self._settings.stale_seconds)
        return good, self._settings.fresh_seconds if good else self._settings.refused_seconds


def posting(settings: Settings, session: aiohttp.ClientSession) -> Ask:
    """Return how the service is asked by HTTP."""
    timeout = aiohttp.ClientTimeout(total=settings.timeout_seconds)

    async def ask(document: bytes) -> bool:
        headers = {"Content-Type": "application/json"}
        try:
            async with session.post(
                settings.url, data=document, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                body = await response.content.read(_MAX_BYTES)
        except (aiohttp.ClientError, OSError, ValueError) as error:  # a TimeoutError is an OSError
            raise Unavailable(type(error).__name__) from error
        if response.status in _NO:
            return False
        if response.status not in _YES or not _account(body):
            raise Unavailable(f"status {response.status}")
        return True

    return ask


class _Answer(msgspec.Struct, frozen=True):
    account_id: str = ""


def _account(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Answer).account_id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
