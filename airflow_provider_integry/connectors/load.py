"""Find connectors by name and read them: by path, in a folder, in installed packages, in our catalog.

The only module of this floor that touches files.
"""

from __future__ import annotations

import difflib
import os
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import IO, Literal, NamedTuple, Protocol, runtime_checkable

from pydantic import ValidationError

from airflow_provider_integry.connectors.document import MAX_BYTES, parse_document
from airflow_provider_integry.connectors.explain import explain
from airflow_provider_integry.connectors.spec import SLUG_RULE, Connector, is_slug
from airflow_provider_integry.errors import ConfigurationError, ConnectorFormatError, ConnectorNotFoundError

ENTRY_POINT_GROUP = "airflow_provider_integry.connectors"
CATALOG = Path(__file__).parent / "catalog"
SUFFIXES = (".yaml", ".yml", ".json")
Folder = str | os.PathLike[str] | None


class ConnectorEntry(NamedTuple):
    """One line of the list of connectors.

    Attributes:
        name: Name to load it by.
        title: Its title; ``not valid: ...`` for a connector that cannot be loaded.
        where: File, or package, that it comes from.
    """

    name: str
    title: str
    where: str


@runtime_checkable
class _Readable(Protocol):
    """A file inside a package: `importlib.resources` gives these."""

    def is_file(self) -> bool: ...

    def open(self, mode: Literal["rb"]) -> IO[bytes]: ...


def load_connector(name_or_path: str, *, folder: Folder = None) -> Connector:
    """Return the connector of this name, or in this file.

    A text with a path separator or one of the endings .yaml, .yml and .json is a path. A name is
    looked up in `folder`, then among installed packages (entry-point group
    ``airflow_provider_integry.connectors``), then in the catalog shipped here.

    Args:
        name_or_path: Name or path.
        folder: Folder of connector files; None for none.
    Returns:
        A connector whose every rule has been checked.
    Raises:
        ConnectorNotFoundError: No such connector; says where it was looked for and the closest name.
        ConnectorFormatError: It is there and not valid, or cannot be read.
    """
    if _is_path(name_or_path):
        return _load_path(Path(name_or_path))
    if not is_slug(name_or_path):
        raise ConnectorNotFoundError(name_or_path, [f"nowhere, because {SLUG_RULE}"])
    if (file := _file_in(folder, name_or_path)) is not None:
        return _named(_load_file(file, str(file)), name_or_path, str(file))
    if (entry := _entry_points().get(name_or_path)) is not None:
        return _load_entry_point(entry)
    if (file := _file_in(CATALOG, name_or_path)) is not None:
        return _named(_load_file(file, str(file)), name_or_path, str(file))
    raise _not_found(name_or_path, folder)


def find_file(name_or_path: str, folder: Folder) -> Path | None:
    """Return the file that a name or path stands for: the path itself, or a file of `folder`; None for others."""
    if _is_path(name_or_path):
        return Path(name_or_path)
    return _file_in(folder, name_or_path) if is_slug(name_or_path) else None


def parse_connector(text: str, source: str) -> Connector:
    """Return the connector that a YAML (or JSON) text describes.

    Args:
        text: The text.
        source: How to name it in errors.
    Raises:
        ConnectorFormatError: With the path of the wrong key, its line and what is allowed.
    """
    root = parse_document(text, source)
    try:
        return Connector.model_validate(root.plain())
    except ValidationError as error:
        raise explain(error, source, root) from None


def list_connectors(folder: Folder = None) -> list[ConnectorEntry]:
    """List every connector that can be loaded by name, sorted; the place that wins is the one told.

    One that is not valid does not hide the others: its problem stands in place of its title.
    """
    packaged = {name: f"package {_package(entry)}" for name, entry in _entry_points().items()}
    shipped = {name: str(path) for name, path in _files_of(CATALOG).items()}
    own = {name: str(path) for name, path in _files_of(folder).items()}
    where = {**shipped, **packaged, **own}
    return [ConnectorEntry(name, _title(name, folder), where[name]) for name in sorted(where)]


