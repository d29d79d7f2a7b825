"""What every test shares: an Airflow home of its own, and the loopback servers."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, settings

# Airflow reads its environment when it is first imported: nothing above does that.
_HOME = tempfile.mkdtemp(prefix="integry-tests-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ["AIRFLOW_HOME"] = _HOME
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__FERNET_KEY"] = Fernet.generate_key().decode()
for _name in [name for name in os.environ if name.startswith("AIRFLOW_CONN_")]:
    del os.environ[_name]

# Two cores are shared with other work: a slow example is no failure, and a run can be repeated.
settings.register_profile(
    "integry", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "integry"))

pytest_plugins = ["servers.fixtures", "broker.fixtures"]

# What takes longest begins first, so that no worker is left with it at the end.
_ORDER = ("system", "browser", "broker", "integration", "contract", "unit")
# These share what is costly to start: one worker runs them all.
_TOGETHER = {
    "system": "system",
    "browser": "browser",
    **dict.fromkeys(("test_operator.py", "test_secrets_stay_secret.py", "test_sensor.py"), "flows"),
}


def _group_of(place: Path) -> str:
    """Return which tests one worker of pytest-xdist runs: those of a file, at least.

    Args:
        place: The file, below this folder.
    """
    return _TOGETHER.get(place.parts[0]) or _TOGETHER.get(place.name) or place.as_posix()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests."""
    root = Path(__file__).parent
    folders = {item: item.path.relative_to(root).parts[0] for item in items}
    items.sort(key=lambda item: _ORDER.index(folders[item]) if folders[item] in _ORDER else len(_ORDER))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each worker whole groups.

    Not by ``--dist loadgroup``: pytest-xdist 3.8 writes groups into what pytest 9.2 reads no more.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Scheduler(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group_of(Path(nodeid.partition("::")[0]).relative_to("tests"))

    return Scheduler(config, log)


@pytest.fixture
def airflow_home() -> str:
    """The folder that Airflow uses in this test process."""
    return _HOME


@pytest.fixture(autouse=True)
def _fresh_masker() -> Iterator[None]:
    """Let Airflow's log masker forget: with the secrets of hundreds of tests it takes seconds for each further one."""
    yield
    if masker := sys.modules.get("airflow.sdk._shared.secrets_masker.secrets_masker"):
        masker.reset_secrets_masker()


@pytest.fixture
def set_fernet_keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Give Airflow Fernet keys for the time of one test: ``set_fernet_keys(new, old)``; without any it has none."""
    # Lazy, so that tests that need no encryption do not import Airflow's models.
    from airflow.models.crypto import get_fernet

    def put(*keys: str) -> None:
        monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", ",".join(keys))
        get_fernet.cache_clear()

    yield put
    get_fernet.cache_clear()
