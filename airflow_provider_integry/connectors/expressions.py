"""JMESPath expressions: refused when a connector is loaded, not when it runs.

Source: https://jmespath.org/specification.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, cast

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions
from pydantic import JsonValue

MAX_LENGTH = 1000
# Quoted parts, in the way the lexer of jmespath skips over escapes.
_QUOTED = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`""", re.DOTALL)
_FUNCTIONS: dict[str, dict[str, Any]] = Functions.FUNCTION_TABLE


def check_expression(text: str) -> str:
    """Return the expression when it compiles and calls only functions that exist.

    Raises:
        ValueError: What is wrong with it.
    """
    if len(text) > MAX_LENGTH:
        raise ValueError(f"is a JMESPath expression of over {MAX_LENGTH} characters")
    _check_literals(text)
    try:
        tree = cast("dict[str, Any]", jmespath.compile(text).parsed)
    except RecursionError:
        raise ValueError("is a JMESPath expression nested too deep") from None
    except JMESPathError as error:
        first_line = str(error).split("\n", 1)[0]
        raise ValueError(f"is not a JMESPath expression: {first_line}") from None
    for node in _nodes(tree):
        _check_node(node)
    return text


def search(text: str, answer: JsonValue) -> JsonValue:
    """Return what a checked expression selects from an answer.

    Raises:
        ValueError: The answer has a type that the expression cannot work on.
    """
    try:
        return cast("JsonValue", jmespath.search(text, answer))
    except (ValueError, TypeError, ArithmeticError) as error:
        raise ValueError(_short(error)) from None


def _short(error: Exception) -> str:
    # The message of a type error carries the value itself, which may be a person's data.
    function = getattr(error, "function_name", None)
    actual = getattr(error, "actual_type", None)
    if function and actual:
        return f"function {function}() got a value of type {actual}"
    return type(error).__name__


def _check_literals(text: str) -> None:
    # jmespath takes `a` for the text "a" with a warning nobody sees, and may stop to do so.
    for literal in _QUOTED.findall(text):
        if literal.startswith("`"):
            try:
                json.loads(literal[1:-1].replace("\\`", "`"))
            except (ValueError, RecursionError):
                raise ValueError(f"has the literal {literal[:40]}, which is not JSON; write '...' for text") from None


def _nodes(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    pending = [tree]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(child for child in node["children"] if isinstance(child, dict))


def _check_node(node: dict[str, Any]) -> None:
    if node["type"] == "function_expression":
        _check_call(node["value"], len(node["children"]))
    if node["type"] == "slice" and node["children"][2] == 0:
        raise ValueError("has a slice of step 0")


def _check_call(name: str, count: int) -> None:
    known = _FUNCTIONS.get(name)
    if known is None:
        raise ValueError(f"calls an unknown JMESPath function '{name}'; there are: {', '.join(sorted(_FUNCTIONS))}")
    signature = known["signature"]
    variadic = bool(signature) and bool(signature[-1].get("variadic"))
    if count < len(signature) or (count > len(signature) and not variadic):
        raise ValueError(f"calls {name}() with {count} arguments; it takes {len(signature)}")
