"""Connectors are found by path, in a folder, in installed packages and in the catalog."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from airflow_provider_integry.connectors import Connector, list_connectors, load_connector, parse_connector
from airflow_provider_integry.connectors.load import CATALOG
from airflow_provider_integry.errors import ConfigurationError, ConnectorFormatError, ConnectorNotFoundError

MINIMAL = "name: {name}\ntitle: {title}\nactivities:\n  do: {{kind: action, path: /x}}\n"


def _write(path: Path, name: str, title: str = "T") -> Path:
    path.write_text(MINIMAL.format(name=name, title=title))
    return path


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with an installed package that brings connectors in every allowed form."""
    site = tmp_path / "site"
    info = site / "vendorpack-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vendorpack\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[airflow_provider_integry.connectors]\n"
        "as-path = vendorpack:PATH\nas-file = vendorpack:FILE\nas-model = vendorpack:MODEL\n"
        "as-call = vendorpack:build\nbroken = vendorpack:explode\nodd = vendorpack:ODD\nmisnamed = vendorpack:MODEL\n"
        "../climb = vendorpack:PATH\nairflow = vendorpack:own\n"
    )
    pack = site / "vendorpack"
    pack.mkdir()
    _write(pack / "as-path.yaml", "as-path")
    _write(pack / "as-file.yaml", "as-file")
    (pack / "__init__.py").write_text(
        textwrap.dedent("""
        from importlib.resources import files
        from pathlib import Path
        from airflow_provider_integry.connectors import Connector
        PATH = str(Path(__file__).parent / "as-path.yaml")
        FILE = files(__name__) / "as-file.yaml"
        def _model(name):
            activities = {"do": {"kind": "action", "path": "/x"}}
            return Connector.model_validate({"name": name, "title": name.upper(), "activities": activities})
        MODEL = _model("as-model")
        ODD = 5
        def build(): return _model("as-call")
        def own(): return _model("airflow")
        def explode(): raise KeyError("boom")
        """)
    )
    monkeypatch.syspath_prepend(site)
    yield site
    sys.modules.pop("vendorpack", None)


@pytest.mark.parametrize("suffix", [".yaml", ".yml", ".json"])
def test_a_text_with_an_ending_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    """A file is found by its path, also a relative one, whatever its stem."""
    _write(tmp_path / f"file{suffix}", "crm")
    monkeypatch.chdir(tmp_path)
    names = [load_connector(path).name for path in (f"file{suffix}", f"./file{suffix}", f"{tmp_path}/file{suffix}")]
    assert names == ["crm", "crm", "crm"]


def test_a_text_with_a_separator_is_a_path(tmp_path: Path) -> None:
    """A path needs no known ending."""
    assert load_connector(str(_write(tmp_path / "crm.txt", "crm"))).name == "crm"


def test_the_folder_comes_before_the_catalog(tmp_path: Path) -> None:
    """A folder may replace a shipped connector."""
    _write(tmp_path / "airflow.yaml", "airflow", "Ours")
    assert load_connector("airflow", folder=tmp_path).title == "Ours"
    assert load_connector("airflow", folder=str(tmp_path)).title == "Ours"
    assert load_connector("airflow").title == "Apache Airflow"


@pytest.mark.parametrize("name", ["as-path", "as-file", "as-model", "as-call"])
def test_installed_packages_bring_connectors(package: Path, name: str) -> None:
    """A path, a package file, a Connector and a callable are all taken."""
    assert load_connector(name).name == name


def test_the_folder_comes_before_packages_and_packages_before_the_catalog(package: Path, tmp_path: Path) -> None:
    """The order of look-up is folder, packages, catalog."""
    _write(tmp_path / "as-model.yaml", "as-model", "Ours")
    titles = [load_connector(name, folder=tmp_path).title for name in ("as-model", "airflow")]
    assert titles == ["Ours", "AIRFLOW"]


def test_of_two_packages_with_one_name_the_first_by_name_wins(package: Path) -> None:
    """The choice does not depend on the order of the file system."""
    for name, title in (("zpack", "Z"), ("apack", "A")):
        info = package / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[airflow_provider_integry.connectors]\ntwice = {name}:PATH\n")
        file = _write(package / f"{name}.yaml", "twice", title)
        (package / f"{name}.py").write_text(f"PATH = {str(file)!r}\n")
    assert load_connector("twice").title == "A"


@pytest.mark.parametrize(
    ("name", "words"),
    [("broken", "KeyError: 'boom'"), ("odd", "is a int; it must be"), ("misnamed", "is 'as-model'")],
)
def test_a_broken_package_is_named(package: Path, name: str, words: str) -> None:
    """The error names the package, whatever its code did."""
    with pytest.raises(ConnectorFormatError) as caught:
        load_connector(name)
    assert words in str(caught.value)
    assert "package vendorpack" in str(caught.value)


def test_the_list_tells_what_would_be_loaded(package: Path, tmp_path: Path) -> None:
    """Each name stands once, with title and place; one that is broken does not hide the others."""
    folder = tmp_path / "own"
    folder.mkdir()
    _write(folder / "as-model.yaml", "as-model", "Ours")
    (folder / "bad.yaml").write_text("name: bad\n")
    (folder / "notes.txt").write_text("x")
    (folder / "Not A Name.yaml").write_text("x")
    listed = {name: (title, where) for name, title, where in list_connectors(folder)}
    shipped = {path.stem for path in CATALOG.glob("*.yaml")}
    assert list(listed) == sorted(listed)
    assert set(listed) == shipped | {"as-call", "as-file", "as-model", "as-path", "bad", "broken", "misnamed", "odd"}
    assert listed["as-model"] == ("Ours", str(folder / "as-model.yaml"))
    assert listed["airflow"] == ("AIRFLOW", "package vendorpack")
    assert listed["bad"][0].startswith("not valid: Connector ")


