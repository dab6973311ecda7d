"""Ask the Kubernetes API server whose a token is, and what its owner may do."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import aiohttp
from kubernetes.aio import client, config
from kubernetes.aio.config import ConfigException

from query_gateway.failures import Failure
from query_gateway.identity.kubernetes import User
from query_gateway.identity.settings import Kubernetes
from query_gateway.metrics import Metrics
from tenantry_common import errors, logs

_log = logging.getLogger(__name__)

GROUP, RESOURCE, VERB = "observability.ethos.io", "metricaccesses", "get"
"""Who may do this in a namespace may query as that tenant."""

_AT_ONCE = 16


class ApiServer:
    """The API server, through the `kubernetes` package."""

    def __init__(self, api: client.ApiClient, settings: Kubernetes, metrics: Metrics) -> None:
        self._authentication = client.AuthenticationV1Api(api)
        self._authorization = client.AuthorizationV1Api(api)
        self._settings = settings
        self._metrics = metrics
        self._throttle = logs.Throttle(60)
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def owner(self, token: str) -> User | None:
        """Return whose `token` it is, None where it is nobody's. Raises `Failure`."""
        audiences = list(self._settings.audiences)
        review = client.V1TokenReview(
            spec=client.V1TokenReviewSpec(token=token, audiences=audiences or None)
        )
        async with self._asked():
            answer = await self._authentication.create_token_review(
                review, _request_timeout=self._settings.timeout_seconds
            )
        status = answer.status
        if status is None or not status.authenticated or status.user is None:
            return None
        # An API server that knows nothing of audiences leaves them out: then it has checked none.
        if audiences and not set(audiences) & set(status.audiences or ()):
            return None
        return _user(status.user)

    async def may_query(self, user: User, namespace: str) -> bool:
        """Return whether `user` may query as the tenant of `namespace`. Raises `Failure`."""
        review = client.V1SubjectAccessReview(
            spec=client.V1SubjectAccessReviewSpec(
                user=user.name,
                uid=user.uid or None,
                groups=list(user.groups),
                extra={name: list(values) for name, values in user.extra},
                resource_attributes=client.V1ResourceAttributes(
                    group=GROUP, resource=RESOURCE, verb=VERB, namespace=namespace
                ),
            )
        )
        async with self._asked():
            answer = await self._authorization.create_subject_access_review(
                review, _request_timeout=self._settings.timeout_seconds
            )
        status = answer.status
        return status is not None and status.allowed is True and not status.denied

    @contextlib.asynccontextmanager
    async def _asked(self) -> AsyncIterator[None]:
        try:
            async with self._places, asyncio.timeout(self._settings.timeout_seconds):
                yield
        except (client.ApiException, aiohttp.ClientError, OSError, ValueError) as error:
            # A ValueError is an answer that is none; a TimeoutError is an OSError.
            self._metrics.identity_reads.labels("reviews", "failed").inc()
            if self._throttle.allow(""):
                # Its type and status only: the texts of these errors can hold what was sent.
                status = getattr(error, "status", None)
                _log.warning(
                    "kubernetes api server not asked",
                    extra={"error": type(error).__name__, "status": status},
                )
            raise Failure("identity", "the Kubernetes API server does not answer") from error
        self._metrics.identity_reads.labels("reviews", "read").inc()


def _user(found: client.V1UserInfo) -> User | None:
    if not found.username:
        return None
    return User(
        name=found.username,
        uid=found.uid or "",
        groups=tuple(found.groups or ()),
        extra=tuple(sorted((name, tuple(values)) for name, values in (found.extra or {}).items())),
    )


@contextlib.asynccontextmanager
async def connected(settings: Kubernetes, metrics: Metrics) -> AsyncIterator[ApiServer]:
    """Yield the API server of the kubeconfig, or of the pod's own cluster.

    Raises `errors.ConfigError` where neither can be read.
    """
    configuration = client.Configuration()
    try:
        if settings.kubeconfig:
            await config.load_kube_config(  # type: ignore[no-untyped-call]  # the package's
                config_file=settings.kubeconfig, client_configuration=configuration
            )
        else:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]  # the package's
    except (ConfigException, OSError) as error:
        raise errors.ConfigError(f"$.auth.kubernetes.kubeconfig: {error}") from error
    async with client.ApiClient(configuration) as api:
        yield ApiServer(api, settings, metrics)
