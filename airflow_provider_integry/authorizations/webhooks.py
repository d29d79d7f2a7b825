"""What becomes of a delivery: verified, seen for the first time, kept, and told to DAGs; no web types.

Everything here blocks, and belongs into a thread.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from airflow_provider_integry import config
from airflow_provider_integry.auth.webhook_keys import AnyRule, JwtRule, PublicKeyRule, verify_any
from airflow_provider_integry.auth.webhook_signatures import Delivery, WebhookRefusal
from airflow_provider_integry.authorizations import metrics
from airflow_provider_integry.authorizations.airflow_store import read_settings, team_of
from airflow_provider_integry.authorizations.api_target import load_connector_of
from airflow_provider_integry.authorizations.asset_events import register_event
from airflow_provider_integry.authorizations.asset_names import webhook_names
from airflow_provider_integry.authorizations.database_errors import database_errors
from airflow_provider_integry.authorizations.webhook_store import (
    DuplicateDeliveryError,
    NewDelivery,
    Outcome,
    WebhookRow,
    WebhookStore,
    change_outcome,
    make_id,
    record,
)
from airflow_provider_integry.errors import (
    ConnectionConfigError,
    MissingFieldError,
    StoreUnavailableError,
    UnknownActivityError,
)
from airflow_provider_integry.secret import Secret
from airflow_provider_integry.settings import ConnectionSettings

if TYPE_CHECKING:
    from airflow_provider_integry.connectors.deliveries import WebhookEvent
    from airflow_provider_integry.connectors.triggers import Webhook

log = logging.getLogger(__name__)
# A connection that was edited is noticed after this long.
LIFE_S = 5.0
MAX_KNOWN = 1000
_CLEAN_EVERY_S = 600.0
# A webhook that is older than this takes no secret from whoever calls it first.
HANDSHAKE_S = 3600.0
# SQLite has one writer.
_TRIES, _PAUSE_S = 3, 0.3


def webhook_path(webhook_id: str) -> str:
    """Return the path of a webhook's URL."""
    return f"/integry/public/webhooks/{webhook_id}"


class Receipt(NamedTuple):
    """What the service is answered.

    Attributes:
        status: HTTP status.
        outcome: One word.
        detail: What happened, in a sentence.
    """

    status: int
    outcome: str
    detail: str


class Answered(NamedTuple):
    """The answer to a challenge or a handshake; without a content type it has no body.

    Attributes:
        content_type: Media type.
        body: The text.
        headers: Further headers.
    """

    content_type: str | None
    body: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class OpenWebhook:
    """A webhook with what its connection and connector say now.

    Attributes:
        row: The webhook.
        settings: Its connection.
        spec: Its trigger.
        rule: What verifies deliveries.
        until: When it is looked up again, monotonic seconds.
    """

    row: WebhookRow
    settings: ConnectionSettings
    spec: Webhook
    rule: AnyRule
    until: float


