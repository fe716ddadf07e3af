"""A private PostgreSQL server: on loopback, in a folder of its own, stopped by its process id."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql


def binaries() -> Path | None:
    """Return the folder with initdb and postgres, None if PostgreSQL is not installed."""
    initdb = shutil.which("initdb")
    folders = [Path(initdb).resolve().parent] if initdb else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "postgres").is_file()), None)


class Postgres:
    """A server that can be stopped and started again without losing its data."""

    def __init__(self, bin_folder: Path, folder: Path) -> None:
        self._bin, self._folder = bin_folder, folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        # PostgreSQL refuses to run as root
        self._user = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
        if self._user:
            shutil.chown(folder, "postgres")
        self._run(
            "initdb",
            "-D",
            str(folder / "data"),
            "-U",
            "polyrec",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        )

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        data = str(self._folder / "data")
        lossy = "-c fsync=off -c full_page_writes=off"  # a crash of the machine may lose the data
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 {lossy} -k {self._folder}"
        self._run(
            "pg_ctl", "-D", data, "-w", "-l", str(self._folder / "log"), "-o", options, "start"
        )

    def stop(self) -> None:
        """Stop the server, open connections or not."""
        pid_file = self._folder / "data" / "postmaster.pid"
        pid = int(pid_file.read_text().split()[0])
        os.kill(pid, signal.SIGINT)
        while pid_file.exists():
            time.sleep(0.05)

    def database(self, name: str, *, template: str = "template1") -> str:
        """Create an empty database, or a copy of one without connections; return its URL."""
        server = f"postgresql://polyrec@127.0.0.1:{self.port}"
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            names = (sql.Identifier(each) for each in (name, template))
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
        return f"{server}/{name}"

    def _run(self, program: str, *arguments: str) -> None:
        result = subprocess.run(
            [str(self._bin / program), *arguments],
            cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
            extra_groups=[] if self._user else None, **self._user,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr.decode()


@contextmanager
def private_postgres() -> Iterator[Postgres]:
    """Yield a started server in a temporary folder; exit with a message without PostgreSQL."""
    programs = binaries()
    if programs is None:
        raise SystemExit("PostgreSQL's programs are not installed (Debian: postgresql)")
    data = Path(tempfile.mkdtemp(prefix="polyrec-postgres-"))
    try:
        server = Postgres(programs, data)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(data, ignore_errors=True)