def _title(name: str, folder: Folder) -> str:
    try:
        return load_connector(name, folder=folder).title
    except ConfigurationError as error:
        return f"not valid: {error}"


def _is_path(text: str) -> bool:
    separators = {"/", os.sep, os.altsep or os.sep}
    return bool(separators & set(text)) or text.endswith(SUFFIXES)


def _load_path(path: Path) -> Connector:
    try:
        found = path.exists()
    except (OSError, ValueError):
        found = False
    if not found:
        raise ConnectorNotFoundError(str(path), [f"file {Path.cwd() / path}"])
    return _load_file(path, str(path))


def _file_in(folder: Folder, name: str) -> Path | None:
    if folder is None:
        return None
    candidates = (Path(folder) / f"{name}{suffix}" for suffix in SUFFIXES)
    return next((path for path in candidates if path.exists()), None)


def _files_of(folder: Folder) -> dict[str, Path]:
    try:
        paths = sorted(Path(folder).iterdir()) if folder is not None else []
    except OSError:
        return {}
    names = (path.stem for path in paths if path.suffix in SUFFIXES and is_slug(path.stem))
    return {name: path for name in names if (path := _file_in(folder, name)) is not None}


def _load_file(file: _Readable, source: str) -> Connector:
    try:
        if not file.is_file():
            raise ConnectorFormatError(source, "", "is not a file; give the path of a YAML file")
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConnectorFormatError(source, "", f"cannot be read ({reason}); check path and rights") from None
    return parse_connector(_decode(content, source), source)


def _decode(content: bytes, source: str) -> str:
    if len(content) > MAX_BYTES:
        raise ConnectorFormatError(source, "", f"has over {MAX_BYTES} bytes; split the connector")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConnectorFormatError(source, "", "is not UTF-8; save it as UTF-8", line) from None


def _entry_points() -> dict[str, EntryPoint]:
    """Return installed connectors by name; of two packages with one name, the first by package."""
    found = sorted(entry_points(group=ENTRY_POINT_GROUP), key=_package, reverse=True)
    return {entry.name: entry for entry in found if is_slug(entry.name)}


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.value


def _load_entry_point(entry: EntryPoint) -> Connector:
    source = f"{entry.name} of package {_package(entry)} ({entry.value})"
    try:
        value = entry.load()
        if callable(value):
            value = value()
    except Exception as error:  # code of another package: whatever it raises is told with its origin
        raise ConnectorFormatError(source, "", f"cannot be loaded: {type(error).__name__}: {error}") from error
    return _named(_from_package(value, source), entry.name, source)


def _from_package(value: object, source: str) -> Connector:
    if isinstance(value, Connector):
        return value
    if isinstance(value, (str, os.PathLike)):
        return _load_file(Path(value), source)
    if isinstance(value, _Readable):
        return _load_file(value, source)
    raise ConnectorFormatError(
        source,
        "",
        f"is a {type(value).__name__}; it must be a Connector, a path, or a callable that returns one",
    )


def _named(connector: Connector, name: str, source: str) -> Connector:
    if connector.name != name:
        raise ConnectorFormatError(
            source, "name", f"is '{connector.name}', but the connector is found as '{name}'; make them equal"
        )
    return connector


def _not_found(name: str, folder: Folder) -> ConnectorNotFoundError:
    known = {*_files_of(folder), *_entry_points(), *_files_of(CATALOG)}
    close = difflib.get_close_matches(name, sorted(known), n=1)
    first = []
    if folder is not None:
        state = "" if Path(folder).is_dir() else " (which is not there)"
        first = [f"folder {os.fspath(folder)}{state}"]
    looked_in = [*first, f"installed packages (group {ENTRY_POINT_GROUP})", "the shipped catalog"]
    return ConnectorNotFoundError(name, looked_in, close[0] if close else None)
