"""`upper-circuit runs`: what became of the mornings, and of one of them every shard and every attempt."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from cli.cluster import RELEASE, ContextOption, NamespaceOption, ReleaseOption, UrlOption
from cli.tables import aligned


def runs(
    *,
    day: Annotated[
        datetime | None, typer.Argument(metavar="[DATE]", formats=["%Y-%m-%d"], help="One run date.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Runs at most.")] = 30,
    url: UrlOption = None,
    namespace: NamespaceOption = None,
    release: ReleaseOption = RELEASE,
    context: ContextOption = None,
) -> None:
    """Show the runs of a release, or the newest run of a date with its shards and attempts."""
    from cli.api import read
    from cli.cluster import ask_release

    ask = ask_release(url, context, namespace, release)
    if day is None:
        lines = listed(read(ask, f"/api/v1/runs?limit={limit}")["runs"])
    else:
        lines = shown(read(ask, f"/api/v1/runs/{day.date()}"))
    for line in lines:
        typer.echo(line)


def listed(told: Sequence[dict[str, Any]]) -> list[str]:
    """Runs as a table, and the next command."""
    if not told:
        return ["no runs yet", "next: kubectl create job --from=cronjob/NAME-batch NAME-batch-YYYY-MM-DD"]
    head = ("DATE", "STATE", "MODEL", "SHARDS", "SCORED", "SKIPPED", "TOOK", "RUN", "WHY")
    rows = [
        (
            run["run_date"],
            run["state"],
            run["model_version"] or "-",
            _shards(run["shards"]),
            f"{run['scored']:,}",
            f"{run['skipped']:,}",
            _seconds(run["seconds"]),
            run["run_id"],
            run["reason"] or run["notes"] or "",
        )
        for run in told
    ]
    failed = [run["run_date"] for run in told if run["state"] == "failed"]
    return [
        *aligned([head, *rows]),
        f"next: upper-circuit runs {failed[0] if failed else told[0]['run_date']}",
    ]


def shown(told: dict[str, Any]) -> list[str]:
    """One run with its shards and attempts, and the next command."""
    run = told["run"]
    versions = ", ".join(
        f"{each['model_version']} ({each['predictions']:,})" for each in told["model_versions"]
    )
    facts = {
        "run": run["run_id"],
        "date": f"{run['run_date']}, prices until {run['as_of'] or 'not planned yet'}",
        "state": run["state"] + (f": {run['reason']}" if run["reason"] else ""),
        "marked": run["notes"],
        "model": f"{run['model_type']} {run['model_version']}" if run["model_version"] else None,
        "predictions": versions or "none",
        "began": f"{_clock(run['started_at'])}, took {_seconds(run['seconds'])}",
    }
    lines = [f"{name:<12} {fact}" for name, fact in facts.items() if fact]
    if told["shards"]:
        lines += ["", *aligned([_SHARD, *map(_shard, told["shards"])])]
    if told["attempts"]:
        lines += ["", *aligned([_ATTEMPT, *map(_attempt, told["attempts"])])]
    return [*lines, f"next: {_next(run)}"]


_SHARD = ("SHARD", "STATE", "SCORED", "SKIPPED", "SECONDS", "WHY")
_ATTEMPT = ("ATTEMPT", "SHARD", "STATE", "BEGAN", "ENDED", "WORKER", "WHY")


def _shard(shard: dict[str, Any]) -> tuple[str, ...]:
    seconds = ", ".join(f"{phase} {value:.1f}" for phase, value in shard["seconds"].items())
    counts = ("-" if shard[name] is None else f"{shard[name]:,}" for name in ("scored", "skipped"))
    return str(shard["shard"]), shard["state"], *counts, seconds or "-", shard["reason"] or ""


def _attempt(attempt: dict[str, Any]) -> tuple[str, ...]:
    return (
        str(attempt["token"]),
        str(attempt["shard"]),
        attempt["state"],
        _clock(attempt["started_at"]),
        _clock(attempt["finished_at"]),
        attempt["worker"],
        attempt["reason"] or "",
    )


def _next(run: dict[str, Any]) -> str:
    day = run["run_date"]
    if run["state"] == "failed":
        return f"upper-circuit backfill --from {day} --to {day} --reprocess failed"
    return "upper-circuit runs" if run["state"] in {"done", "skipped"} else f"upper-circuit runs {day}"


def _shards(states: dict[str, int]) -> str:
    """`4/4`, and what became of the others."""
    others = "".join(f", {count} {state}" for state, count in states.items() if state != "done")
    return f"{states.get('done', 0)}/{sum(states.values())}{others}" if states else "-"


def _seconds(seconds: int | None) -> str:
    if seconds is None:
        return "-"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes}m {rest}s" if minutes else f"{rest}s"


def _clock(moment: str | None) -> str:
    """A time of the API as Asia/Kolkata's clock shows it."""
    from upper_circuit.market.days import IST

    if moment is None:
        return "-"
    return f"{datetime.fromisoformat(moment).astimezone(IST):%m-%d %H:%M:%S}"
