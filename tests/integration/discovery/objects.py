"""Create and change objects through the API, as users and controllers do."""

from tests.unit.discovery.kubernetes.manifests import Manifest

from tenantry_common.kubernetes import Api, Resource


async def create(api: Api, resource: Resource, manifest: Manifest) -> None:
    """Create an object; a status is set on its own, as the API wants it."""
    namespace = manifest["metadata"]["namespace"]
    made = await api.call("POST", resource.path(namespace), body=manifest)
    if "status" in manifest:
        await set_status(api, resource, {**made, "status": manifest["status"]})


async def set_status(api: Api, resource: Resource, manifest: Manifest) -> None:
    """Replace the status of an object."""
    metadata = manifest["metadata"]
    path = resource.path(metadata["namespace"], metadata["name"], "status")
    await api.call("PUT", path, body=manifest)


async def delete(api: Api, resource: Resource, name: str, namespace: str = "monitoring") -> None:
    """Delete an object at once."""
    await api.call("DELETE", resource.path(namespace, name), query={"gracePeriodSeconds": 0})
