"""The command line: polyrec check, encode, run, tune, evaluate, compare, recommend and others.

Exit codes: 0 done, 1 the data or the work failed, 2 the command or the config is wrong.
"""

from __future__ import annotations

import os
import sys

from rich.markup import escape

from polyrec.cli import (  # noqa: F401 - they add their commands
    evaluate,
    explain,
    keys,
    refit,
    serve,
    tune,
)
from polyrec.cli.commands import app
from polyrec.cli.show import errors, tell
from polyrec.errors import ConfigError, PolyrecError


def main() -> None:
    """Run a command; a person never sees a traceback unless POLYREC_DEBUG is set."""
    try:
        app()
    except PolyrecError as error:
        tell(error)
        sys.exit(2 if isinstance(error, ConfigError) else 1)
    except KeyboardInterrupt:
        errors.print("stopped")
        sys.exit(130)
    except Exception as error:
        if os.environ.get("POLYREC_DEBUG"):
            raise
        errors.print(f"[red]unexpected[/] {type(error).__name__}: {escape(str(error))}")
        errors.print("this is a fault in polyrec: please report it with POLYREC_DEBUG=1 set")
        sys.exit(1)
