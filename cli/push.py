"""
`upper-circuit models push`: a proven version from here into the registry of a cluster.

A Job of the chart's own template mounts the registry's claim and waits; the version is written to its standard input
through the API server. So whoever may push needs no way to the volume, and what is in the volume came through the
gate, twice: here, before anything is sent, and there, before anything is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from cli.cluster import RELEASE, ContextOption, NamespaceOption, ReleaseOption

START_SECONDS = 300.0
"""How long the pod may take to start: its image may have to be fetched first."""
PROVE_SECONDS = 300.0


def push(
    *,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Such as 1.3.0, or latest.")],
    promote: Annotated[bool, typer.Option("--promote", help="Make it what `latest` means there.")] = False,
    registry: Annotated[
        Path, typer.Option("--registry", envvar="MODEL_REGISTRY_PATH", help="Folder of the model registry.")
    ] = Path("data/models"),
    namespace: NamespaceOption = None,
    release: ReleaseOption = RELEASE,
    context: ContextOption = None,
) -> None:
    """Prove a version and copy it into the registry of a release. One that is there already stays as it is."""
    from cli.cluster import Cluster
    from cli.jobs import job_from
    from cli.parcel import pack, pieces, read_folder
    from cli.receive import login
    from upper_circuit.features import FINGERPRINT
    from upper_circuit.models.registry import Registry
    from upper_circuit.models.version import ModelVersion

    models = Registry(registry)
    wanted = models.latest() if version == "latest" else ModelVersion.parse(version)
    models.verify(wanted, fingerprint=FINGERPRINT)
    parcel = pack(str(wanted), read_folder(models.folder(wanted)))

    cluster = Cluster.at(context, namespace, release)
    name = job_name(cluster.name, str(wanted))
    job = job_from(cluster.cron_job("tools"), name, arguments(promote=promote, by=login()))
    if cluster.jobs([name]):  # of a former push, ended or left alone by whoever began it
        cluster.delete(name)
    made = cluster.create(job)
    typer.echo(f"{wanted} is sound; Job {name} in namespace {cluster.namespace} takes {len(parcel):,} bytes")
    pod = cluster.running_pod(made, within=START_SECONDS)
    cluster.feed(pod, pieces(parcel), within=PROVE_SECONDS)
    is_done = cluster.ended(pod["metadata"]["name"], within=PROVE_SECONDS)
    typer.echo(cluster.log(pod["metadata"]["name"]).rstrip(), err=not is_done)
    if not is_done:
        raise typer.Exit(1)
    typer.echo(f"next: {after(str(wanted), promote=promote)}")


def job_name(fullname: str, version: str) -> str:
    """The name of a version's Job."""
    return f"{fullname}-push-{version.replace('.', '-')}"


def arguments(*, promote: bool, by: str) -> Sequence[str]:
    """What the pod's command is told."""
    return ("models", "receive", *(("--promote", "--by", by) if promote else ()))


def after(version: str, *, promote: bool) -> str:
    """The next command: pods take a promoted version when they are told to, another one by a rollout."""
    if promote:
        return "curl -X POST -H 'Authorization: Bearer <ADMIN_TOKEN>' <API>/api/v1/models/reload"
    return f"upper-circuit rollout start {version}"
