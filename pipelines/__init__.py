"""Bulk runs: segments the pictures of whole buckets with Apache Beam (docs/bulk.md)."""
