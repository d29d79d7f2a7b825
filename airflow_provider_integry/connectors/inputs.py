"""One input of an activity: what is accepted, and where in the request it goes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, JsonValue, StrictBool, model_validator

from airflow_provider_integry.connectors.model import SpecModel, header_name_problem, problem
from airflow_provider_integry.connectors.schemas import (
    InvalidSchemaError,
    Schema,
    check_schema,
    find_problems,
)

Place = Literal["path", "query", "header", "body"]

# Keywords of JSON Schema that may stand in the input itself instead of under `schema:`.
SHORTHAND = (
    "type",
    "enum",
    "const",
    "format",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "items",
    "minItems",
    "maxItems",
    "uniqueItems",
    "properties",
    "additionalProperties",
)


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Input(SpecModel):
    """An input; its JSON Schema stands either in it or under `schema:`, never in both.

    The short form carries the keywords of `SHORTHAND` next to the keys below, and is what most
    inputs want::

        limit: {in: query, type: integer, minimum: 1, maximum: 100, default: 50}

    The long form carries a whole schema (draft 2020-12; `$ref` only to its own `$defs`)::

        contact:
          in: body
          whole: true
          schema: {type: object, required: [email], properties: {email: {type: string}}}

    Attributes:
        places: (`in`) Where the value goes: `path`, `query`, `header`, `body`, or a list of these
            for a value that is needed twice.
        name: Name on the wire; the input's own key by default. In a body, dots nest:
            ``contact.email``. In a path the placeholder is always the input's key.
        whole: The value is the whole body.
        required: Whether it must be given; a `default` takes the place of a missing value.
        default: Value used when none is given; valid under the schema.
        file: The value is a file, in a body of format `multipart` or `raw`.
        style: How a list is sent in a query or form: `repeat` (a=1&a=2), `comma` (a=1,2), or
            `brackets` (a[]=1), which sends objects too (a[b]=1).
        json_schema: (`schema`) JSON Schema of the value.
    """

    also_allowed = SHORTHAND

    places: Annotated[tuple[Place, ...], BeforeValidator(_as_list)] = Field(alias="in", min_length=1)
    name: str | None = Field(default=None, min_length=1)
    whole: StrictBool = False
    required: StrictBool = False
    default: JsonValue = None
    description: str = ""
    file: StrictBool = False
    style: Literal["repeat", "comma", "brackets"] = "repeat"
    json_schema: dict[str, JsonValue] = Field(default_factory=dict, alias="schema")

    @property
    def has_default(self) -> bool:
        """Whether a default is written, be it null."""
        return "default" in self.model_fields_set

    def wire_name(self, key: str) -> str:
        """Return the name on the wire of the input that stands under `key`."""
        return self.name or key

    @model_validator(mode="before")
    @classmethod
    def _gather_schema(cls, data: object) -> object:
        """Move the short form under `schema`, and check it where its keys still are."""
        if not isinstance(data, dict):
            return data
        short = {key: data[key] for key in SHORTHAND if key in data}
        if "schema" not in data:
            _check_schema(short, ())
            return {**{key: value for key, value in data.items() if key not in short}, "schema": short}
        if short:
            raise problem((next(iter(short)),), "cannot stand beside 'schema'; move it into 'schema'")
        if isinstance(data["schema"], dict):
            _check_schema(data["schema"], ("schema",))
        return data

    @model_validator(mode="after")
    def _check_places(self) -> Input:
        if len(set(self.places)) != len(self.places):
            raise problem(("in",), "names the same place twice")
        if self.whole and self.places != ("body",):
            raise problem(("whole",), "needs 'in: body', and only that")
        if self.file and self.places != ("body",):
            raise problem(("file",), "needs 'in: body', and only that")
        if self.whole and self.name is not None:
            raise problem(("name",), "cannot stand beside 'whole: true'; the whole body has no name")
        if self.name is not None and self.places == ("path",):
            raise problem(("name",), "has no effect in a path; the placeholder is the input's key")
        return self

    @model_validator(mode="after")
    def _check_wire_name(self) -> Input:
        if self.name is None:
            return self
        if "header" in self.places and (sentence := header_name_problem(self.name)):
            raise problem(("name",), sentence)
        if "body" in self.places and not all(self.name.split(".")):
            raise problem(("name",), "has an empty part; write names joined by single dots: contact.email")
        return self

    @model_validator(mode="after")
    def _check_default(self) -> Input:
        if self.has_default:
            for path, sentence in find_problems(self.json_schema, self.default)[:1]:
                raise problem(("default", *path), f"does not fit the input's own schema: {sentence}")
        return self


def _check_schema(schema: Schema, prefix: tuple[str | int, ...]) -> None:
    try:
        check_schema(schema)
    except InvalidSchemaError as error:
        raise problem((*prefix, *error.path), error.problem) from None
