"""Fixtures that all tests may use."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["tenantry_local.testing"]

# How long an example takes says more about the machine than about the code.
settings.register_profile("tenantry", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tenantry")
