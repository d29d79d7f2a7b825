"""The models of triggers: how new records are told from old ones, and how a service's webhooks are verified."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt, StrictStr, model_validator

from airflow_provider_integry.auth.webhook_signatures import (
    BasicRule,
    Encoding,
    HashName,
    KeyEncoding,
    SignatureRule,
    TimeUnit,
    template_problem,
)
from airflow_provider_integry.connectors.expressions import check_expression
from airflow_provider_integry.connectors.model import Expression, SpecModel, header_name_problem, problem

Name = Annotated[StrictStr, Field(min_length=1)]
# More than a day: a delivery that is so old says nothing of now.
MAX_TOLERANCE_S = 86_400


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


class Timestamp(SpecModel):
    """When a delivery was sent, which is part of what is signed.

    Attributes:
        header: Header with the time; or
        key: key of the time in a signature header of pairs (``t`` in ``t=…,v1=…``).
        unit: ``s`` or ``ms`` since 1970, or ``iso``.
        tolerance_s: Seconds that it may differ from now, in either direction.
    """

    header: Name | None = None
    key: Name | None = None
    unit: TimeUnit = "s"
    tolerance_s: Annotated[StrictInt, Field(ge=1, le=MAX_TOLERANCE_S)] = 300

    @model_validator(mode="after")
    def _check_place(self) -> Timestamp:
        if (self.header is None) == (self.key is None):
            raise problem((), "needs either 'header' or 'key': where the time stands")
        _check_header(self.header, ("header",))
        return self


class HmacVerification(SpecModel):
    """The service signs each delivery with the connection's webhook secret (HMAC, RFC 2104).

    Attributes:
        header: Header with the signature.
        signed: What is signed: a text with ``{body}``, ``{timestamp}``, ``{id}``, ``{method}``, ``{url}`` or
            ``{form}`` (the fields of a form, sorted, joined without anything between) in it.
        hash: Hash of the HMAC.
        encoding: How the signature is written.
        prefix: Text before it (``sha256=``).
        separator: What stands between several signatures; with `pairs` between the pairs, a comma.
        pairs: Whether the header is ``t=…,v1=…``.
        signature_key: Key of the signature among the pairs.
        timestamp: When it was sent; without it an old delivery is known by its replay alone.
        id_header: Header that ``{id}`` stands for.
        key_encoding: How the secret stands for the key: as ``text``, ``hex`` or ``base64``.
        key_prefix: Beginning of the secret that is not part of it (``whsec_``).
    """

    kind: Literal["hmac"]
    header: Name
    signed: StrictStr = "{body}"
    hash: HashName = "sha256"
    encoding: Encoding = "hex"
    prefix: StrictStr = ""
    separator: Name | None = None
    pairs: StrictBool = False
    signature_key: Name = "v1"
    timestamp: Timestamp | None = None
    id_header: Name | None = None
    key_encoding: KeyEncoding = "text"
    key_prefix: StrictStr = ""

    @model_validator(mode="after")
    def _check_parts(self) -> HmacVerification:
        _check_header(self.header, ("header",), may_be_reserved=True)
        _check_header(self.id_header, ("id_header",))
        if sentence := template_problem(self.signed):
            raise problem(("signed",), sentence)
        if ("{timestamp}" in self.signed) != (self.timestamp is not None):
            raise problem(
                ("timestamp",),
                "and '{timestamp}' in 'signed' belong together: a time that is not signed can be changed by anybody",
            )
        if ("{id}" in self.signed) and self.id_header is None:
            raise problem(("id_header",), "is missing, and needed for '{id}' in 'signed'")
        if self.timestamp and self.timestamp.key and not self.pairs:
            raise problem(("pairs",), "must be true where the time is a key of the signature's header")
        return self

    @property
    def rule(self) -> SignatureRule:
        """The rule as `webhook_signatures` has it."""
        time = self.timestamp
        return SignatureRule(
            header=self.header,
            signed=self.signed,
            hash_name=self.hash,
            encoding=self.encoding,
            prefix=self.prefix,
            separator=self.separator or ("," if self.pairs else None),
            pairs=self.pairs,
            signature_key=self.signature_key,
            timestamp_key=time.key if time else None,
            timestamp_header=time.header if time else None,
            timestamp_unit=time.unit if time else "s",
            tolerance_s=float(time.tolerance_s) if time else 0.0,
            id_header=self.id_header,
            key_encoding=self.key_encoding,
            key_prefix=self.key_prefix,
        )


class TokenVerification(SpecModel):
    """The service sends the connection's webhook secret itself.

    Attributes:
        place: (`in`) Where: header, query or body.
        name: Name of the header or query parameter; JMESPath in the JSON body (a text, or a list of texts that
            all must be the secret).
        prefix: Text before it.
    """

    kind: Literal["token"]
    place: Literal["header", "query", "body"] = Field(default="header", alias="in")
    name: Name
    prefix: StrictStr = ""

    @model_validator(mode="after")
    def _check_name(self) -> TokenVerification:
        if self.place == "header":
            _check_header(self.name, ("name",), may_be_reserved=True)
        if self.place == "body":
            _check_query(self.name, ("name",))
        return self


class BasicVerification(SpecModel):
    """The service sends a user name and the connection's webhook secret as the password (RFC 7617).

    Attributes:
        user: The user name.
    """

    kind: Literal["basic"]
    user: Name

    @property
    def rule(self) -> BasicRule:
        """The rule as `webhook_signatures` has it."""
        return BasicRule(self.user)


Verification = Annotated[
    HmacVerification | TokenVerification | BasicVerification,
    Field(discriminator="kind"),
]


class Challenge(SpecModel):
    """A request with which the service finds out that the URL is really listening.

    Attributes:
        method: Its method.
        place: (`in`) Where the challenge stands: query, header, or JSON body.
        name: Name of the parameter or header; JMESPath in the body.
        when: JMESPath that is true in the body of a challenge and of nothing else; for challenges by POST in a body.
        secret_param: Query parameter that must hold the webhook secret.
        signed: Whether the challenge is verified as deliveries are.
        answer: ``text`` answers the bare value, ``json`` an object.
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
    answer: Literal["text", "json"] = "text"
    answer_key: Name = "challenge"
    echo_key: Name | None = None
    hmac: StrictBool = False
    hmac_prefix: StrictStr | None = None

    @model_validator(mode="after")
    def _check_place(self) -> Challenge:
        if self.place == "body":
            if self.method == "GET":
                raise problem(("in",), "is 'body', but a GET request has none; allowed: query, header")
            _check_query(self.name, ("name",))
            if self.when is None:
                raise problem(("when",), "is missing: JMESPath that tells a challenge from a delivery")
        elif self.when is not None:
            raise problem(("when",), "has no use here: a challenge is known by its parameter or header")
        if self.echo_key and self.answer != "json":
            raise problem(("echo_key",), "needs 'answer: json'")
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
            _check_header(self.name, ("name",))
        else:
            _check_query(self.name, ("name",))
        return self


class Webhook(SpecModel):
    """A trigger that the service calls: it tells of what happened, and starts flows.

    Attributes:
        verify: How the service proves itself; the secret is field 'webhook_secret' of the connection.
        challenge: The request with which the service tries the URL; None where it does not.
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
        if self.challenge and self.challenge.hmac:
            self._check_hmac_challenge(self.challenge)
        return self

    def _check_hmac_challenge(self, challenge: Challenge) -> None:
        # Whoever may choose what we sign must not be able to choose a delivery.
        if not isinstance(self.verify, HmacVerification):
            raise problem(("challenge", "hmac"), "needs 'verify: {kind: hmac}', which says how to sign")
        if "{form}" in self.verify.signed:
            raise problem(("challenge", "hmac"), "cannot be used with '{form}': a challenge could be a signed form")


def _check_header(name: str | None, where: tuple[str, ...], *, may_be_reserved: bool = False) -> None:
    if name is None or (may_be_reserved and name.lower() == "authorization"):
        return
    if sentence := header_name_problem(name):
        raise problem(where, sentence)


def _check_query(text: str, where: tuple[str, ...]) -> None:
    try:
        check_expression(text)
    except ValueError as error:
        raise problem(where, str(error)) from None
