"""Sending requests: the only place that imports an HTTP client."""
