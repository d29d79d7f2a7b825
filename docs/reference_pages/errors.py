"""The page of errors, from the classes in `errors/`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from airflow_provider_integry import errors
from airflow_provider_integry.errors import IntegryError, TokenEndpointError
from reference_pages.docstrings import summary_of, to_markdown
from reference_pages.markdown import build_anchor, build_block, build_table, code, code_list, join


def build_page() -> str:
    """Build the page."""
    return join(
        "# Errors",
        "Everything that this provider raises on purpose is an `IntegryError`; import classes from"
        " `airflow_provider_integry.errors`.\n"
        "One class is one cause, and its fields carry what a program may want to know: no program needs to read"
        " messages.\n"
        "[Troubleshooting](../how-to/troubleshooting.md) says for each of them what to do.",
        "A task that ends with a *retryable* error is run again as often as its `retries` say.\n"
        "With any other error it fails at once, because running it again would change nothing.",
        "In code that uses `hook.get_conn()`, a request that does not complete raises a `requests` exception too:"
        " a `RequestTimeoutError` is also a `requests.Timeout`.\n"
        "A request that is refused before it is sent is not one of those: `HostNotAllowedError`, `AuthorizationError`.",
        build_block("text", _tree()),
        *(_build_section(branch) for branch in _children(IntegryError)),
    )


def error_classes() -> list[type[IntegryError]]:
    """Return every class of the tree, parents first."""
    return [IntegryError, *_below(IntegryError)]


def _below(kind: type[IntegryError]) -> Iterator[type[IntegryError]]:
    for child in _children(kind):
        yield child
        yield from _below(child)


def _children(kind: type[IntegryError]) -> list[type[IntegryError]]:
    # Other modules mix these classes with those of `requests`; they are no causes of their own.
    return [child for child in kind.__subclasses__() if child.__module__.startswith(f"{errors.__name__}.")]


def _tree() -> str:
    drawn = (errors.__doc__ or "").partition("::")[2]
    return inspect.cleandoc(drawn)


def _build_section(branch: type[IntegryError]) -> str:
    return join(
        f"## {branch.__name__}",
        to_markdown(summary_of(branch.__doc__)),
        build_table(
            ["Class", "Cause", "Retryable", "Fields", "Advice in the message"],
            (_build_row(kind) for kind in _below(branch)),
        ),
    )


def _build_row(kind: type[IntegryError]) -> list[str]:
    name = kind.__name__
    return [
        f"[{code(name)}](../how-to/troubleshooting.md#{build_anchor(name)})",
        to_markdown(summary_of(kind.__doc__)),
        "yes" if kind.retryable else "no",
        code_list(_fields_of(kind)),
        kind.advice if issubclass(kind, TokenEndpointError) else "",
    ]


def _fields_of(kind: type[IntegryError]) -> list[str]:
    init = kind.__init__
    if init is Exception.__init__:
        return []
    names = list(inspect.signature(init).parameters)
    return [name for name in names if name not in ("self", "args", "kwargs", "suggestion")]
