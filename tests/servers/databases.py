"""PostgreSQL and MariaDB as processes of our own, each on a free port with data that goes away with it.

``with PostgresServer(folder) as server: url = server.create_database("one")``. The servers' programs come
from the system (Debian: ``postgresql``, ``mariadb-server-core``); `missing` says what is not there.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

START_S = 60.0


class DatabaseServer:
    """One server process; a context manager.

    Args:
        folder: Where its log goes.
    """

    name: ClassVar[str]
    package: ClassVar[str]
    programs: ClassVar[tuple[str, ...]]
    system_users: ClassVar[tuple[str, ...]]
    stop_signal: ClassVar[int]
    kill_signal: ClassVar[int] = signal.SIGKILL
    environment: ClassVar[dict[str, str]] = {}

    def __init__(self, folder: Path) -> None:
        self.port = _free_port()
        self.log = folder / f"{self.name}-{self.port}.log"
        # Not in `folder`: these servers refuse to run as root, and other users cannot enter pytest's folders.
        self._home = Path(tempfile.mkdtemp(prefix=f"integry-{self.name}-"))
        self.data = self._home / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._user = self._choose_user()

    @classmethod
    def missing(cls) -> str | None:
        """Return why this server cannot be run here; None where it can."""
        absent = [name for name in cls.programs if cls.find_program(name) is None]
        return f"{cls.name}: no program {', '.join(absent)} (Debian package {cls.package})" if absent else None

    @classmethod
    def find_program(cls, name: str) -> str | None:
        """Return the path of one of the server's programs; None where it is not installed."""
        return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")

    def __enter__(self) -> DatabaseServer:
        try:
            if self._user:
                os.chown(self._home, self._user.pw_uid, self._user.pw_gid)
            self._prepare()
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop it and remove its data."""
        if self._process is not None:
            self.kill()
        shutil.rmtree(self._home, ignore_errors=True)

    @property
    def pid(self) -> int:
        """Process id of the server."""
        assert self._process is not None, f"{self.name} is stopped"
        return self._process.pid

    def start(self) -> None:
        """Start it on the same port with the same data, and return once it answers."""
        assert self._process is None, f"{self.name} runs already"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdout=log, stderr=log, **self._options())
        deadline = time.monotonic() + START_S
        while not self._answers():
            assert self._process.poll() is None, f"{self.name} ended:\n{self.read_log()}"
            assert time.monotonic() < deadline, f"{self.name} does not answer:\n{self.read_log()}"
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it in good order: open connections are ended, what was committed stays."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """Stop it at once, as a crash does; what was committed stays."""
        self._end(self.kill_signal)

    def create_database(self, name: str) -> str:
        """Make an empty database, in the place of one that has this name; return its SQLAlchemy URL."""
        self._execute(f"DROP DATABASE IF EXISTS {name}")
        self._execute(f"CREATE DATABASE {name}{self._creation()}")
        return self.url(name)

    def url(self, name: str) -> str:
        """Return the SQLAlchemy URL of a database."""
        raise NotImplementedError

    def read_log(self) -> str:
        """Return the end of its log."""
        return self.log.read_text("utf-8", "replace")[-3000:] if self.log.exists() else ""

    def _prepare(self) -> None:
        """Make the data folder."""
        raise NotImplementedError

    def _command(self) -> list[str]:
        """Return the server's command line."""
        raise NotImplementedError

    def _creation(self) -> str:
        """Return what follows CREATE DATABASE and the name."""
        return ""

    def _execute(self, statement: str) -> None:
        engine = create_engine(self.url(self.system_database), poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))

    system_database: ClassVar[str]

    def _answers(self) -> bool:
        try:
            self._execute("SELECT 1")
        except SQLAlchemyError:
            return False
        return True

    def _end(self, number: int) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(timeout=START_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=START_S)

    def _run(self, *command: str) -> None:
        done = subprocess.run(command, capture_output=True, text=True, timeout=START_S, **self._options())
        assert done.returncode == 0, f"{command[0]}: {done.stdout[-1500:]}{done.stderr[-1500:]}"

    def _options(self) -> dict[str, Any]:
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self._home), "LC_ALL": "C.UTF-8"}
        environment |= self.environment
        # A session of its own: Ctrl-C at the terminal must not reach it before its tests have ended.
        options: dict[str, Any] = {"cwd": self._home, "env": environment, "start_new_session": True}
        if self._user:
            options |= {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
        return options

    def _choose_user(self) -> pwd.struct_passwd | None:
        if os.geteuid() != 0:
            return None
        known = {entry.pw_name: entry for entry in pwd.getpwall()}
        return next(known[name] for name in (*self.system_users, "nobody") if name in known)


class PostgresServer(DatabaseServer):
    """PostgreSQL; everybody on this machine may connect as `airflow`."""

    name = "postgresql"
    package = "postgresql"
    programs = ("initdb", "postgres")
    system_users = ("postgres",)
    system_database = "postgres"
    # Fast shutdown: open connections are ended.
    stop_signal = signal.SIGINT
    # Immediate shutdown: recovery at the next start, and no child processes or shared memory left behind.
    kill_signal = signal.SIGQUIT

    @classmethod
    def find_program(cls, name: str) -> str | None:
        """Return the path of one of the server's programs; Debian keeps them in a folder per version."""
        folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda one: float(one.parent.name))
        return super().find_program(name) or shutil.which(name, path=os.pathsep.join(map(str, reversed(folders))))

    def url(self, name: str) -> str:
        """Return the SQLAlchemy URL of a database, with the driver that Airflow uses."""
        return f"postgresql+psycopg2://airflow@127.0.0.1:{self.port}/{name}"

    def _prepare(self) -> None:
        initdb = str(self.find_program("initdb"))
        self._run(initdb, "-D", str(self.data), "-U", "airflow", "-A", "trust", "-E", "UTF8", "--no-sync")

    def _command(self) -> list[str]:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 300,
            # The machine's power is not tested.
            "fsync": "off",
        }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [str(self.find_program("postgres")), "-D", str(self.data), *settings]


class MariaDbServer(DatabaseServer):
    """MariaDB; `root` may connect without a password."""

    name = "mariadb"
    package = "mariadb-server-core"
    programs = ("mariadb-install-db", "mariadbd")
    system_users = ("mysql",)
    system_database = "mysql"
    stop_signal = signal.SIGTERM
    # A server somewhere with summer time: local time is no clock.
    environment: ClassVar[dict[str, str]] = {"TZ": "CET-1CEST,M3.5.0,M10.5.0/3"}

    def url(self, name: str) -> str:
        """Return the SQLAlchemy URL of a database."""
        return str(make_url(f"mysql+pymysql://root@127.0.0.1:{self.port}/{name}?charset=utf8mb4"))

    def _prepare(self) -> None:
        install = str(self.find_program("mariadb-install-db"))
        self._run(
            install, "--no-defaults", f"--datadir={self.data}", "--auth-root-authentication-method=normal",
            "--skip-test-db",
        )  # fmt: skip

    def _command(self) -> list[str]:
        return [
            str(self.find_program("mariadbd")),
            "--no-defaults",
            f"--datadir={self.data}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--socket={self._home / 'socket'}",
            f"--pid-file={self._home / 'pid'}",
            "--innodb-buffer-pool-size=64M",
            # The machine's power is not tested: what is committed survives the process.
            "--innodb-flush-log-at-trx-commit=2",
        ]

    def _creation(self) -> str:
        # As Airflow asks for it: texts are compared without regard to case.
        return " CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
