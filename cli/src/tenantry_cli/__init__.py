"""The `tenantry` command: run an estate on this machine, prove it, check manifests, look inside."""
