"""What a user would pick instead, each in an environment of its own: the versions, and how they are installed.

Peers bring dependencies that Airflow's constraints exclude. So each has a folder ``.venv-peer-NAME``, made at the
first measurement and kept.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_STAMP = ".made-from.json"
_TIMEOUT_S = 900


class PeerError(Exception):
    """A peer could not be installed; the message says what the installer wrote."""


@dataclass(frozen=True)
class Peer:
    """A package that is compared.

    Attributes:
        name: Short name, of its folder too.
        requirements: What is installed, pinned.
    """

    name: str
    requirements: Sequence[str]

    @property
    def folder(self) -> Path:
        """Its environment."""
        return ROOT / f".venv-peer-{self.name}"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def install(self) -> Peer:
        """Make its environment, unless it is as it should be.

        Raises:
            PeerError: It could not be made.
        """
        made_from = {"requirements": list(self.requirements), "python": sys.version}
        stamp = self.folder / _STAMP
        if stamp.is_file() and json.loads(stamp.read_text("utf-8")) == made_from:
            return self
        print(f"Installing {', '.join(self.requirements)} into {self.folder.name} …", flush=True)
        self._run(sys.executable, "-m", "venv", "--clear", str(self.folder))
        pip = (str(self.python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
        self._run(*pip, *self.requirements)
        stamp.write_text(json.dumps(made_from), "utf-8")
        return self

    def _run(self, *command: str) -> None:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
        if done.returncode != 0:
            raise PeerError(f"{self.name} could not be installed: {done.stdout}{done.stderr}")


DLT = Peer("dlt", ("dlt==1.31.0",))
SINGER = Peer("singer", ("singer-sdk==0.54.9",))
AIRBYTE = Peer("airbyte", ("airbyte-cdk==7.39.1",))
OAUTHLIB = Peer("oauthlib", ("requests-oauthlib==2.0.0",))
ALL = (DLT, SINGER, AIRBYTE, OAUTHLIB)
