"""One hook class per connection type, as Airflow wants it; `IntegryHook` itself takes any type."""

from __future__ import annotations

from airflow_provider_integry.hooks.integry import IntegryHook


class IntegryOAuth1Hook(IntegryHook):
    """Hook of connection type `integry_oauth1`."""

    conn_type = "integry_oauth1"
    hook_name = "Integry OAuth 1.0a"


class IntegryOAuth2Hook(IntegryHook):
    """Hook of connection type `integry_oauth2`."""

    conn_type = "integry_oauth2"
    hook_name = "Integry OAuth 2.0"


class IntegryApiKeyHook(IntegryHook):
    """Hook of connection type `integry_api_key`."""

    conn_type = "integry_api_key"
    hook_name = "Integry API key"


class IntegryApiKeySecretHook(IntegryHook):
    """Hook of connection type `integry_api_key_secret`."""

    conn_type = "integry_api_key_secret"
    hook_name = "Integry API key and secret"


class IntegryApiKeyUrlHook(IntegryHook):
    """Hook of connection type `integry_api_key_url`."""

    conn_type = "integry_api_key_url"
    hook_name = "Integry API key with URL"


class IntegryJwtHook(IntegryHook):
    """Hook of connection type `integry_jwt`."""

    conn_type = "integry_jwt"
    hook_name = "Integry JWT"


class IntegryBasicHook(IntegryHook):
    """Hook of connection type `integry_basic`."""

    conn_type = "integry_basic"
    hook_name = "Integry Basic"


class IntegryBasicUrlHook(IntegryHook):
    """Hook of connection type `integry_basic_url`."""

    conn_type = "integry_basic_url"
    hook_name = "Integry Basic with URL"
