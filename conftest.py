"""Fixtures that all tests may use."""

pytest_plugins = ["tenantry_local.testing"]
