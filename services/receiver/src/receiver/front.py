"""What happens to every request before and after its endpoint: failures become answers, and counts."""

import asyncio
import contextlib
import logging
import time

from aiohttp import web
from aiohttp.typedefs import Handler

from receiver.metrics import Metrics
from receiver.refusal import Refused
from tenantry_common import logs

_log = logging.getLogger(__name__)

_CLIENT_GONE = 499


class Front:
    """The middleware of the port that clusters push to."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._throttle = logs.Throttle(30)
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.draining = False
        """Whether connections are to be closed after their next answer."""

    def install(self, app: web.Application) -> None:
        """Let every request of `app` pass through here."""
        app.middlewares.append(self._passed)

    async def finished(self, seconds: float) -> None:
        """Wait until no request is under way, at most for so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()

    @web.middleware
    async def _passed(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        endpoint = (resource.name if resource else None) or "other"
        started = time.perf_counter()
        status = _CLIENT_GONE
        self._running += 1
        self._idle.clear()
        try:
            response = await self._answered(request, handler, endpoint)
            status = response.status
            # What of the body was not read is not wanted: nobody waits for it.
            if self.draining or not request.content.at_eof():
                response.force_close()
                response.headers["Connection"] = "close"
            return response
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()
            self._metrics.requests.labels(endpoint, str(status)).inc()
            self._metrics.seconds.labels(endpoint).observe(time.perf_counter() - started)

    async def _answered(
        self, request: web.Request, handler: Handler, endpoint: str
    ) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refused as refused:
            if refused.status >= 500 and self._throttle.allow(f"{endpoint} {refused.text}"):
                _log.warning("push not taken", extra={"endpoint": endpoint, "reason": refused.text})
            return answer(refused)
        except web.HTTPException as error:
            return web.Response(status=error.status, text=f"{error.reason}\n", headers=_kept(error))
        except Exception:  # the top of a request: the next one must not suffer
            _log.exception("request failed unexpectedly", extra={"endpoint": endpoint})
            self._metrics.errors.inc()
            return web.Response(status=500, text="internal error\n")


def answer(refused: Refused) -> web.Response:
    """Return the answer to what is refused."""
    headers = {}
    if refused.retry_after is not None:
        headers["Retry-After"] = str(refused.retry_after)
    if refused.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return web.Response(status=refused.status, text=f"{refused.text}\n", headers=headers)


def _kept(error: web.HTTPException) -> dict[str, str]:
    return {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
