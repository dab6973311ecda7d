"""Serve the validating admission webhook over TLS, with certificates that may be renewed.

Every instance serves it, the standby too. It needs neither NATS nor the API server.
"""

import asyncio
import logging

from aiohttp import web

from tenant_controller import admission, config
from tenant_controller.metrics import Metrics
from tenantry_common import ops
from tenantry_common.tls import Listener

_log = logging.getLogger(__name__)

PATH = "/validate"

_LARGEST_REVIEW = 8 << 20  # bytes; an object and the one before it, 1.5 MiB each at most in etcd
_DRAIN_SECONDS = 5.0


class Webhook:
    """The webhook of one instance."""

    def __init__(self, settings: config.Webhook, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self.port = 0
        """The port that is listened on; 0 before `start`."""
        app = web.Application(client_max_size=_LARGEST_REVIEW)
        app.router.add_post(PATH, self._review)
        hardening = ops.Hardening(shutdown_timeout=_DRAIN_SECONDS)
        self._listener = Listener(app, settings.tls, hardening)

    async def start(self) -> None:
        """Begin to listen. Raises `errors.ConfigError`."""
        host, port = self._settings.host, self._settings.port
        self.port = await self._listener.start(host, port, setting="$.webhook.port")

    async def run(self) -> None:
        """Serve until cancelled; then answer what was asked."""
        try:
            await self._listener.run()
        finally:
            await self._listener.stop()

    async def _review(self, request: web.Request) -> web.Response:
        content = await request.read()
        try:
            # In a thread: an object may have thousands of rules, and the lease must be renewed.
            answer = await asyncio.to_thread(admission.review, content)
        except admission.NoReview as error:
            self._metrics.reviews.labels("error").inc()
            _log.warning("admission review refused", extra={"error": str(error)})
            raise web.HTTPBadRequest(text=f"{error}\n") from error
        self._metrics.reviews.labels("refused" if answer.refused else "allowed").inc()
        return web.json_response(answer.body())
