"""A service in a process of its own, as a person starts it."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any


class Running:
    """Starts `polyrec serve` and waits until it is ready."""

    def __init__(self, bundle: Path, database: str, *words: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from polyrec.cli import main; main()", "serve", str(bundle),
             "--database", database, "--port", str(self.port), *words],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        while True:
            assert self.process.poll() is None, self.process.stdout.read().decode()
            try:
                if self.ask("GET", "/api/health/ready")[0] == 200:
                    return
            except OSError:
                time.sleep(0.05)

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Return an answer's status and content."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            body if body is None or isinstance(body, bytes) else json.dumps(body).encode(),
            {"Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())
        except http.client.HTTPException as error:  # the answer ends in the middle
            raise ConnectionError(str(error)) from error

    def kill(self) -> None:
        """End the process and its workers at once, without a word."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def stop(self) -> tuple[int, str]:
        """Ask the process to stop; return its exit code and what it said."""
        self.process.terminate()
        said = self.process.communicate(timeout=60)[0].decode()
        return self.process.returncode, said
