"""Configuration of the receiver: where it listens, whom it believes, and what a push may cost."""

from tenantry_common import config


class Config(config.Service, frozen=True, kw_only=True):
    """The whole file."""
