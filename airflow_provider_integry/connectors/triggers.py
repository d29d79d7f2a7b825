"""The models of triggers: how new records are told from old ones, and what a service's webhooks tell."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, StrictBool, StrictStr, model_validator

from airflow_provider_integry.connectors.model import Expression, SpecModel, problem
from airflow_provider_integry.connectors.verifications import (
    HmacVerification,
    Name,
    Verification,
    check_header,
    check_query,
)


class NewRecords(SpecModel):
    """How a poll tells new records from those that it has seen.

    With `cursor`, a record is new when its cursor is greater than the greatest one so far, or equal to it
    under another id: ISO dates are compared as moments, numbers as numbers, other texts by their characters.
    With `answer_cursor`, the service keeps count, and all that it sends is new. With `id` alone, a record is
    new when its id was not in the list before; at most 10,000 ids are kept.

    Attributes:
        id: JMESPath, in a record, of what names it: a text or a number.
        cursor: JMESPath, in a record, of something that grows: when it was made or changed, or a number.
        answer_cursor: JMESPath, in the last page's answer, of what to send the next time.
        since: Input of this activity that is given the cursor.
        newest_first: Whether the list begins with the newest; paging then ends where nothing is new any more.
    """

    id: Expression | None = None
    cursor: Expression | None = None
    answer_cursor: Expression | None = None
    since: Name | None = None
    newest_first: StrictBool = False

    @model_validator(mode="after")
    def _check_ways(self) -> NewRecords:
        if self.cursor and self.answer_cursor:
            raise problem(("answer_cursor",), "stands beside 'cursor'; a poll goes by one of them")
        if self.answer_cursor and self.since is None:
            raise problem(("since",), "is missing: name the input that 'answer_cursor' is sent with")
        if self.answer_cursor and self.newest_first:
            raise problem(("newest_first",), "has no use with 'answer_cursor': all pages are read")
        if not self.answer_cursor and self.id is None:
            raise problem(("id",), "is missing: JMESPath of what names a record")
        if self.since and not (self.cursor or self.answer_cursor):
            raise problem(("since",), "has nothing to send; declare 'cursor' or 'answer_cursor'")
        return self


class Challenge(SpecModel):
    """A request with which the service finds out that the URL is really listening.

    Attributes:
        method: Its method.
        place: (`in`) Where the challenge stands: query, header, or JSON body.
        name: Name of the parameter or header; JMESPath in the body, of a text or a whole number.
        when: JMESPath that is true in the body of a challenge and of nothing else; for challenges by POST in a body.
        secret_param: Query parameter that must hold the webhook secret.
        signed: Whether the challenge is verified as deliveries are.
        answer: ``text`` answers the bare value, ``json`` an object, ``empty`` status 204 without a body.
        answer_key: Key of the value in that object.
        echo_key: Key under which the challenge itself goes with it.
        hmac: Whether the value is the challenge's HMAC with the webhook secret, in the encoding and with the
            prefix of `verify`; else it is the challenge itself.
        hmac_prefix: Text before that HMAC; that of `verify` by default.
    """

    method: Literal["GET", "POST"] = "GET"
    place: Literal["query", "header", "body"] = Field(default="query", alias="in")
    name: Name
    when: Expression | None = None
    secret_param: Name | None = None
    signed: StrictBool = False
    answer: Literal["text", "json", "empty"] = "text"
    answer_key: Name = "challenge"
    echo_key: Name | None = None
    hmac: StrictBool = False
    hmac_prefix: StrictStr | None = None

    @model_validator(mode="after")
    def _check_place(self) -> Challenge:
        if self.place == "body":
            if self.method == "GET":
                raise problem(("in",), "is 'body', but a GET request has none; allowed: query, header")
            check_query(self.name, ("name",))
            if self.when is None:
                raise problem(("when",), "is missing: JMESPath that tells a challenge from a delivery")
        elif self.when is not None:
            raise problem(("when",), "has no use here: a challenge is known by its parameter or header")
        if self.echo_key and self.answer != "json":
            raise problem(("echo_key",), "needs 'answer: json'")
        return self


class Handshake(SpecModel):
    """The service makes the secret up, and sends it once, before its first delivery.

    It is taken from the first such request to a URL, kept encrypted, and answered in the same header. A second one
    with another secret is refused: whoever wants a new secret makes a new URL.

    Attributes:
        header: Header with the secret, in the request and in the answer.
    """

    header: Name

    @model_validator(mode="after")
    def _check_name(self) -> Handshake:
        check_header(self.header, ("header",))
        return self


class EventField(SpecModel):
    """Where a delivery says something about itself.

    Attributes:
        place: (`in`) A header, or the JSON body.
        name: Name of the header; JMESPath in the body.
    """

    place: Literal["header", "body"] = Field(default="header", alias="in")
    name: Name

    @model_validator(mode="after")
    def _check_name(self) -> EventField:
        if self.place == "header":
            check_header(self.name, ("name",))
        else:
            check_query(self.name, ("name",))
        return self


class Webhook(SpecModel):
    """A trigger that the service calls: it tells of what happened, and starts flows.

    Attributes:
        verify: How the service proves itself; the secret is field 'webhook_secret' of the connection.
        challenge: The request with which the service tries the URL; None where it does not.
        handshake: The request with which it sends the secret that it signs with; None where the connection has it.
        event_id: Where a delivery's own id stands: the same in each try to deliver it.
        event_type: Where it says what has happened.
        events: Types that start flows; others are answered and forgotten. All when left out.
        payload: JMESPath of what goes into the event; the whole body by default.
        replays: How a second delivery of one thing is known: by its ``content``, and its id too where there is
            one; or by the ``id`` alone, for services whose deliveries are the same text each time.
        answer_replays: ``refuse`` answers 409, ``accept`` 200 for services that go on trying otherwise; neither
            starts a flow again.
    """

    kind: Literal["trigger"]
    mode: Literal["webhook"]
    title: str = ""
    description: str = ""
    verify: Verification
    challenge: Challenge | None = None
    handshake: Handshake | None = None
    event_id: EventField | None = None
    event_type: EventField | None = None
    events: tuple[Name, ...] = ()
    payload: Expression | None = None
    replays: Literal["content", "id"] = "content"
    answer_replays: Literal["refuse", "accept"] = "refuse"

    @model_validator(mode="after")
    def _check_fields(self) -> Webhook:
        if self.events and self.event_type is None:
            raise problem(("event_type",), "is missing: where a delivery names one of 'events'")
        if self.replays == "id" and self.event_id is None:
            raise problem(("event_id",), "is missing, and needed for 'replays: id'")
        if self.handshake and not isinstance(self.verify, HmacVerification):
            raise problem(("handshake",), "needs 'verify: {kind: hmac}': the secret is what deliveries are signed with")
        if self.handshake and self.challenge:
            raise problem(("handshake",), "stands beside 'challenge'; a service has one of them")
        if self.challenge and self.challenge.hmac:
            self._check_hmac_challenge(self.challenge)
        return self

    def _check_hmac_challenge(self, challenge: Challenge) -> None:
        # Whoever may choose what we sign must not be able to choose a delivery.
        if not isinstance(self.verify, HmacVerification):
            raise problem(("challenge", "hmac"), "needs 'verify: {kind: hmac}', which says how to sign")
        if "{form}" in self.verify.signed:
            raise problem(("challenge", "hmac"), "cannot be used with '{form}': a challenge could be a signed form")
