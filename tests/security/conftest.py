"""The fixtures of the integration tests, for attacks on the same servers."""

from __future__ import annotations

from integration.conftest import (  # noqa: F401 - fixtures are found by their names
    _new_process,
    _no_grants,
    _tables,
    airflow_run,
    answer_with,
    open_async,
    open_session,
    open_sync,
    set_connection,
    tls_files,
    token_server,
)
from security.fuzz_desk import callback_target  # noqa: F401 - as above