class WebhookDesk:
    """Takes deliveries. One per process; may be used by several threads.

    Args:
        store: Where webhooks are kept.
        clock: UTC epoch seconds.
    """

    def __init__(self, store: WebhookStore, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, OpenWebhook] = {}
        self._cleaned_at = -_CLEAN_EVERY_S

    def open(self, webhook_id: str) -> OpenWebhook | None:
        """Return a webhook; None where there is none.

        Raises:
            ConfigurationError: Its connection or connector is gone or wrong.
            StoreError: The database does not answer.
        """
        known = self._known.get(webhook_id)
        if known is not None and known.until > time.monotonic():
            return known
        row = self._store.find(webhook_id)
        if row is None:
            self._known.pop(webhook_id, None)
            return None
        settings = _read_settings(row)
        spec, rule = find_webhook(settings, row.activity)
        found = OpenWebhook(row, settings, spec, rule, time.monotonic() + LIFE_S)
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[webhook_id] = found
        return found

    def receive(self, webhook: OpenWebhook, delivery: Delivery) -> Receipt | Answered:
        """Take a delivery, or answer a challenge or a handshake.

        Raises:
            StoreError: It could not be kept; the service is to try again.
        """
        # Lazy for start-up cost: pydantic models.
        from airflow_provider_integry.connectors.deliveries import answer_challenge, find_challenge, read_delivery

        spec = webhook.spec
        try:
            if (greeted := self._greet(webhook, delivery)) is not None:
                return greeted
            secrets = self._secrets(webhook)
            challenge = find_challenge(spec, delivery)
            if challenge is not None:
                if spec.challenge is not None and spec.challenge.signed:
                    verify_any(delivery, webhook.rule, secrets, self._clock())
                reply = answer_challenge(spec, delivery, challenge, secrets)
                return Answered(*astuple(reply))
            if delivery.method != "POST":
                return Receipt(405, "refused", "Deliveries come by POST.")
            verified = verify_any(delivery, webhook.rule, secrets, self._clock())
            event = read_delivery(spec, delivery)
            return self._take(webhook, delivery, event, verified.content_digest)
        except WebhookRefusal as refusal:
            metrics.count(f"webhook.refused.{refusal.reason}")
            log.warning("A delivery to webhook %s was refused: %s.", _name(webhook.row), refusal.sentence)
            status = _REFUSALS.get(refusal.reason, 401)
            return Receipt(status, "refused", f"The delivery is refused: {refusal.sentence}.")

    def _greet(self, webhook: OpenWebhook, delivery: Delivery) -> Answered | None:
        """Take the secret that a service sends before its first delivery; None where it is something else.

        Raises:
            WebhookRefusal: It is nothing that is kept as a secret, too late, or not the first.
            StoreError: It could not be kept.
        """
        # Lazy for start-up cost, as above.
        from airflow_provider_integry.connectors.deliveries import answer_handshake, find_handshake

        secret = find_handshake(webhook.spec, delivery)
        if secret is None:
            return None
        is_late = self._clock() - webhook.row.created_at > HANDSHAKE_S
        if is_late and self._store.read_handshake(webhook.row.id) is None:
            raise WebhookRefusal("handshake", "it comes more than an hour after its URL was made; make a new URL")
        if not self._store.keep_handshake(webhook.row.id, secret):
            raise WebhookRefusal("handshake", "another handshake came before it; make a new URL")
        log.info("Webhook %s has its secret: the service has made itself known.", _name(webhook.row))
        return Answered(*astuple(answer_handshake(webhook.spec, secret)))

    def _secrets(self, webhook: OpenWebhook) -> tuple[Secret, ...]:
        """Return what deliveries may be verified with; one from a handshake is never older than the database's."""
        own = webhook.settings.webhook.secrets
        if webhook.spec.handshake is None:
            return own
        kept = self._store.read_handshake(webhook.row.id)
        return own if kept is None else (kept, *own)

    def _take(self, webhook: OpenWebhook, delivery: Delivery, event: WebhookEvent, content_digest: str) -> Receipt:
        spec = webhook.spec
        if spec.replays == "id" and event.event_id is None:
            raise WebhookRefusal("unreadable", "it has no id, by which the connector knows replays")
        new = NewDelivery(
            id=make_id(),
            webhook_id=webhook.row.id,
            content_digest=content_digest if spec.replays == "content" else None,
            event_digest=_digest(event.event_id) if event.event_id else None,
            event_id=event.event_id,
            event_type=event.event_type,
            payload=event.payload,
            size=len(delivery.body),
        )
        self._clean()
        try:
            outcome = _patiently(lambda: self._keep(webhook, new, is_wanted=event.is_wanted))
        except DuplicateDeliveryError:
            metrics.count("webhook.replayed")
            log.info("A delivery to webhook %s was received before.", _name(webhook.row))
            status = 200 if spec.answer_replays == "accept" else 409
            return Receipt(status, "duplicate", "This delivery was received before; nothing was started again.")
        metrics.count(f"webhook.{outcome}")
        log.info("A delivery to webhook %s was %s (%s).", _name(webhook.row), outcome, new.id)
        return Receipt(200 if outcome != "stored" else 202, _WORDS[outcome], _SENTENCES[outcome])

    def _keep(self, webhook: OpenWebhook, new: NewDelivery, *, is_wanted: bool) -> Outcome:
        """Write a delivery and its asset event at once: there are both or none."""
        # Lazy for start-up cost: the models are needed by processes with the database alone.
        from airflow.utils.session import create_session

        with database_errors(), create_session(scoped=False) as session:
            outcome: Outcome = "stored" if is_wanted else "ignored"
            record(session, new, outcome)
            row = webhook.row
            if is_wanted:
                names = webhook_names(row.conn_id, row.activity, row.end_user)
                if register_event(session, names, build_extra(webhook, new, self._clock()), row.team_name):
                    outcome = "announced"
                    change_outcome(session, new.id, outcome)
        return outcome

    def _clean(self) -> None:
        """Remove old deliveries, now and then."""
        if time.monotonic() - self._cleaned_at < _CLEAN_EVERY_S:
            return
        self._cleaned_at = time.monotonic()
        self._store.remove_old(config.webhook_days())


