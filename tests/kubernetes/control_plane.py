"""A real API server: etcd and kube-apiserver of the folder that KUBEBUILDER_ASSETS names.

As envtest starts them, with RBAC, and with a token for each service account, because without the
controller-manager nobody would issue any. Everything listens on loopback.
"""

import csv
import os
import secrets
from pathlib import Path

import msgspec
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tenantry_common import kubernetes
from tenantry_local.ports import LOOPBACK, free_port
from tenantry_local.process import Process

NAMESPACE = "tenantry-system"
SERVICES = ("discovery", "tenant-controller", "query-gateway", "collector", "writer", "receiver")
ADMIN = "admin"
TENANT = "alice"
"""Somebody who may do nothing but what a test lets her."""

_START_SECONDS = 120


def assets() -> Path | None:
    """Return the folder of the servers; None where the emulator has to do."""
    folder = os.environ.get("KUBEBUILDER_ASSETS")
    return Path(folder) if folder else None


class ControlPlane:
    """etcd and kube-apiserver, with their files in `directory`."""

    def __init__(self, binaries: Path, directory: Path) -> None:
        self._directory = directory
        client, peer, port = free_port(), free_port(), free_port()
        self.url = f"https://{LOOPBACK}:{port}"
        self._write_certificates()
        self._write_service_account_key()
        self._write_tokens()
        self.etcd = Process(
            "etcd",
            [
                binaries / "etcd",
                f"--data-dir={directory / 'etcd'}",
                f"--listen-client-urls=http://{LOOPBACK}:{client}",
                f"--advertise-client-urls=http://{LOOPBACK}:{client}",
                f"--listen-peer-urls=http://{LOOPBACK}:{peer}",
                f"--initial-advertise-peer-urls=http://{LOOPBACK}:{peer}",
                f"--initial-cluster=default=http://{LOOPBACK}:{peer}",
            ],
            log=directory / "etcd.log",
            ports=(client, peer),
        )
        self.server = Process(
            "kube-apiserver",
            [
                binaries / "kube-apiserver",
                f"--etcd-servers=http://{LOOPBACK}:{client}",
                f"--bind-address={LOOPBACK}",
                f"--advertise-address={LOOPBACK}",
                f"--secure-port={port}",
                f"--cert-dir={directory / 'certificates'}",
                f"--tls-cert-file={directory / 'server.crt'}",
                f"--tls-private-key-file={directory / 'server.key'}",
                "--authorization-mode=RBAC",
                "--disable-admission-plugins=ServiceAccount",
                f"--token-auth-file={directory / 'tokens.csv'}",
                f"--service-account-issuer={self.url}",
                f"--service-account-key-file={directory / 'service-account.key'}",
                f"--service-account-signing-key-file={directory / 'service-account.key'}",
                "--service-cluster-ip-range=10.0.0.0/24",
                "--allow-privileged=true",
            ],
            log=directory / "kube-apiserver.log",
            ports=(port,),
            ready=self._answers,
        )

    async def start(self) -> None:
        """Start both; return when the server answers."""
        self.etcd.spawn()
        await self.server.start(_START_SECONDS)

    async def stop(self) -> None:
        """End both; their data is thrown away."""
        for process in (self.server, self.etcd):
            if process.running:
                await process.kill()

    def settings(self, user: str) -> dict[str, str]:
        """Return `kubernetes.Settings` for the admin, or the service account of a service."""
        return {
            "url": self.url,
            "ca_file": str(self._directory / "ca.crt"),
            "token_file": str(self._directory / f"{user}.token"),
        }

    async def _answers(self) -> bool:
        settings = msgspec.convert(
            {**self.settings(ADMIN), "timeout_seconds": 5}, kubernetes.Settings
        )
        try:
            async with kubernetes.connect(settings) as api:
                await api.get(kubernetes.NAMESPACES, "", "default")
        except kubernetes.Failed:
            return False
        return True

    def _write_certificates(self) -> None:
        authority = trustme.CA()
        certificate = authority.issue_cert(LOOPBACK, "localhost")
        authority.cert_pem.write_to_path(str(self._directory / "ca.crt"))
        certificate.private_key_pem.write_to_path(str(self._directory / "server.key"))
        chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
        (self._directory / "server.crt").write_bytes(chain)

    def _write_service_account_key(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        (self._directory / "service-account.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )

    def _write_tokens(self) -> None:
        groups = f"system:serviceaccounts,system:serviceaccounts:{NAMESPACE}"
        accounts = [
            (ADMIN, "tests-admin", "system:masters"),
            (TENANT, TENANT, ""),
            *((name, f"system:serviceaccount:{NAMESPACE}:{name}", groups) for name in SERVICES),
        ]
        with (self._directory / "tokens.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            for number, (name, user, groups_) in enumerate(accounts):
                token = secrets.token_hex(16)
                (self._directory / f"{name}.token").write_text(token)
                writer.writerow([token, user, f"uid-{number}", groups_])
