"""Train a new bundle at intervals, in a process of its own."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import time

from polyrec.artifact.bundle_registry import BundleRegistry
from polyrec.artifact.checksummed_folder import MANIFEST
from polyrec.serve.settings import Settings

_LOG = logging.getLogger(__name__)
_HOUR = 3600.0
_COMMAND = "from polyrec.cli import main; main()"


class RefitSchedule:
    """Starts `polyrec refit` when the current bundle is too old.

    The leader among the workers calls `start_if_due`. A refit that fails is tried again after
    another interval.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.registry = BundleRegistry(settings.bundle)
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0

    def start_if_due(self) -> None:
        """Start a refit if the interval has passed and none is running."""
        hours = self._settings.refit_hours
        if not hours or self.registry.is_single or self._is_running():
            return
        trained_at = (self.registry.current() / MANIFEST).stat().st_mtime
        if time.time() < max(trained_at, self._started_at) + hours * _HOUR:
            return
        self._started_at = time.time()
        self._process = subprocess.Popen(
            self.command(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            # not among the arguments, where every user of the machine could read a password
            env={**os.environ, "POLYREC_DATABASE": self._settings.database},
        )
        _LOG.info("refit started")

    def command(self) -> list[str]:
        """Return the command that trains, at a low priority."""
        nice = ["nice", "-n", "10"] if shutil.which("nice") else []
        folders = [
            "--bundles", str(self.registry.folder), "--media", str(self._settings.media_folder)
        ]  # fmt: skip
        return [*nice, sys.executable, "-c", _COMMAND, "refit", *folders]

    def close(self) -> None:
        """Stop a refit that is running; the registry stays as it is."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def _is_running(self) -> bool:
        if self._process is None:
            return False
        code = self._process.poll()
        if code is None:
            return True
        self._process = None
        if code == 0:
            _LOG.info("refit finished")
        else:
            hours = self._settings.refit_hours
            _LOG.error("refit failed with exit code %d, retrying in %g h", code, hours)
        return False
