"""
`upper-circuit models`: what is in the registry, is it sound, and which version answers.

Promoting is the one act that changes tomorrow's list, so it stands beside the commands that let one look first, and
each of them says which comes next.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cli.cluster import RELEASE, ContextOption, NamespaceOption, ReleaseOption
from cli.login import login
from cli.places import RegistryOption, registry_path
from cli.push import promote_there, push
from cli.receive import receive
from cli.tables import aligned
from upper_circuit.errors import ModelRejected

if TYPE_CHECKING:
    from upper_circuit.models.manifest import Manifest
    from upper_circuit.models.registry import Registry
    from upper_circuit.models.version import ModelVersion

app = typer.Typer(help="Models: list, show, verify, promote, and into a cluster.", no_args_is_help=True)

VersionName = Annotated[
    str, typer.Argument(metavar="VERSION", help="Such as 1.3.0, or latest (the promoted one).")
]


@app.command("list")
def list_models(registry: RegistryOption = None) -> None:
    """Every version, which one is promoted, and what lies there without being one."""
    from upper_circuit.models.registry import Registry

    models = Registry(registry_path(registry))
    versions, promoted = models.versions(), models.promoted()
    for path in models.ignored():
        typer.echo(f"ignored: {path} (no version, or left by a publish that was cut short)")
    if not versions:
        typer.echo(f"no models in {models.root}\nnext: upper-circuit train --help")
        return

    head = ("VERSION", "PROMOTED", "CREATED", "FITTED ON", "TEST F1", "PR-AUC", "SIZE")
    typer.echo("\n".join(aligned([head, *(_row(models, version, promoted) for version in versions)])))
    if promoted is None:
        typer.echo(f"no version is promoted\nnext: upper-circuit models promote {versions[-1]}")
    elif versions[-1] > promoted:
        typer.echo(f"next: upper-circuit models show {versions[-1]}")
    else:
        typer.echo(f"next: upper-circuit models verify {promoted}")


@app.command()
def show(version: VersionName, registry: RegistryOption = None) -> None:
    """A version's facts: training window, calibration, metrics beside their base rates."""
    from upper_circuit.models.registry import Registry

    models = Registry(registry_path(registry))
    manifest = models.manifest(_version(models, version))
    window = manifest.window
    tested = f", tested until {window.test_until}" if window.test_until else ", not tested"
    facts = {
        "model": f"{manifest.model_type} {manifest.version}",
        "created": f"{manifest.created_at:%Y-%m-%d %H:%M %Z} with {manifest.made_with}",
        "fitted": f"{window.fit_from} to {window.fit_until}, calibrated until {window.calibrate_until}{tested}",
        "label": f"locked within {window.horizon} bars, embargo of {window.embargo} sessions",
        "calibration": f"slope {manifest.calibration.slope:.4f}, intercept {manifest.calibration.intercept:.4f}",
        "forest": f"{manifest.trees} trees, {manifest.size_bytes:,} bytes",
        "sha256": manifest.sha256,
        "features": f"{len(manifest.feature_names)}, fingerprint {manifest.feature_fingerprint}",
        "parameters": ", ".join(f"{name}={value}" for name, value in manifest.params.items()),
    }
    for name, fact in facts.items():
        typer.echo(f"{name:<12} {fact}")
    typer.echo("")
    typer.echo("\n".join(aligned(_metrics(manifest))))
    typer.echo(f"next: upper-circuit models verify {manifest.version}")


@app.command()
def verify(version: VersionName, registry: RegistryOption = None) -> None:
    """Prove a version: files, hash, structure, fingerprint, golden rows."""
    from upper_circuit.features import FINGERPRINT
    from upper_circuit.models.registry import Registry

    models = Registry(registry_path(registry))
    manifest = models.verify(_version(models, version), fingerprint=FINGERPRINT)
    typer.echo(
        f"{manifest.version} is sound: {manifest.trees} trees, {manifest.size_bytes:,} bytes as published, "
        f"features as this program makes them, {len(manifest.golden)} golden rows answered as when it was made"
    )
    after = f"promote {manifest.version}" if models.promoted() != manifest.version else "list"
    typer.echo(f"next: upper-circuit models {after}")


@app.command()
def promote(
    version: VersionName,
    *,
    registry: RegistryOption = None,
    by: Annotated[
        str | None, typer.Option(help="Who promotes, for the log; your login name by default.")
    ] = None,
    namespace: NamespaceOption = None,
    release: ReleaseOption = RELEASE,
    context: ContextOption = None,
) -> None:
    """Make a version what `latest` means, once it is proven. Promoting the former one is the way back.

    With --namespace: in the registry of that release, where the version must be.
    """
    from upper_circuit.features import FINGERPRINT
    from upper_circuit.models.registry import Registry

    if namespace is not None:
        promote_there(version, by=by or login(), namespace=namespace, release=release, context=context)
        return
    models = Registry(registry_path(registry))
    wanted = _version(models, version)
    before = models.promote(wanted, by=by or login(), at=datetime.now(UTC), fingerprint=FINGERPRINT)
    if before == wanted:
        typer.echo(f"{wanted} is sound and stays promoted\nnext: upper-circuit models list")
    elif before is None:
        typer.echo(f"{wanted} is promoted, the first one\nnext: python -m batch --date YYYY-MM-DD")
    else:
        typer.echo(f"{wanted} is promoted, in place of {before}")
        typer.echo(f"next: python -m batch --date YYYY-MM-DD (back: upper-circuit models promote {before})")


def _version(models: Registry, name: str) -> ModelVersion:
    from upper_circuit.models.version import ModelVersion

    return models.latest() if name == "latest" else ModelVersion.parse(name)


def _row(models: Registry, version: ModelVersion, promoted: ModelVersion | None) -> tuple[str, ...]:
    mark = "stable" if version == promoted else ""
    try:
        manifest = models.manifest(version)
    except ModelRejected as error:
        return str(version), mark, f"damaged: {error.reason}"
    window, tested = manifest.window, manifest.metrics.get("test", {}).get("all")
    return (
        str(version),
        mark,
        f"{manifest.created_at:%Y-%m-%d %H:%M}",
        f"{window.fit_from} to {window.fit_until}",
        _figure(manifest.f1),
        _figure(tested.pr_auc if tested else None),
        f"{manifest.size_bytes / 1e6:.1f} MB",
    )


def _metrics(manifest: Manifest) -> list[tuple[str, ...]]:
    names = ("base_rate", "roc_auc", "pr_auc", "f1", "precision_at_20", "brier", "brier_base_rate")
    rows = [("PERIOD", "UNIVERSE", "ROWS", *(name.upper() for name in names))]
    for period, universes in manifest.metrics.items():
        for universe, metrics in universes.items():
            figures = (_figure(getattr(metrics, name)) for name in names)
            rows.append((period, universe, f"{metrics.rows:,}", *figures))
    return rows


def _figure(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.4f}"


app.command()(push)
app.command()(receive)