def test_the_list_without_a_folder_is_the_catalog() -> None:
    """The shipped connectors are listed, and a folder that is not there adds none."""
    assert ("airflow", "Apache Airflow") in [entry[:2] for entry in list_connectors()]
    assert list_connectors("/does/not/exist") == list_connectors()


def test_an_unknown_name_says_where_it_was_looked_for(tmp_path: Path) -> None:
    """The error lists the places and the closest name."""
    with pytest.raises(ConnectorNotFoundError) as caught:
        load_connector("airflw", folder=tmp_path)
    assert "Did you mean 'airflow'?" in str(caught.value)
    assert [place.split()[0] for place in caught.value.looked_in] == ["folder", "installed", "the"]


def test_a_folder_that_is_not_there_is_said() -> None:
    """A wrong option shows in the error."""
    with pytest.raises(ConnectorNotFoundError, match=r"folder /does/not/exist \(which is not there\)"):
        load_connector("nope", folder="/does/not/exist")


@pytest.mark.parametrize("name", ["", "..", ".", "..\\crm", "crm\0", "CRM", "-crm", "c r m", "~", "a" * 65, "é"])
def test_a_name_cannot_be_a_trick(tmp_path: Path, name: str) -> None:
    """What is no plain name is never joined to a folder."""
    with pytest.raises(ConnectorNotFoundError, match="a name starts with a letter"):
        load_connector(name, folder=tmp_path)


@pytest.mark.parametrize("path", ["/does/not/exist.yaml", "nope.yaml", "x\0.yaml", "/" + "a" * 5000 + ".yaml"])
def test_a_missing_file_is_not_found(path: str) -> None:
    """A path that leads nowhere is a typed error."""
    with pytest.raises(ConnectorNotFoundError):
        load_connector(path)


def test_the_name_inside_must_be_the_name_outside(tmp_path: Path) -> None:
    """A file that says another name is refused when it is looked up by name."""
    path = _write(tmp_path / "crm.yaml", "erp")
    with pytest.raises(ConnectorFormatError, match="is 'erp', but the connector is found as 'crm'"):
        load_connector("crm", folder=tmp_path)
    assert load_connector(str(path)).name == "erp"


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"", 1, "is empty"),
        (b"- a\n", 1, "a list at top level"),
        (b"name: caf\xe9\n", 1, "is not UTF-8"),
        (b"name: a\ntitle: \xff\n", 2, "is not UTF-8"),
        ("name: a\n".encode("utf-16"), 1, "is not UTF-8"),
        (b"x" * (256 * 1024 + 1), None, "has over 262144 bytes"),
    ],
)
def test_an_unreadable_content_is_refused(tmp_path: Path, content: bytes, line: int | None, words: str) -> None:
    """Encoding and size are checked before anything is parsed."""
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    with pytest.raises(ConnectorFormatError) as caught:
        load_connector(str(path))
    assert (caught.value.source, caught.value.line) == (str(path), line)
    assert words in caught.value.problem


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    """A path to a folder is refused."""
    with pytest.raises(ConnectorFormatError, match="is not a file"):
        load_connector(f"{tmp_path}/")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """A special file would block for ever; it is refused."""
    os.mkfifo(tmp_path / "a.yaml")
    with pytest.raises(ConnectorFormatError, match="is not a file"):
        load_connector(str(tmp_path / "a.yaml"))


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs /proc of Linux")
def test_a_file_that_cannot_be_read_says_why() -> None:
    """The reason of the operating system is told."""
    with pytest.raises(ConnectorFormatError, match=r"cannot be read \(Input/output error\)"):
        load_connector("/proc/self/mem")


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    """Files saved by Windows editors load."""
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbf" + MINIMAL.format(name="a", title="A").encode())
    assert load_connector(str(tmp_path / "a.yaml")).name == "a"


def test_every_error_is_a_configuration_error() -> None:
    """A caller can catch all of them as one."""
    assert issubclass(ConnectorFormatError, ConfigurationError)
    assert issubclass(ConnectorNotFoundError, ConfigurationError)


def test_a_connector_can_be_written_in_python() -> None:
    """The model takes what the file takes, and is equal to it."""
    data = {"name": "a", "title": "A", "activities": {"do": {"kind": "action", "path": "/x"}}}
    assert Connector.model_validate(data) == parse_connector(MINIMAL.format(name="a", title="A"), "a.yaml")


def test_a_connector_is_frozen(crm: Connector) -> None:
    """Nobody changes a description that others hold too."""
    with pytest.raises(ValueError, match="frozen"):
        crm.title = "x"  # type: ignore[misc]


def test_importing_the_package_costs_nothing() -> None:
    """The package itself loads no pydantic, YAML, jsonschema or jmespath; its names do."""
    code = (
        "import sys, airflow_provider_integry.connectors as c\n"
        "heavy = {'pydantic', 'yaml', 'jsonschema', 'jmespath', 'msgspec'}\n"
        "print(sorted(heavy & set(sys.modules)), c.load_connector('airflow').name, len(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "airflow", "4"]


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    """The lazy names do not swallow typing errors."""
    import airflow_provider_integry.connectors as package

    with pytest.raises(AttributeError, match="no attribute 'load_conector'"):
        package.load_conector  # noqa: B018
    assert set(package.__all__) <= set(dir(package))
