"""Turn MetricAccess manifests into tenant policies and delivery jobs."""
