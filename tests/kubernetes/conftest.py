"""The cluster that the suite runs on: real where KUBEBUILDER_ASSETS is set, else emulated."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.kubernetes import api_server, cluster, control_plane
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.control_plane import ControlPlane


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def plane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlPlane | None]:
    """etcd and kube-apiserver, for all tests; None where there are none."""
    folder = control_plane.assets()
    if folder is None:
        yield None
        return
    running = ControlPlane(folder, tmp_path_factory.mktemp("control-plane"))
    try:
        await running.start()
        yield running
    finally:
        await running.stop()


@pytest_asyncio.fixture
async def kube(plane: ControlPlane | None) -> AsyncIterator[Cluster]:
    """A cluster with our custom resource and roles, and no MetricAccess."""
    if plane is not None:
        async with cluster.real(plane) as made:
            yield made
        return
    async with api_server.running() as server, cluster.emulated(server) as made:
        yield made
