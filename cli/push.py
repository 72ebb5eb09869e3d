"""
`upper-circuit models push`: a proven version from here into the registry of a cluster.

A Job of the chart's own template mounts the registry's claim and waits; the version is written to its standard input
through the API server. So whoever may push needs no way to the volume, and what is in the volume came through the
gate, twice: here, before anything is sent, and there, before anything is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from cli.cluster import RELEASE, Cluster, ContextOption, NamespaceOption, ReleaseOption
from cli.jobs import Job, job_from
from cli.login import login
from cli.places import RegistryOption, registry_path

START_SECONDS = 300.0
"""How long the pod may take to start: its image may have to be fetched first."""
PROVE_SECONDS = 300.0


def push(
    *,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Such as 1.3.0, or latest.")],
    promote: Annotated[bool, typer.Option("--promote", help="Make it what `latest` means there.")] = False,
    registry: RegistryOption = None,
    namespace: NamespaceOption = None,
    release: ReleaseOption = RELEASE,
    context: ContextOption = None,
) -> None:
    """Prove a version and copy it into the registry of a release. One that is there already stays as it is."""
    from cli.parcel import pack, pieces, read_folder
    from upper_circuit.features import FINGERPRINT
    from upper_circuit.models.registry import Registry
    from upper_circuit.models.version import ModelVersion

    models = Registry(registry_path(registry))
    wanted = models.latest() if version == "latest" else ModelVersion.parse(version)
    models.verify(wanted, fingerprint=FINGERPRINT)
    parcel = pack(str(wanted), read_folder(models.folder(wanted)))

    cluster = Cluster.at(context, namespace, release)
    name = job_name(cluster.name, "push", str(wanted))
    made = _made_anew(cluster, name, arguments(promote=promote, by=login()))
    typer.echo(f"{wanted} is sound; Job {name} in namespace {cluster.namespace} takes {len(parcel):,} bytes")
    pod = cluster.running_pod(made, within=START_SECONDS)
    cluster.feed(pod, pieces(parcel), within=PROVE_SECONDS)
    _tell_end(cluster, pod)
    typer.echo(f"next: {after(str(wanted), promote=promote)}")


def promote_there(version: str, *, by: str, namespace: str, release: str, context: str | None) -> None:
    """Let a Job of the release promote a version that is in its registry; ends the command with 1 where it says no."""
    from upper_circuit.models.version import ModelVersion

    wanted = str(ModelVersion.parse(version))
    cluster = Cluster.at(context, namespace, release)
    name = job_name(cluster.name, "promote", wanted)
    made = _made_anew(cluster, name, ("models", "promote", wanted, "--by", by))
    typer.echo(f"Job {name} in namespace {cluster.namespace}")
    _tell_end(cluster, cluster.running_pod(made, within=START_SECONDS))
    typer.echo(f"next: {after(wanted, promote=True)}")


def _made_anew(cluster: Cluster, name: str, words: Sequence[str]) -> Job:
    job = job_from(cluster.cron_job("tools"), name, words)
    if cluster.jobs([name]):  # of a former time, ended or left alone by whoever began it
        cluster.delete(name)
    return cluster.create(job)


def _tell_end(cluster: Cluster, pod: dict[str, Any]) -> None:
    name = pod["metadata"]["name"]
    is_done = cluster.ended(name, within=PROVE_SECONDS)
    typer.echo(cluster.log(name).rstrip(), err=not is_done)
    if not is_done:
        raise typer.Exit(1)


def job_name(fullname: str, action: str, version: str) -> str:
    """The name of the Job that pushes or promotes a version."""
    return f"{fullname}-{action}-{version.replace('.', '-')}"


def arguments(*, promote: bool, by: str) -> Sequence[str]:
    """What the pod's command is told."""
    return ("models", "receive", *(("--promote", "--by", by) if promote else ()))


def after(version: str, *, promote: bool) -> str:
    """The next command: pods take a promoted version when they are told to, another one by a rollout."""
    if promote:
        return "curl -X POST -H 'Authorization: Bearer <ADMIN_TOKEN>' <API>/api/v1/models/reload"
    return f"upper-circuit rollout start {version}"
