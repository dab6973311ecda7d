"""`tenantry demo-push`: an isolated cluster pushes to two receivers, one of which is killed."""
