"""Rules between the keys of a connector: placeholders, names on the wire, paths that cannot climb."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from airflow_provider_integry.connectors.inputs import Input, Place
from airflow_provider_integry.connectors.model import Path, header_name_problem, problem
from airflow_provider_integry.connectors.paging import AnyPaged, NoPaging, PlacedPaging
from airflow_provider_integry.errors import UrlNotAllowedError
from airflow_provider_integry.urls import check_url

AnyPaging = NoPaging | AnyPaged

PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_URL_TEXT = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/?%\[\]-]*")
_HOST_TEXT = re.compile(r"[a-z0-9.-]+(:[0-9]+)?|\[[0-9a-f:]+\](:[0-9]+)?")


def placeholders(path: str) -> list[str]:
    """Return the names of the placeholders of a path template, in order."""
    return PLACEHOLDER.findall(path)


def check_path(path: str, where: Path) -> None:
    """Refuse a path template that leads elsewhere or that is not plain substitution."""
    fixed = PLACEHOLDER.sub("x", path)
    if not path.startswith("/"):
        _check_absolute(path, fixed, where)
    elif path.startswith("//") or "://" in path.split("?", 1)[0]:
        raise problem(where, "names a host in a relative path; write '/contacts', or an absolute https URL")
    if "${" in path or set(fixed) & set("{}"):
        raise problem(where, "holds '{' or '}' outside a placeholder; a placeholder is '{name}', nothing more")
    if not _URL_TEXT.fullmatch(fixed):
        raise problem(where, "holds a character that no path has ('#', '\\', space, ...); percent-encode it")
    if "{" in path.partition("?")[2]:
        raise problem(where, "has a placeholder in its query; use an input with 'in: query'")
    if {".", ".."} & set(re.split(r"/|%2f", fixed.partition("?")[0].lower().replace("%2e", "."))):
        raise problem(where, "has a segment '.' or '..'; write the path that is meant")


def _check_absolute(path: str, fixed: str, where: Path) -> None:
    if "://" not in path:
        raise problem(where, "must start with '/', or be an absolute https URL on a host of the connector")
    try:
        check_url(fixed, "path", allow_http=True)
    except UrlNotAllowedError as error:
        raise problem(where, error.problem) from None
    if "{" in path.split("/", 3)[2]:
        raise problem(where, "has a placeholder in its host; a host is fixed text")


def check_placeholders(path: str, inputs: Mapping[str, Input]) -> None:
    """Refuse a placeholder without its input, and a path input without its placeholder."""
    wanted = placeholders(path)
    for name in wanted:
        spec = inputs.get(name)
        if spec is None or "path" not in spec.places:
            raise problem(("path",), f"has the placeholder '{{{name}}}', but no input '{name}' with 'in: path'")
        if not spec.required and not spec.has_default:
            raise problem(("inputs", name), "stands in the path, so it must have 'required: true' or a default")
    for key, spec in inputs.items():
        if "path" in spec.places and key not in wanted:
            raise problem(("inputs", key, "in"), f"is 'path', but the path has no placeholder '{{{key}}}'")


def check_wire_names(inputs: Mapping[str, Input]) -> None:
    """Refuse two inputs that would be sent under one name."""
    seen: dict[tuple[Place, str], str] = {}
    for key, spec in inputs.items():
        name = spec.wire_name(key)
        for place in spec.places:
            if place == "header" and (sentence := header_name_problem(name)):
                raise problem(("inputs", key), sentence)
            slot = (place, name.lower() if place == "header" else name)
            if place != "path" and slot in seen:
                raise problem(("inputs", key), f"is sent as {place} '{name}', and so is input '{seen[slot]}'")
            seen[slot] = key


def check_body(inputs: Mapping[str, Input], body_format: str) -> None:
    """Refuse body inputs that overwrite each other, or that the format cannot carry."""
    bodies = {key: spec for key, spec in inputs.items() if "body" in spec.places}
    for key, spec in bodies.items():
        if spec.whole and len(bodies) > 1:
            raise problem(("inputs", key, "whole"), "is the whole body; no other input can go to the body")
        if body_format in ("form", "multipart") and "." in spec.wire_name(key):
            raise problem(("inputs", key, "name"), "has a dot, but a form has no nesting; use body_format: json")
        if spec.file and body_format not in ("multipart", "raw"):
            raise problem(
                ("inputs", key, "file"), f"cannot stand in a body of format '{body_format}'; use multipart or raw"
            )
    _check_format(bodies, body_format)
    names = {spec.wire_name(key): key for key, spec in bodies.items() if not spec.whole}
    for name, key in names.items():
        for other in _parents(name):
            if other in names:
                raise problem(("inputs", key), f"is sent inside '{other}', which input '{names[other]}' already fills")


def _check_format(bodies: Mapping[str, Input], body_format: str) -> None:
    whole = [key for key, spec in bodies.items() if spec.whole]
    if body_format == "raw" and len(whole) != 1:
        raise problem(("body_format",), "is 'raw', so one input, with 'in: body' and 'whole: true', must be the body")
    if body_format == "multipart" and whole:
        raise problem(("inputs", whole[0], "whole"), "is the whole body, but a multipart form is made of its parts")


def check_answer_kind(answer: str, *, has_result: bool) -> None:
    """Refuse a selection in what is no JSON."""
    if answer != "json" and has_result:
        raise problem(("result",), f"selects in JSON, but 'answer' is '{answer}'; leave one of them out")


def _parents(name: str) -> Iterable[str]:
    parts = name.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts)))


def check_paging_names(paging: AnyPaging, inputs: Mapping[str, Input], method: str, body_format: str) -> None:
    """Refuse paging that collides with an input, or that needs a body where there is none."""
    if isinstance(paging, NoPaging):
        return
    if not isinstance(paging, PlacedPaging):
        if paging.size_param is not None:
            _check_slot(("paging", "size_param"), "query", paging.size_param, inputs)
        return
    if paging.place == "body" and method in ("GET", "HEAD"):
        raise problem(("paging", "in"), f"is 'body', but a {method} request has none; allowed: query")
    if paging.place == "body" and body_format == "form" and "." in f"{paging.param}{paging.size_param or ''}":
        raise problem(("paging", "param"), "has a dot, but a form has no nesting; use body_format: json")
    size_place: Place = "body" if paging.place == "body" else "query"
    _check_slot(("paging", "param"), paging.place, paging.param, inputs)
    if paging.size_param is not None:
        if paging.size_param == paging.param:
            raise problem(("paging", "size_param"), "is the same as 'param'; two values need two names")
        _check_slot(("paging", "size_param"), size_place, paging.size_param, inputs)


def _check_slot(where: Path, place: Place, name: str, inputs: Mapping[str, Input]) -> None:
    for key, spec in inputs.items():
        if place not in spec.places:
            continue
        if spec.whole and spec.json_schema.get("type") != "object":
            raise problem(where, f"goes into the body, so the schema of '{key}' must have 'type: object'")
        if not spec.whole and _same(place, name, spec.wire_name(key)):
            raise problem(where, f"is '{name}', which input '{key}' sends too; remove that input")


def _same(place: Place, one: str, other: str) -> bool:
    if place == "header":
        return one.lower() == other.lower()
    nested = f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")
    return one == other or (place == "body" and nested)


def check_host(host: str, where: Path) -> None:
    """Refuse what is not `host` or `host:port`."""
    if not _HOST_TEXT.fullmatch(host):
        raise problem(where, "is no host; write 'files.example.com' or 'files.example.com:8443', in lower case")
    try:
        check_url(f"https://{host}", "host")
    except UrlNotAllowedError as error:
        raise problem(where, error.problem) from None
