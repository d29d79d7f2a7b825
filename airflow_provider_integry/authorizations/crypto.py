"""Encryption of what is kept: Airflow's Fernet key, and each text bound to its place.

Fernet has no associated data, so the place (a row's digest, a journal entry's name) is written inside
the encrypted text and compared after decryption: a text that is pasted into another row is refused.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.fernet import InvalidToken

from airflow_provider_integry.authorizations.grant import GrantSecrets
from airflow_provider_integry.errors import StoreNotReadyError, UnreadableGrantError
from airflow_provider_integry.secret import Secret

_NO_KEY = (
    "Airflow has no Fernet key, so tokens would be stored in clear. Set option [core] fernet_key"
    " (AIRFLOW__CORE__FERNET_KEY) to the same key on every API server."
)
_SECRETS = ("access_token", "refresh_token", "proof_key", "token_secret")
_TEXTS = ("token_type", "endpoint", "nonce")


def seal(secrets: GrantSecrets, place: str) -> str:
    """Encrypt a grant for one place.

    Raises:
        StoreNotReadyError: Airflow has no Fernet key.
    """
    data: dict[str, Any] = {}
    for name in _SECRETS:
        if secret := getattr(secrets, name):
            data[name] = secret.reveal()
    data.update({name: value for name in _TEXTS if (value := getattr(secrets, name))})
    if secrets.kept:
        data["kept"] = dict(secrets.kept)
    if secrets.entered:
        data["entered"] = {name: secret.reveal() for name, secret in secrets.entered.items()}
    return seal_data(data, place)


def unseal(sealed: str, place: str) -> GrantSecrets:
    """Decrypt a grant of one place.

    Raises:
        StoreNotReadyError: Airflow has no Fernet key.
        UnreadableGrantError: It was encrypted with another key, for another place, or is damaged.
    """
    data = unseal_data(sealed, place)
    kept: dict[str, Any] = {name: data[name] for name in (*_TEXTS, "kept") if name in data}
    kept.update({name: Secret(data[name]) for name in _SECRETS if name in data})
    entered = {name: Secret(text) for name, text in data.get("entered", {}).items()}
    return GrantSecrets(**kept, entered=entered)


def seal_data(data: Mapping[str, Any], place: str) -> str:
    """Encrypt JSON values for one place.

    Raises:
        StoreNotReadyError: Airflow has no Fernet key.
    """
    return str(_fernet().encrypt(msgspec.json.encode({**data, "place": place})).decode("ascii"))


def unseal_data(sealed: str, place: str) -> dict[str, Any]:
    """Decrypt JSON values of one place.

    Raises:
        StoreNotReadyError: Airflow has no Fernet key.
        UnreadableGrantError: It was encrypted with another key, for another place, or is damaged.
    """
    try:
        data = msgspec.json.decode(_fernet().decrypt(sealed.encode("ascii")))
    except (InvalidToken, UnicodeEncodeError, msgspec.DecodeError):
        raise UnreadableGrantError("cannot be decrypted with Airflow's Fernet key") from None
    found = str(data.pop("place", "")) if isinstance(data, dict) else ""
    if not hmac.compare_digest(found.encode(), place.encode()):
        raise UnreadableGrantError("was encrypted for another authorization")
    return dict(data)


def reseal(sealed: str) -> str:
    """Encrypt a text anew, with the first of Airflow's Fernet keys.

    Raises:
        StoreNotReadyError: Airflow has no Fernet key.
        UnreadableGrantError: None of the keys fits.
    """
    try:
        return str(_fernet().rotate(sealed.encode("ascii")).decode("ascii"))
    except (InvalidToken, UnicodeEncodeError):
        raise UnreadableGrantError("cannot be decrypted with any of Airflow's Fernet keys") from None


def check_key() -> None:
    """Refuse to go on without encryption.

    Raises:
        StoreNotReadyError: Airflow has no Fernet key.
    """
    _fernet()


def _fernet() -> Any:
    # Lazy for start-up cost: the models are needed by processes with the database alone.
    from airflow.models.crypto import get_fernet

    fernet = get_fernet()
    if not fernet.is_encrypted:
        raise StoreNotReadyError(_NO_KEY)
    return fernet
