"""One command a file."""


def register_commands() -> None:
    """Import every command, which adds it to the application, in the order of `--help`."""
    # isort: off
    from polyrec.cli.commands import init, check, models, encode, cache, run, align_report  # noqa: F401
    from polyrec.cli.commands import tune, evaluate, compare, recommend, similar, explain  # noqa: F401
    from polyrec.cli.commands.conversation import chat  # noqa: F401
    from polyrec.cli.commands import enrich, demo  # noqa: F401
    from polyrec.cli.commands.service import serve, refit, keys, profile, mcp  # noqa: F401
    # isort: on
