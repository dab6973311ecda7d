"""For tests: an identity provider with its keys, and tokens that it signed or never would have."""

import base64
import contextlib
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import jwt
import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

type PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_CURVES: dict[str, ec.EllipticCurve] = {
    "ES256": ec.SECP256R1(),
    "ES384": ec.SECP384R1(),
    "ES512": ec.SECP521R1(),
}


def private_key(algorithm: str) -> PrivateKey:
    """Return a new private key for `algorithm`."""
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm])
    return rsa.generate_private_key(65537, 2048)


def public_jwk(key: PrivateKey, **more: str) -> dict[str, Any]:
    """Return the public half of `key` as a JWK, with `more` members."""
    match key:
        case rsa.RSAPrivateKey():
            found = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case ec.EllipticCurvePrivateKey():
            found = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case _:
            found = jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {name: value for name, value in {**found, **more}.items() if name != "key_ops"}


def segment(data: Mapping[str, Any] | bytes) -> str:
    """Return one part of a compact token."""
    raw = data if isinstance(data, bytes) else msgspec.json.encode(data)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


class Issuer:
    """An identity provider. `url` is its name; it listens once `listening`."""

    def __init__(self, url: str = "https://issuer.example") -> None:
        self.url = url
        self.keys: dict[str, PrivateKey] = {}
        self.algorithms: dict[str, str] = {}
        self.fetched = 0
        """How often the key set was fetched."""
        self.answering = True

    def rotate(self, id: str, algorithm: str = "ES256") -> None:
        """Sign with a new key from now on, and publish only that."""
        self.keys = {id: private_key(algorithm)}
        self.algorithms = {id: algorithm}

    @property
    def document(self) -> bytes:
        """The key set."""
        keys = [public_jwk(key, kid=id, use="sig") for id, key in self.keys.items()]
        return msgspec.json.encode({"keys": keys})

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Return the claims of a token that is valid; a claim that is None is left out."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": "tenantry",
            "sub": "alice",
            "iat": now,
            "exp": now + 3600,
            "tenants": ["shop"],
            **changed,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, *, headers: Mapping[str, Any] | None = None, **changed: Any) -> str:
        """Return a token signed by the newest key."""
        id, key = list(self.keys.items())[-1]
        return jwt.encode(
            self.claims(**changed), key, self.algorithms[id], headers={"kid": id, **(headers or {})}
        )

    def unsigned(self, algorithm: str = "none", **changed: Any) -> str:
        """Return a token without a signature."""
        id = list(self.keys)[-1]
        head = segment({"alg": algorithm, "typ": "JWT", "kid": id})
        return f"{head}.{segment(self.claims(**changed))}."

    def confused(self, encoding: Encoding = Encoding.PEM, **changed: Any) -> str:
        """Return a token whose HMAC secret is the published key, as everybody can make one."""
        id, key = list(self.keys.items())[-1]
        secret = key.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
        head = segment({"alg": "HS256", "typ": "JWT", "kid": id})
        signed = f"{head}.{segment(self.claims(**changed))}"
        return f"{signed}.{segment(hmac.digest(secret, signed.encode(), hashlib.sha256))}"

    def foreign(self, *, headers: Mapping[str, Any] | None = None, **changed: Any) -> str:
        """Return a token that somebody else signed, with a key of the same kind."""
        id = list(self.keys)[-1]
        algorithm = self.algorithms[id]
        key = private_key(algorithm)
        given = {"kid": id, **(headers or {})}
        return jwt.encode(self.claims(**changed), key, algorithm, headers=given)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Serve discovery and key set, and yield the URL, which is the issuer's name from then on."""
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._discovery)
        app.router.add_get("/keys", self._keys)
        server = TestServer(app)
        async with server:
            self.url = str(server.make_url("")).rstrip("/")
            yield self.url

    async def _discovery(self, _: web.Request) -> web.Response:
        if not self.answering:
            raise web.HTTPServiceUnavailable
        return web.json_response({"issuer": self.url, "jwks_uri": f"{self.url}/keys"})

    async def _keys(self, _: web.Request) -> web.Response:
        self.fetched += 1
        if not self.answering:
            raise web.HTTPServiceUnavailable
        return web.Response(body=self.document, content_type="application/json")