_REFUSALS = {"unreadable": 400, "handshake": 409}
_WORDS: dict[str, str] = {"announced": "accepted", "stored": "stored", "ignored": "ignored"}
_SENTENCES: dict[str, str] = {
    "announced": "The delivery is stored, and the DAGs that wait for it were told.",
    "stored": "The delivery is stored. No DAG uses this webhook's asset, so nothing is started.",
    "ignored": "The delivery is of a type that starts nothing.",
}


def build_extra(webhook: OpenWebhook, new: NewDelivery, now: float) -> dict[str, Any]:
    """Return what an asset event says of a delivery; the payload is in it where it is small and may be seen."""
    row = webhook.row
    extra: dict[str, Any] = {
        "conn_id": row.conn_id,
        "end_user": row.end_user,
        "account": row.account,
        "webhook": row.activity,
        "delivery": new.id,
        "event_id": new.event_id,
        "event_type": new.event_type,
        "received_at": round(now, 3),
        "bytes": new.size,
    }
    is_small = len(msgspec.json.encode(new.payload)) <= config.webhook_event_bytes()
    if is_small and not webhook.settings.webhook.is_by_reference:
        return {**extra, "payload": new.payload}
    return extra


def find_webhook(settings: ConnectionSettings, activity: str) -> tuple[Webhook, AnyRule]:
    """Return a trigger of a connection's connector, and what verifies its deliveries. Reads a file.

    Raises:
        MissingFieldError: The connection names no connector, or has no webhook secret.
        ConfigurationError: The connector is not there or wrong, or has no such webhook.
    """
    # Lazy for start-up cost: pydantic models and YAML.
    from airflow_provider_integry.connectors.deliveries import build_rule
    from airflow_provider_integry.connectors.triggers import Webhook

    if not settings.connector:
        problem = "is empty, and needed for webhooks; give a connector's name or path"
        raise MissingFieldError(settings.conn_id, "connector", problem)
    connector = load_connector_of(settings, settings.connector)
    found = connector.activities.get(activity)
    if not isinstance(found, Webhook):
        known = sorted(name for name, one in connector.activities.items() if isinstance(one, Webhook))
        raise UnknownActivityError(connector.name, activity, known)
    rule = build_rule(found.verify)
    has_key = isinstance(rule, PublicKeyRule | JwtRule) and rule.public_key is not None
    if not settings.webhook.secrets and not has_key and found.handshake is None:
        is_public = isinstance(rule, PublicKeyRule) or (isinstance(rule, JwtRule) and rule.algorithm[:2] != "HS")
        what = "the service's public key" if is_public else "what the service signs or sends them with"
        raise MissingFieldError(
            settings.conn_id, "webhook_secret", f"is empty, and needed to verify webhooks; fill in {what}"
        )
    return found, rule


def _read_settings(row: WebhookRow) -> ConnectionSettings:
    settings = read_settings(row.conn_id)
    if settings is None:
        raise ConnectionConfigError(row.conn_id, "conn_id", "is of no connection any more; remove its webhooks")
    if team_of(row.conn_id) != row.team_name:
        problem = "is another team's connection now; remove its webhooks and add them anew"
        raise ConnectionConfigError(row.conn_id, "team_name", problem)
    return settings


def _patiently(write: Callable[[], Outcome]) -> Outcome:
    for left in reversed(range(_TRIES)):
        try:
            return write()
        except StoreUnavailableError:
            if not left:
                raise
        time.sleep(_PAUSE_S)
    raise AssertionError("the last try returns or raises")


def _digest(text: str) -> str:
    return hashlib.sha256(json.dumps(["event", text]).encode()).hexdigest()


def _name(row: WebhookRow) -> str:
    # The id is left out: it is the one part of the URL that is not known to everybody.
    return f"{row.conn_id}/{row.activity}"
