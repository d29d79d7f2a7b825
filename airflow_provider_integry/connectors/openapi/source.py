"""The text of an OpenAPI document to plain values.

These documents are other people's, large, and made by many tools: anchors and merge keys are
followed here, which connector files may not have, and the limits are wider.
"""

from __future__ import annotations

import re
from typing import Any, cast

import msgspec
import yaml

from airflow_provider_integry.connectors.document import resolve_scalar
from airflow_provider_integry.errors import ApiDescriptionError

MAX_BYTES = 64 * 1024 * 1024
# YAML is read about a hundred times slower than JSON.
MAX_YAML_BYTES = 16 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_KINDS = re.compile(r"2\.0|3\.[012]\.\d+(-.*)?")

Document = dict[str, Any]


def read_document(content: bytes, source: str) -> Document:
    """Read an OpenAPI 3.x or Swagger 2.0 document, JSON or YAML.

    Args:
        content: The file's bytes, UTF-8.
        source: How to name the file in errors.
    Returns:
        The document as plain JSON types; objects may be shared where YAML has aliases.
    Raises:
        ApiDescriptionError: Too large, not readable, or of another kind.
    """
    content = content.removeprefix(_BOM)
    if len(content) > MAX_BYTES:
        raise ApiDescriptionError(source, f"has {len(content)} bytes; at most {MAX_BYTES} are read")
    found = _decode(content, source)
    if not isinstance(found, dict):
        raise ApiDescriptionError(source, "is no OpenAPI document: there is no mapping at top level")
    version = str(found.get("openapi") or found.get("swagger") or "")
    if not _KINDS.fullmatch(version):
        said = f"says version '{version[:40]}'" if version else "has neither 'openapi' nor 'swagger' at top level"
        raise ApiDescriptionError(source, f"{said}; OpenAPI 3.0, 3.1, 3.2 and Swagger 2.0 can be imported")
    if not isinstance(found.get("paths"), dict) or not found["paths"]:
        raise ApiDescriptionError(source, "has no 'paths', so there is nothing to import")
    return found


def _decode(content: bytes, source: str) -> object:
    if content.lstrip()[:1] == b"{":
        try:
            return msgspec.json.decode(content)
        except (ValueError, RecursionError) as error:
            problem = str(error)
        # A flow mapping of YAML begins alike; what is no YAML either is told as JSON.
        if len(content) > MAX_YAML_BYTES:
            raise ApiDescriptionError(source, f"is not JSON: {problem}")
    if len(content) > MAX_YAML_BYTES:
        raise ApiDescriptionError(
            source, f"has {len(content)} bytes; YAML of at most {MAX_YAML_BYTES} is read, use JSON"
        )
    return _decode_yaml(content, source)


def _decode_yaml(content: bytes, source: str) -> object:
    try:
        # A safe loader: nothing but plain values is ever made.
        return yaml.load(content.decode("utf-8"), Loader=_Loader)  # noqa: S506
    except UnicodeDecodeError:
        raise ApiDescriptionError(source, "is not UTF-8; save it as UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "cannot be read"
        raise ApiDescriptionError(source, f"is neither JSON nor YAML: {problem}{where}") from None
    except RecursionError:
        raise ApiDescriptionError(source, "is nested too deep") from None


_BASE: type[yaml.SafeLoader] = cast("type[yaml.SafeLoader]", getattr(yaml, "CSafeLoader", yaml.SafeLoader))


class _Loader(_BASE):  # type: ignore[misc, valid-type]  # the faster of two bases
    """Reads scalars as YAML 1.2 has them: dates are text, `no` is text, keys are text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's API
        "<": [("tag:yaml.org,2002:merge", re.compile(r"<<"))],
    }


def _build_scalar(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> object:
    text = str(node.value)
    # Without quotes: None to PyYAML, empty to libyaml.
    if node.style:
        return text
    try:
        return resolve_scalar(text)
    except ValueError:
        return text


def _build_mapping(loader: Any, node: yaml.MappingNode) -> Any:
    result: dict[str, object] = {}
    yield result
    loader.flatten_mapping(node)
    for key, value in node.value:
        result[str(key.value)] = loader.construct_object(value)


def _refuse_tag(loader: Any, node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node)
    return loader.construct_sequence(node) if isinstance(node, yaml.SequenceNode) else str(node.value)


_Loader.add_constructor("tag:yaml.org,2002:str", _build_scalar)
_Loader.add_constructor("tag:yaml.org,2002:map", _build_mapping)
_Loader.add_constructor(None, _refuse_tag)
