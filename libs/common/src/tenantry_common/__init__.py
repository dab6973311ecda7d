"""Contracts, NATS access and runtime that the Tenantry services share.

Import the modules and use names through them (`contracts.Backend`, `subjects.samples`); nothing is
re-exported here, so that a name has one home.
"""
