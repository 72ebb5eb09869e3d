"""
`upper-circuit doctor`: looks from outside, has a pod of the chart look inside, and shows both as one table.

Before an install there is only the cluster to look at. Exit code 1 says that something FAILs.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.cluster import RELEASE, ContextOption, NamespaceOption, ReleaseOption
from cli.doctor.finding import Finding, fail, has_failed, read, table, unseen, warn
from cli.places import DatabaseOption, RegistryOption

if TYPE_CHECKING:
    from cli.cluster import Cluster
    from cli.jobs import Job

START_SECONDS = 180.0
"""How long the pod may take to start: its image may have to be fetched first."""
LOOK_SECONDS = 300.0


def doctor(
    *,
    inside: Annotated[
        bool,
        typer.Option(
            "--inside", help="Only database and registry, as lines of JSON: what the pod in a cluster runs."
        ),
    ] = False,
    where: DatabaseOption = None,
    registry: RegistryOption = None,
    models: Annotated[
        list[str] | None, typer.Option("--model", help="Also prove this version; the promoted one always is.")
    ] = None,
    no_job: Annotated[
        bool,
        typer.Option("--no-job", help="Create nothing in the cluster: leaves out database and registry."),
    ] = False,
    namespace: NamespaceOption = None,
    release: ReleaseOption = RELEASE,
    context: ContextOption = None,
) -> None:
    """Say what is wrong with a cluster, a release, or (with --database, --registry) what lies here, and what helps."""
    if inside:
        for each in _look_here(where, registry, models or ()):
            typer.echo(each.to_json())
        return
    if where or registry:
        found, then = _look_here(where, registry, models or ()), "upper-circuit score"
    else:
        from cli.cluster import Cluster

        found, then = _look_at(Cluster.at(context, namespace, release), release, no_job=no_job)
    typer.echo("\n".join(table(found)))
    if has_failed(found):
        typer.echo("next: do what stands behind the arrows, then upper-circuit doctor again")
        raise typer.Exit(1)
    typer.echo(f"next: {then}")


def _look_here(where: str | None, registry: Path | None, models: Sequence[str]) -> list[Finding]:
    from cli.doctor.data import database_findings, registry_findings
    from cli.doctor.inside import look_at_database, look_at_registry
    from cli.places import Places, registry_path
    from upper_circuit.market.database import Database
    from upper_circuit.market.days import IST
    from upper_circuit.models.registry import Registry

    now = datetime.now(IST)
    database = Database.at(where or Places.read().database)
    root = registry_path(registry)
    return [
        *database_findings(look_at_database(database, now=now), now.date()),
        *registry_findings(look_at_registry(Registry(root), models)),
    ]


def _look_at(cluster: Cluster, release: str, *, no_job: bool) -> tuple[list[Finding], str]:
    from cli.doctor import installed, prerequisites
    from cli.doctor.outside import Outside
    from cli.doctor.release import ReleaseSeen

    outside = Outside(cluster)
    tools = outside.tools()
    facts = outside.cluster_facts(tools)
    found = prerequisites.findings(facts)
    then = f"upper-circuit runs -n {cluster.namespace}"
    if tools is None:
        typer.echo(
            f"no release {cluster.name} in namespace {cluster.namespace}: here is what an install would meet"
        )
        where = f"{release} charts/upper-circuit -n {cluster.namespace}"
        then = f"helm install {where} --set database.existingSecret=<a Secret>"
    else:
        seen = ReleaseSeen(outside)
        found += installed.findings(seen.facts(tools, facts.ready_nodes))
        found += look_inside(cluster, tools, seen.versions(), no_job=no_job)
    return [*found, *(unseen(subject, why) for subject, why in dict.fromkeys(outside.unseen))], then


def look_inside(cluster: Cluster, tools: Job, versions: Sequence[str], *, no_job: bool) -> list[Finding]:
    """Database and registry, seen by a pod of the chart's tools."""
    from cli.cluster import ClusterRefused
    from cli.jobs import job_from

    if no_job:
        return [warn("inside", "database and registry were not looked at", "leave out --no-job")]
    name = f"{cluster.name}-doctor"
    arguments = ["doctor", "--inside", *(word for version in versions for word in ("--model", version))]
    try:
        if cluster.jobs([name]):  # of somebody who was interrupted
            cluster.delete(name)
        made = cluster.create(job_from(tools, name, arguments))
        try:
            pod = cluster.running_pod(made, within=START_SECONDS)["metadata"]["name"]
            is_done = cluster.ended(pod, within=LOOK_SECONDS)
            log = cluster.log(pod).splitlines()
        finally:
            with suppress(ClusterRefused):  # its time to live takes it
                cluster.delete(name)
    except ClusterRefused as error:
        return [
            fail(
                "inside",
                str(error),
                f"kubectl -n {cluster.namespace} get events; tools.image, pods.*, quotas",
            )
        ]
    found = read(log)
    if is_done and found:
        return found
    last = log[-1] if log else "it wrote nothing"
    return [*found, fail("inside", f"the pod ended early: {last}", "tools.image of this version (image.tag)")]
