"""The broker over HTTP, version 1: for tasks and triggers, which prove themselves with each request."""
