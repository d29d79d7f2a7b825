"""What MkDocs does beyond reading files: generated reference pages, decision records, included code.

Pages of ``reference/`` are built from the tables in the code at each build; nothing generated is
committed. A line ``--8<-- "path"`` in a page is replaced by that file of the repository, and
``--8<-- "path:name"`` by its part between ``# [START name]`` and ``# [END name]``.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path[:0] = [entry for entry in (str(DOCS), str(ROOT)) if entry not in sys.path]

from reference_pages import catalog, connections, connector_schema, errors, host_api, options, python_api  # noqa: E402

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

GENERATED: Mapping[str, Callable[[], str]] = {
    "reference/connections.md": connections.build_page,
    "reference/configuration.md": options.build_page,
    "reference/errors.md": errors.build_page,
    "reference/connector-schema.md": connector_schema.build_page,
    "reference/catalog.md": catalog.build_page,
    "reference/host-api.md": host_api.build_page,
    "reference/python.md": python_api.build_page,
}
_INCLUDE = re.compile(r'^(?P<indent> *)--8<-- "(?P<path>[\w./-]+)(:(?P<name>\w+))?"$', re.MULTILINE)
_MARKER = re.compile(r"^\s*# \[(START|END) \w+\]\n", re.MULTILINE)


def outside_pages() -> dict[str, Path]:
    """Return the pages that lie outside of ``pages/``, by their place in the site."""
    records = {f"adr/{path.name}": path for path in sorted((DOCS / "adr").glob("*.md"))}
    return {"changelog.md": ROOT / "CHANGELOG.md", **records}


def expand_includes(markdown: str) -> str:
    """Return a page with the code that it includes.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file has no such part.
    """
    return _INCLUDE.sub(lambda match: textwrap.indent(_read(match["path"], match["name"]), match["indent"]), markdown)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in ``pages/``."""
    # Lazy, so that the tests can use this module without MkDocs.
    from mkdocs.structure.files import File

    for uri, build_page in GENERATED.items():
        files.append(File.generated(config, uri, content=build_page()))
    for uri, path in outside_pages().items():
        files.append(File.generated(config, uri, content=path.read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put included code into a page."""
    return expand_includes(markdown)


def _read(path: str, name: str | None) -> str:
    text = (ROOT / path).read_text(encoding="utf-8")
    if name:
        found = re.search(rf"^ *# \[START {name}\]\n(.*?)^ *# \[END {name}\]", text, re.DOTALL | re.MULTILINE)
        if not found:
            raise ValueError(f"{path} has no part between '# [START {name}]' and '# [END {name}]'")
        text = found[1]
    return textwrap.dedent(_MARKER.sub("", text)).strip("\n")
