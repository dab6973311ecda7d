"""The demo: a source of load, and the proof that the product did its job with it."""
