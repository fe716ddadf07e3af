"""A PostgreSQL of the tests' own: on loopback, in a temporary folder, ended by its process id."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import psycopg
from psycopg import sql


def binaries() -> Path | None:
    """Return the folder with initdb and postgres, None where PostgreSQL is not installed."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "postgres").is_file()), None)


class Postgres:
    """A server that can be stopped and started again; its data stay."""

    def __init__(self, bin_folder: Path, folder: Path) -> None:
        self._bin, self._folder = bin_folder, folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        # it refuses to run as root
        self._as = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
        if self._as:
            shutil.chown(folder, "postgres")
        self._run(
            "initdb", "-D", str(folder / "data"), "-U", "polyrec", "-A", "trust", "-E", "UTF8"
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        data = str(self._folder / "data")
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off -k {self._folder}"
        self._run(
            "pg_ctl", "-D", data, "-w", "-l", str(self._folder / "log"), "-o", options, "start"
        )

    def stop(self) -> None:
        """End the server by its process id, connections or not."""
        pid_file = self._folder / "data" / "postmaster.pid"
        pid = int(pid_file.read_text().split()[0])
        os.kill(pid, signal.SIGINT)
        while pid_file.exists():
            time.sleep(0.05)

    def database(self, name: str) -> str:
        """Return the URL of a fresh database."""
        server = f"postgresql://polyrec@127.0.0.1:{self.port}"
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return f"{server}/{name}"

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [str(self._bin / program), *words],
            cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
            extra_groups=[] if self._as else None, **self._as,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
