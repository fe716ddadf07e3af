"""The command line: polyrec check, encode, run, tune, evaluate, compare, recommend and others.

app.py        the application, and the options that several commands share
console.py    tables, progress bars, errors
commands/     one command a file

Exit codes: 0 done, 1 the data or the work failed, 2 the command or the config is wrong.
"""

from __future__ import annotations

import os
import sys

from rich.markup import escape

from polyrec.cli.app import app
from polyrec.cli.commands import register_commands
from polyrec.cli.console import err, print_error
from polyrec.errors import ConfigError, PolyrecError


def main() -> None:
    """Run a command; users never see a traceback unless POLYREC_DEBUG is set."""
    register_commands()
    try:
        app()
    except PolyrecError as error:
        print_error(error)
        sys.exit(2 if isinstance(error, ConfigError) else 1)
    except KeyboardInterrupt:
        err.print("stopped")
        sys.exit(130)
    except Exception as error:
        if os.environ.get("POLYREC_DEBUG"):
            raise
        err.print(f"[red]unexpected[/] {type(error).__name__}: {escape(str(error))}")
        err.print("this is a bug in polyrec: please report it with the output of POLYREC_DEBUG=1")
        sys.exit(1)
