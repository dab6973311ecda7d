"""What clusters pushed last, for a Prometheus that scrapes `/federate` of any instance."""
