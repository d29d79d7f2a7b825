"""JMESPath expressions: refused when a connector is loaded, not when it runs.

Source: https://jmespath.org/specification.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions
from pydantic import JsonValue

MAX_LENGTH = 1000
_FUNCTIONS: dict[str, dict[str, Any]] = Functions.FUNCTION_TABLE


def check_expression(text: str) -> str:
    """Return the expression when it compiles and calls only functions that exist.

    Raises:
        ValueError: What is wrong with it.
    """
    if len(text) > MAX_LENGTH:
        raise ValueError(f"is a JMESPath expression of over {MAX_LENGTH} characters")
    try:
        tree = jmespath.compile(text).parsed
    except RecursionError:
        raise ValueError("is a JMESPath expression nested too deep") from None
    except JMESPathError as error:
        first_line = str(error).split("\n", 1)[0]
        raise ValueError(f"is not a JMESPath expression: {first_line}") from None
    for name, count in _calls(tree):
        _check_call(name, count)
    return text


def search(text: str, answer: JsonValue) -> JsonValue:
    """Return what a checked expression selects from an answer.

    Raises:
        ValueError: The answer has a type that the expression cannot work on.
    """
    try:
        return cast("JsonValue", jmespath.search(text, answer))
    except JMESPathError as error:
        raise ValueError(_short(error)) from None


def _short(error: JMESPathError) -> str:
    # The message of a type error carries the value itself, which may be a person's data.
    function = getattr(error, "function_name", None)
    actual = getattr(error, "actual_type", None)
    if function and actual:
        return f"function {function}() got a value of type {actual}"
    return type(error).__name__


def _calls(tree: dict[str, Any]) -> Iterator[tuple[str, int]]:
    pending = [tree]
    while pending:
        node = pending.pop()
        if node["type"] == "function_expression":
            yield node["value"], len(node["children"])
        pending.extend(child for child in node["children"] if isinstance(child, dict))


def _check_call(name: str, count: int) -> None:
    known = _FUNCTIONS.get(name)
    if known is None:
        raise ValueError(f"calls an unknown JMESPath function '{name}'; there are: {', '.join(sorted(_FUNCTIONS))}")
    signature = known["signature"]
    variadic = bool(signature) and bool(signature[-1].get("variadic"))
    if count < len(signature) or (count > len(signature) and not variadic):
        raise ValueError(f"calls {name}() with {count} arguments; it takes {len(signature)}")
