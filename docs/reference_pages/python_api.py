"""The page of public Python names, from the source text: signatures and docstrings, nothing imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from reference_pages.docstrings import read_entries, split_docstring, to_markdown
from reference_pages.markdown import build_block, build_table, code, join

PACKAGE = Path(__file__).resolve().parents[2] / "airflow_provider_integry"
# Module and names that other people's code may import; the page is in this order.
PUBLIC: dict[str, tuple[str, ...]] = {
    "operators/activity.py": ("IntegryActivityOperator",),
    "operators/request.py": ("IntegryRequestOperator",),
    "decorators/integry.py": ("integry_task",),
    "sensors/authorization.py": ("IntegryAuthorizationSensor",),
    "sensors/activity.py": ("IntegryRecordSensor",),
    "assets.py": (
        "authorization_asset",
        "authorization_lost_asset",
        "any_authorization_asset",
        "webhook_asset",
        "webhook_events",
        "poll_asset",
        "poll_records",
    ),
    "keep_alive.py": ("build_keep_alive_dag",),
    "hooks/integry.py": ("IntegryHook",),
    "hooks/probe.py": ("Findings",),
    "auth/readiness.py": ("Readiness",),
    "connectors/load.py": ("load_connector", "parse_connector", "list_connectors"),
    "transport/sync.py": ("IntegrySession",),
    "transport/aio.py": ("IntegryAsyncSession",),
    "triggers/activity.py": ("ActivityTrigger",),
    "triggers/poll.py": ("PollTrigger",),
    "triggers/authorization.py": ("AuthorizationReadyTrigger",),
    "host.py": ("HostClient",),
    "end_users/messages.py": ("App", "AppField", "Account", "Tested", "MadeLink", "LinkState", "Event"),
    "testing.py": ("ConnectorTester", "Reply", "Sent"),
}
# What a reader imports where that is not the module itself.
IMPORTED_FROM = {
    "connectors/load.py": "airflow_provider_integry.connectors",
    "triggers/poll.py": "airflow_provider_integry.triggers.activity",
}
# Airflow alone calls the methods of these.
CALLED_BY_AIRFLOW = ("operators/", "sensors/", "triggers/")
# The hook alone makes these.
MADE_BY_THE_HOOK = ("transport/", "hooks/probe.py")
HIDDEN = frozenset({"rebuild_auth", "send"})
MAX_WIDTH = 88
SECTIONS: tuple[str, ...] = ("Args", "Attributes", "Returns", "Raises")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def build_page() -> str:
    """Build the page."""
    return join(
        "# Python names",
        "These names are kept stable by the rules of the changelog; anything else may change at any time.",
        *(_build_module(path, names) for path, names in PUBLIC.items()),
    )


def module_of(path: str) -> str:
    """Return the dotted name to import from."""
    return IMPORTED_FROM.get(path, f"airflow_provider_integry.{path.removesuffix('.py').replace('/', '.')}")


def _build_module(path: str, names: tuple[str, ...]) -> str:
    tree = ast.parse((PACKAGE / path).read_text(encoding="utf-8"))
    found = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef | Function)}
    return join(*(_build_name(path, found[name]) for name in names))


def _build_name(path: str, node: ast.ClassDef | Function) -> str:
    heading = join(f"## {node.name}", build_block("python", f"from {module_of(path)} import {node.name}"))
    if not isinstance(node, ast.ClassDef):
        return join(heading, _build_function(node))
    is_given = path.startswith(MADE_BY_THE_HOOK)
    signature = "" if is_given else _build_constructor(node)
    sections = ("Attributes",) if is_given else SECTIONS
    is_ours = path.startswith(CALLED_BY_AIRFLOW)
    methods = [item for item in node.body if isinstance(item, Function) and _is_public(item) and not is_ours]
    return join(heading, signature, _build_docstring(node, sections), _build_values(node), *map(_build_method, methods))


def _build_constructor(node: ast.ClassDef) -> str:
    init = next((item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"), None)
    return build_block("text", _signature(node.name, init, _constants(node))) if init else ""


def _build_values(node: ast.ClassDef) -> str:
    """Return the members of an enumeration."""
    if "Enum" not in map(ast.unparse, node.bases):
        return ""
    return build_table(["Member", "Text"], [[code(name), code(value)] for name, value in _constants(node).items()])


def _constants(node: ast.ClassDef) -> dict[str, object]:
    return {
        target.id: item.value.value
        for item in node.body
        if isinstance(item, ast.Assign) and isinstance(item.value, ast.Constant)
        for target in item.targets
        if isinstance(target, ast.Name)
    }


def _is_public(node: Function) -> bool:
    return not node.name.startswith("_") and node.name not in HIDDEN


def _build_method(node: Function) -> str:
    return join(f"### {node.name}", _build_function(node))


def _build_function(node: Function) -> str:
    decorators = [ast.unparse(item) for item in node.decorator_list]
    if "property" in decorators:
        shown = f"{node.name}: {_returns(node)}"
    elif "asynccontextmanager" in decorators:
        given = _returns(node).removeprefix("AsyncGenerator[").removesuffix(", None]")
        shown = f"async with {node.name}() as session: {given}"
    else:
        shown = _signature(node.name, node, {})
    return join(build_block("text", shown), _build_docstring(node, SECTIONS))


def _returns(node: Function) -> str:
    return ast.unparse(node.returns) if node.returns else "Any"


def _signature(name: str, node: Function, constants: Mapping[str, object]) -> str:
    parts = list(_parameters(node.args, constants))
    head = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    returns = "" if node.name == "__init__" else f" -> {_returns(node)}"
    short = f"{head}{name}({', '.join(parts)}){returns}"
    if len(short) <= MAX_WIDTH:
        return short
    lines = "".join(f"    {part},\n" for part in parts)
    return f"{head}{name}(\n{lines}){returns}"


def _parameters(arguments: ast.arguments, constants: Mapping[str, object]) -> Iterator[str]:
    defaults = [None] * (len(arguments.args) - len(arguments.defaults)) + list(arguments.defaults)
    for item, default in zip(arguments.args, defaults, strict=True):
        if item.arg not in ("self", "cls"):
            yield _parameter(item, default, constants)
    if arguments.vararg:
        yield f"*{arguments.vararg.arg}"
    elif arguments.kwonlyargs:
        yield "*"
    for item, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _parameter(item, default, constants)
    if arguments.kwarg:
        yield f"**{arguments.kwarg.arg}"


def _parameter(node: ast.arg, default: ast.expr | None, constants: Mapping[str, object]) -> str:
    text = f"{node.arg}: {ast.unparse(node.annotation)}" if node.annotation else node.arg
    if default is None:
        return text
    value = ast.unparse(default)
    return f"{text} = {constants[value]!r}" if value in constants else f"{text} = {value}"


def _build_docstring(node: ast.ClassDef | Function, names: Sequence[str]) -> str:
    text, sections = split_docstring(ast.get_docstring(node))
    return join(to_markdown(text), *(_build_section(name, sections[name]) for name in names if name in sections))


def _build_section(name: str, lines: list[str]) -> str:
    if name == "Returns":
        return f"**Returns:** {to_markdown(' '.join(' '.join(lines).split()))}"
    rows = [[code(key), to_markdown(text)] for key, text in read_entries(lines).items()]
    titles = {"Args": "Argument", "Attributes": "Attribute", "Raises": "Raises"}
    return build_table([titles[name], ""], rows)
