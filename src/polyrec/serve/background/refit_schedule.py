"""Train a new bundle every so often, in a process of its own."""

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
    """Starts `polyrec refit` when the current bundle is too old; ask it now and then.

    The one worker that holds the lease does. A refit that fails is tried again when the time has
    passed once more.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.shelf = BundleRegistry(settings.bundle)
        self._process: subprocess.Popen[bytes] | None = None
        self._tried = 0.0

    def look(self) -> None:
        """Start a refit if it is time."""
        hours = self._settings.refit_hours
        if not hours or self.shelf.is_single or self._busy():
            return
        made = (self.shelf.current() / MANIFEST).stat().st_mtime
        if time.time() < max(made, self._tried) + hours * _HOUR:
            return
        self._tried = time.time()
        self._process = subprocess.Popen(
            self.command(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            # not among the arguments, where every user of the machine could read a password
            env={**os.environ, "POLYREC_DATABASE": self._settings.database},
        )
        _LOG.info("a refit has begun")

    def command(self) -> list[str]:
        """Return the command that trains, in the background of the machine."""
        gently = ["nice", "-n", "10"] if shutil.which("nice") else []
        told = ["--bundles", str(self.shelf.folder), "--media", str(self._settings.media_folder)]
        return [*gently, sys.executable, "-c", _COMMAND, "refit", *told]

    def close(self) -> None:
        """Stop a refit that is under way; the shelf stays as it is."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def _busy(self) -> bool:
        if self._process is None:
            return False
        code = self._process.poll()
        if code is None:
            return True
        self._process = None
        _LOG.log(logging.INFO if code == 0 else logging.ERROR, "the refit ended with %d", code)
        return False
