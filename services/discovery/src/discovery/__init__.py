"""Find Prometheus backends, probe them and group them into HA sets."""
