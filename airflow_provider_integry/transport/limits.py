"""Numbers and names that the sync and the async session share."""

from __future__ import annotations

from airflow_provider_integry import __version__

USER_AGENT = f"airflow-provider-integry/{__version__}"
# Headers by which a server recognises a request that is sent twice.
IDEMPOTENCY_HEADERS = ("Idempotency-Key", "X-Idempotency-Key")
MAX_REDIRECTS = 10
# Most bytes of a body that are asked for at once.
READ_BYTES = 1024 * 1024
# A token endpoint that has not answered by then is down; its answer is small.
TOKEN_DEADLINE_S = 30.0
TOKEN_MAX_BYTES = 1024 * 1024
