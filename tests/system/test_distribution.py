"""The wheel and the source distribution, as they are built: what is in them, and that Airflow runs on it alone."""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "airflow_provider_integry"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with both, built with what is installed, so that nothing is downloaded."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def find(folder, pattern):
    found = list(folder.glob(pattern))
    assert len(found) == 1, found
    return found[0]


def names_of_wheel(path):
    with zipfile.ZipFile(path) as archive:
        return {name for name in archive.namelist() if name.startswith(f"{PACKAGE}/")}


def files_of_package():
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", PACKAGE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("this is no checkout: git does not say which files belong to the package")
    return {name for name in done.stdout.splitlines() if (ROOT / name).is_file()}


def test_the_wheel_holds_every_file_of_the_package_and_no_other(built):
    names = names_of_wheel(find(built, "*.whl"))

    assert {f"{PACKAGE}/py.typed", f"{PACKAGE}/authorizations/migrations/alembic.ini"} <= names
    assert any(name.startswith(f"{PACKAGE}/connectors/catalog/") for name in names)
    assert names == files_of_package()


def test_a_wheel_that_is_built_from_the_source_distribution_holds_the_same(built, tmp_path):
    with tarfile.open(find(built, "*.tar.gz")) as archive:
        archive.extractall(tmp_path, filter="data")
    unpacked = find(tmp_path, "*/pyproject.toml").parent
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "again")]
    done = subprocess.run(command, cwd=unpacked, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
    assert names_of_wheel(find(tmp_path, "again/*.whl")) == names_of_wheel(find(built, "*.whl"))
    assert {"tests", "docs", "example_dags", "README.md", "CHANGELOG.md", "LICENSE"} <= {
        path.name for path in unpacked.iterdir()
    }


class Installed:
    """An environment with the wheel, and with Airflow as it is installed here; this checkout is not in it."""

    def __init__(self, folder, wheel):
        self.python = folder / "env" / "bin" / "python"
        self.home = folder / "home"
        self._run(sys.executable, "-m", "venv", "--without-pip", str(folder / "env"))
        self._run(
            *(sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(self.python)),
            *("install", "--quiet", "--no-deps", "--no-index", str(wheel)),
        )
        # A folder that is named in such a file is searched after the environment's own, and the files in it that lead
        # elsewhere, as to this checkout, are not read.
        own = find(folder, "env/lib/python*/site-packages")
        (own / "airflow.pth").write_text("\n".join(site.getsitepackages()), "utf-8")

    def airflow(self, *words):
        """Run a command of Airflow's; return what it prints."""
        return self._run(str(self.python), "-m", "airflow", *words)

    def read(self, expression, *imports):
        """Return the value of an expression, which is JSON."""
        return self.run(*(f"import {name}" for name in imports), f"found = {expression}")

    def run(self, *lines):
        """Run code, and return what it calls `found`, which is JSON."""
        code = "\n".join(("import json", *lines, "print(json.dumps(found))"))
        return json.loads(self._run(str(self.python), "-c", code).splitlines()[-1])

    def _run(self, *command):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AIRFLOW"))}
        environment = {**kept, "AIRFLOW_HOME": str(self.home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/", timeout=240)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    return Installed(tmp_path_factory.mktemp("installed"), find(built, "*.whl"))


def test_what_is_imported_is_the_wheel(installed):
    where = installed.read(f"{PACKAGE}.__file__", PACKAGE)

    assert Path(where).is_relative_to(installed.python.parent.parent)


def test_every_module_of_the_wheel_can_be_imported(installed):
    found = installed.run(
        "import importlib, pkgutil",
        f"import {PACKAGE} as package",
        f"names = [one.name for one in pkgutil.walk_packages(package.__path__, '{PACKAGE}.')]",
        # Alembic runs these, and nobody imports them.
        "found = [name for name in names if '.migrations.' not in name]",
        "for name in found: importlib.import_module(name)",
    )

    assert len(found) > 200


def test_airflow_finds_provider_plugin_tables_commands_and_catalog_in_it(installed):
    providers = json.loads(installed.airflow("providers", "list", "-o", "json"))
    plugins = json.loads(installed.airflow("plugins", "-o", "json"))
    installed.airflow("db", "migrate")
    checked = installed.airflow("integry", "db", "check")
    connectors = json.loads(installed.airflow("integry", "connectors", "list", "-o", "json"))

    assert [one["version"] for one in providers if one["package_name"] == "airflow-provider-integry"] == [
        installed.read(f"{PACKAGE}.__version__", PACKAGE)
    ]
    assert len([one for one in plugins if "integry" in one["name"].lower()]) == 1
    assert checked.strip()
    assert {"github", "slack", "stripe"} <= {one["name"] for one in connectors}


def test_pages_have_their_templates_and_scripts(installed):
    found = installed.read(
        f"[len(list((pathlib.Path({PACKAGE}.__file__).parent / 'web' / folder).rglob('*.*')))"
        " for folder in ('templates', 'static')]",
        "pathlib",
        PACKAGE,
    )

    assert all(count > 2 for count in found)
