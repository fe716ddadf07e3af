"""`polyrec serve` as a person starts it, in processes of its own (Linux)."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self

from benchmarks.library.server_process import free_port


class LiveService:
    """A context manager that starts the command with some arguments and waits until it is ready."""

    def __init__(self, bundle: Path, database: str, *arguments: str, log: Path) -> None:
        self.port = free_port()
        self._log = log.open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from polyrec.cli import main; main()", "serve", str(bundle),
             "--database", database, "--port", str(self.port), *arguments],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=self._log, stderr=self._log, start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        while self.status("/api/health/ready") != 200:
            if self._process.poll() is not None:
                raise RuntimeError(f"polyrec serve ended; see {self._log.name}")
            time.sleep(0.1)
        return self

    @property
    def pid(self) -> int:
        """Return the process id of the service, with several workers that of their parent."""
        return self._process.pid

    def status(self, path: str, *, timeout: float = 30, **headers: str) -> int:
        """Return the status of a GET, 0 if the connection failed."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=names)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as response:
                response.read()
                return int(response.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return 0

    def json(self, path: str) -> object:
        """Return the JSON body of a GET."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as response:
            return json.loads(response.read())

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()
