"""A connection's certificate files, looked at before anything is sent."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_integry.errors import CertificateError
from airflow_provider_integry.settings import TransportSettings


def check_files(settings: TransportSettings) -> None:
    """Refuse files that are not there; what is in them shows when TLS begins.

    Raises:
        CertificateError: One is not there; the message names it and its field.
    """
    files = {
        "ca_file": settings.ca_file,
        "client_cert_file": settings.client_cert_file,
        "client_key_file": settings.client_key_file,
    }
    for field, path in files.items():
        if path and not Path(path).is_file():
            raise CertificateError(
                path, f"there is no such file on this machine. Correct field '{field}', or put the file there."
            )
