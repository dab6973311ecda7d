"""Answers of backends to range queries, kept step by step and put together again."""
