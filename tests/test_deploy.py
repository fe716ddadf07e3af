"""The files under deploy/ agree with the command line and the routes of the service."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

pytest.importorskip("fastapi", reason="extra serve is not installed")
from polyrec.cli import app
from polyrec.cli.commands import register_commands
from polyrec.serve.api.routes import ROUTERS
from polyrec.serve.settings import Settings

DEPLOY = Path(__file__).parents[1] / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
MANIFESTS = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8")))
UNIT = (DEPLOY / "polyrec.service").read_text(encoding="utf-8")
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def cli() -> dict:
    register_commands()
    return get_command(app).commands


def containers() -> Iterator[dict]:
    for manifest in MANIFESTS:
        spec = manifest.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        yield from spec.get("template", {}).get("spec", {}).get("containers", [])


def commands() -> list[list[str]]:
    started = re.search(r"^ExecStart=(.+)$", UNIT, re.MULTILINE)
    assert started
    return [
        shlex.split(started[1])[1:],
        COMPOSE["services"]["polyrec"]["command"],
        *(container["args"] for container in containers()),
    ]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_is_one_of_ours(words: list[str], cli: dict) -> None:
    context = cli[words[0]].make_context(words[0], words[1:])
    assert context.params["media" if "--media" in words else "bundle"]


def test_the_database_comes_from_the_environment(cli: dict) -> None:
    for name in ("serve", "refit"):
        names = [option.envvar for option in cli[name].params if option.envvar]
        assert names == ["POLYREC_DATABASE"]
    assert "POLYREC_DATABASE" in COMPOSE["services"]["polyrec"]["environment"]
    for container in containers():
        assert [variable["name"] for variable in container["env"]] == ["POLYREC_DATABASE"]


def test_probes_ask_for_routes_that_exist() -> None:
    routes = {f"/api{route.path}" for router in ROUTERS for route in router.routes}
    probes = [
        container[kind]["httpGet"]["path"]
        for container in containers()
        for kind in ("startupProbe", "livenessProbe", "readinessProbe")
        if kind in container
    ]
    assert len(probes) == 3
    assert set(probes) <= routes
    in_image = re.search(r"127\.0\.0\.1:8087(/[a-z/]+)", DOCKERFILE)
    assert in_image
    assert in_image[1] in routes


def test_images_are_pinned_and_containers_confined() -> None:
    images = [service["image"] for service in COMPOSE["services"].values()]
    images += [container["image"] for container in containers()]
    images += re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(images) == 6
    for image in images:
        assert re.search(r":\d+\.\d+(\.\d+)?", image), image
    for container in containers():
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert {"requests", "limits"} <= container["resources"].keys()
    assert COMPOSE["services"]["polyrec"]["read_only"] is True
    assert "ports" not in COMPOSE["services"]["database"]  # reached by the service alone


def test_files_that_compose_mounts_exist() -> None:
    for service in COMPOSE["services"].values():
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            if source.startswith("./") and source != "./bundles":  # made by the operator
                assert (DEPLOY / source).is_file(), source


def test_the_unit_is_confined_and_has_files_for_its_connections() -> None:
    options = dict(re.findall(r"^([A-Z]\w+)=(.*)$", UNIT, re.MULTILINE))
    assert int(options["LimitNOFILE"]) > 2 * Settings(Path("b")).max_connections
    for name in ("NoNewPrivileges", "PrivateDevices", "PrivateTmp", "ProtectHome",
                 "LockPersonality", "ProtectKernelModules", "RestrictNamespaces"):  # fmt: skip
        assert options[name] == "yes", name
    assert options["ProtectSystem"] == "strict"
    assert options["CapabilityBoundingSet"] == ""
    assert options["SystemCallFilter"] == "@system-service"
    assert options["UMask"] == "0077"
