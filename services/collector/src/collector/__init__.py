"""Collect permitted samples and publish them as batches."""
