"""Deliver batches to every endpoint, in order."""
