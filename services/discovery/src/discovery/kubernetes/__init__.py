"""The source "objects of a Kubernetes cluster"."""
