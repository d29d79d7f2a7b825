"""How somebody's consent is asked for: the settings of an authorization request (RFC 6749 section 4.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from airflow_provider_integry.auth.callback_signature import CallbackSignature

Pkce = Literal["S256", "plain", "none"]
ResponseMode = Literal["query", "form_post"]


@dataclass(frozen=True, slots=True)
class CodeConsent:
    """What is needed to send somebody to a consent page, beside the client's settings.

    Attributes:
        authorize_url: The consent page; None to ask the issuer for it.
        params: Further parameters of its URL.
        pkce: Challenge method of the proof key (RFC 7636).
        response_mode: Whether the answer comes in the query of the redirect URI, or posted as a form.
        par_url: Where the parameters are pushed (RFC 9126); None for the issuer's, if it has one.
        device_url: Where device codes come from (RFC 8628); None for the issuer's.
        revoke_url: Where grants are revoked (RFC 7009); None for the issuer's.
        signature: How the service signs the redirect; None where it does not.
        kept: Names of what is kept, with their JMESPaths into ``{"callback": ..., "answer": ...}``.
    """

    authorize_url: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    pkce: Pkce = "S256"
    response_mode: ResponseMode = "query"
    par_url: str | None = None
    device_url: str | None = None
    revoke_url: str | None = None
    signature: CallbackSignature | None = None
    kept: Mapping[str, str] = field(default_factory=dict)
