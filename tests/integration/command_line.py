"""``airflow`` as a person runs it: a process of its own, over a database of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from broker.rig import Rig


class Installation(Rig):
    """A rig with all of Airflow's tables, and its command line."""

    def airflow(self, *arguments: str, said: str | None = None, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command; `said` is its standard input."""
        return subprocess.run(
            [sys.executable, "-m", "airflow", *arguments],
            env=self.server_environment(**more),
            input=said or "",
            capture_output=True,
            text=True,
            timeout=240,
        )

    def integry(self, *arguments: str, said: str | None = None, **more: str) -> subprocess.CompletedProcess[str]:
        """Run one of our commands."""
        return self.airflow("integry", *arguments, said=said, **more)

    def migrate(self) -> None:
        """Make all tables, as people do."""
        done = self.airflow("db", "migrate")
        assert done.returncode == 0, done.stderr[-3000:]

    def status(self, *arguments: str) -> list[dict[str, Any]]:
        """Return what `status` says."""
        done = self.integry("status", *arguments, "-o", "json")
        assert done.returncode == 0, done.stderr[-3000:]
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    def audit(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Return event, owner and details of every entry about authorizations."""
        code = (
            "import json\nfrom airflow import settings\nfrom sqlalchemy import text\n"
            "with settings.engine.connect() as c:\n"
            "    rows = c.execute(text('select event, owner, extra from log order by id'))\n"
            "    print(json.dumps([list(row) for row in rows]))\n"
        )
        rows = json.loads(self.run(code).splitlines()[-1])
        mine = "integry.authorization."
        return [(event, owner, json.loads(extra)) for event, owner, extra in rows if event.startswith(mine)]

    @property
    def journal(self) -> Path:
        """The journal folder."""
        return self.folder / "journal"
