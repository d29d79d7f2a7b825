"""What an API's answers mean beside their status: the keys `errors`, `answer_schema` and `record_schema`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, StrictInt, StrictStr, model_validator

from airflow_provider_integry.connectors.draft import scalar_text
from airflow_provider_integry.connectors.expressions import search
from airflow_provider_integry.connectors.model import Expression, SpecModel, problem
from airflow_provider_integry.connectors.schemas import InvalidSchemaError, check_schema, find_problems
from airflow_provider_integry.errors import SchemaMismatchError
from airflow_provider_integry.secret import build_excerpt

_BOM = b"\xef\xbb\xbf"
# An answer of an error is small; what is larger is not looked into before it is known to be one.
MAX_ERROR_BODY = 64 * 1024
MAX_CODE = 80


def _check_status(status: int) -> int:
    if not 400 <= status <= 599 or status == 401:
        raise problem((), f"is {status}; give statuses from 400 to 599 other than 401, which always counts as expired")
    return status


def _as_text(code: object) -> object:
    return scalar_text(code) if isinstance(code, int) else code


Status = Annotated[StrictInt, AfterValidator(_check_status)]
Code = Annotated[StrictStr, BeforeValidator(_as_text), Field(min_length=1)]


class ErrorRules(SpecModel):
    """What an API says in answers that are errors.

    Attributes:
        failed_when: JMESPath that is true in an answer with status 2xx that says the activity failed.
        code: JMESPath of the vendor's code in such an answer, or in one whose status is not 2xx.
        message: JMESPath of the vendor's message; the usual places when left out.
        expired_statuses: Statuses that mean, as 401 always does, that the token has expired.
        expired_codes: Codes that mean the same.
        throttled_statuses: Statuses that mean, as 429 always does, that there were too many requests.
        throttled_codes: Codes that mean the same.
        retry_codes: Codes of failures that pass by themselves.
    """

    failed_when: Expression | None = None
    code: Expression | None = None
    message: Expression | None = None
    expired_statuses: tuple[Status, ...] = ()
    expired_codes: tuple[Code, ...] = ()
    throttled_statuses: tuple[Status, ...] = ()
    throttled_codes: tuple[Code, ...] = ()
    retry_codes: tuple[Code, ...] = ()

    @model_validator(mode="after")
    def _check_sets(self) -> ErrorRules:
        coded = {name: getattr(self, name) for name in ("expired_codes", "throttled_codes", "retry_codes")}
        for name, codes in coded.items():
            if codes and self.code is None:
                raise problem((name,), "needs 'code', the JMESPath of the code in an answer")
        _refuse_twice(coded)
        names = ("expired_statuses", "throttled_statuses")
        _refuse_twice({name: [str(one) for one in getattr(self, name)] for name in names})
        return self


def _refuse_twice(sets: Mapping[str, Sequence[str]]) -> None:
    seen: dict[str, str] = {}
    for name, values in sets.items():
        for value in values:
            if seen.setdefault(value, name) != name:
                raise problem((name,), f"holds {value}, and so does '{seen[value]}'; it can mean one thing only")


@dataclass(frozen=True, slots=True)
class Finding:
    """What the rules find in one answer.

    Attributes:
        is_failure: Whether it is an error: status not 2xx, or `failed_when` is true.
        is_expired, is_throttled, is_passing: Which kind; at most one is true.
        code: The vendor's code; None when there is none.
        message: The vendor's message, from where the rules say it is; None when they do not.
    """

    is_failure: bool
    is_expired: bool = False
    is_throttled: bool = False
    is_passing: bool = False
    code: str | None = None
    message: str | None = None


def needs_body(rules: ErrorRules, status: int) -> bool:
    """Return whether an answer with this status has to be read before its kind is known."""
    if 200 <= status < 300:
        return rules.failed_when is not None
    return rules.code is not None


def inspect(rules: ErrorRules, status: int, body: bytes) -> Finding:
    """Return what an answer is.

    Args:
        rules: What the connector declares.
        status: HTTP status.
        body: The answer's body; only looked into where `needs_body`.
    """
    is_success = 200 <= status < 300
    # A large success is looked into too: it may be pages of records, or an error that is told at length.
    answer = _decode(body, None if is_success else MAX_ERROR_BODY) if needs_body(rules, status) else None
    if is_success and not (rules.failed_when and is_true(_find(rules.failed_when, answer))):
        return Finding(is_failure=False)
    code = _text(_find(rules.code, answer))
    is_expired = code in rules.expired_codes or status in rules.expired_statuses
    is_throttled = not is_expired and (status == 429 or code in rules.throttled_codes)
    is_throttled = is_throttled or (not is_expired and status in rules.throttled_statuses)
    return Finding(
        is_failure=True,
        is_expired=is_expired,
        is_throttled=is_throttled,
        is_passing=not is_expired and not is_throttled and code in rules.retry_codes,
        code=code if code is None or code in _declared(rules) else build_excerpt(code, limit=MAX_CODE),
        message=build_excerpt(_text(_find(rules.message, answer)) or "") or None,
    )


def _declared(rules: ErrorRules) -> tuple[str, ...]:
    return (*rules.expired_codes, *rules.throttled_codes, *rules.retry_codes)


def is_true(value: JsonValue) -> bool:
    """Return whether JMESPath takes a value for true: neither empty, false nor null; 0 is true."""
    return value is not None and value is not False and value not in ("", [], {})


def check_answer(activity: str, schema: dict[str, JsonValue] | None, answer: JsonValue) -> None:
    """Refuse an answer that does not fit its declared schema.

    Raises:
        SchemaMismatchError: It names the place and what was wanted, and shows no value.
    """
    if schema is None:
        return
    for path, sentence in find_problems(schema, answer, is_secret=True)[:1]:
        where = f"'{'.'.join(map(str, path))}'" if path else "it"
        raise SchemaMismatchError(activity, f"the answer does not fit 'answer_schema': {where} {sentence}")


def check_records(activity: str, schema: dict[str, JsonValue] | None, records: Sequence[JsonValue], first: int) -> None:
    """Refuse records that do not fit their declared schema.

    Args:
        activity: Name of the activity.
        schema: JSON Schema of one record; None checks nothing.
        records: One page.
        first: Number of the first of them, from 1, for the error.
    Raises:
        SchemaMismatchError: It names the record by its number.
    """
    if schema is None:
        return
    for index, record in enumerate(records):
        for path, sentence in find_problems(schema, record, is_secret=True)[:1]:
            where = f"'{'.'.join(map(str, path))}'" if path else "it"
            number = first + index
            problem_text = f"record {number} does not fit 'record_schema': {where} {sentence}"
            raise SchemaMismatchError(activity, problem_text)


def check_declared(schema: dict[str, JsonValue] | None) -> dict[str, JsonValue] | None:
    """Return a schema of a connector; refuse one that is not valid."""
    if schema is not None:
        try:
            check_schema(schema)
        except InvalidSchemaError as error:
            raise problem(error.path, error.problem) from None
    return schema


AnswerSchema = Annotated[dict[str, JsonValue], AfterValidator(check_declared)]


def _decode(body: bytes, limit: int | None) -> JsonValue:
    # Lazy for start-up cost: connectors are loaded where no answer is read.
    import msgspec

    if limit is not None and len(body) > limit:
        return None
    try:
        decoded: JsonValue = msgspec.json.decode(body.removeprefix(_BOM))
    except (ValueError, RecursionError):
        return None
    return decoded


def _find(expression: str | None, answer: JsonValue) -> JsonValue:
    """Return what an expression selects; None where it does not fit the answer."""
    if expression is None:
        return None
    try:
        return search(expression, answer)
    except ValueError:
        return None


def _text(value: JsonValue) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        return None
    return scalar_text(value)
