"""The few error classes that several services share, each with what its catcher does."""


class TenantryError(Exception):
    """Base of the errors that this project raises on purpose."""


class ConfigError(TenantryError):
    """Configuration or a command line is wrong. Stop with exit code 2; the text says where."""


class BusUnavailable(TenantryError):
    """NATS did not answer, or not in time. Retry with back-off."""


class Fenced(TenantryError):
    """Somebody else wrote to this subject or key meanwhile. Drop the state, read it again."""


class Undecodable(TenantryError):
    """Bytes from outside are not what they should be. Never retry; count and report."""


class TooLarge(TenantryError):
    """What comes from outside is larger than is taken. Refuse it without reading the rest."""


class NewerSchema(TenantryError):
    """A message was written by a newer version of Tenantry. Refuse it and say so."""
