"""Queries over several shards: planned, asked in pieces, put together exactly or refused."""
