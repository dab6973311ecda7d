"""The configuration of `/federate`: section `federate`."""

from tenantry_common import config


class Federate(config.Section, frozen=True, kw_only=True):
    """The port that Prometheus servers scrape. Without `scrapers_file` nothing listens there."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8082
    """Port to listen on; 0 takes any free one and logs it."""
    tls: config.Tls = config.Tls()
    """Certificates; without any, plain HTTP is spoken."""
    scrapers_file: str = ""
    """Path of the YAML file with the hashes of scrapers' keys, and the tenants that each sees
    (`scrapers: [{id, hash, tenants, expires}]`), read again when it changes. A key and its entry are
    made by `python -m query_gateway.new_key`. Empty: `/federate` is not served."""
    connections: int = 64
    """Connections at the same time; further ones are closed at once."""
