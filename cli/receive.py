"""
`upper-circuit models receive`: the end of `models push` that runs in the cluster.

The registry's volume is trusted by every pod that mounts it, so nothing enters it unproven: what arrives is checked
against its hash, laid beside the versions where nobody looks, put through the same gate as a training's own model, and
appears by one rename. Imports no client of Kubernetes: this runs in a lean image.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.login import login
from cli.places import RegistryOption, registry_path


def receive(
    registry: RegistryOption = None,
    promote: Annotated[bool, typer.Option(help="Make it what `latest` means, once it is in.")] = False,
    by: Annotated[str | None, typer.Option(help="Who promotes, for the log.")] = None,
) -> None:
    """Take a version from standard input, as `models push` sends it, prove it and publish it."""
    from cli.parcel import unpack
    from upper_circuit.features import FINGERPRINT
    from upper_circuit.models.registry import Registry
    from upper_circuit.models.version import ModelVersion

    name, files = unpack(sys.stdin.buffer)
    version, models = ModelVersion.parse(name), Registry(registry_path(registry))
    size = sum(map(len, files.values()))
    if models.adopt(version, files, fingerprint=FINGERPRINT):
        typer.echo(f"{version} is proven and published: {len(files)} files, {size:,} bytes")
    else:
        typer.echo(f"{version} is there already, equal to the last byte")
    if promote:
        before = models.promote(version, by=by or login(), at=datetime.now(UTC), fingerprint=FINGERPRINT)
        typer.echo(f"{version} is promoted" if before != version else f"{version} stays promoted")
