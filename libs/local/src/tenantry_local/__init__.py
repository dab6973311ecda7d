"""Run nats-server, Prometheus and the services as child processes of one supervisor.

Used alike by `tenantry up`, the demo and the tests, so that what the tests prove is what people run.
"""
