"""
Nodes that are taken away, with warning and without.

Only node-2 is: node-1 has the control plane. Draining is Kubernetes' own way; cutting off wants the network namespace of
a node on this machine, and is skipped with that reason elsewhere.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.kube import kubectl, wait

NODE = "node-2"
_NETWORK = Path("/var/run/netns") / NODE
_SHARED = ("gateway.envoyproxy.io/owning-gateway-name", "control-plane=envoy-gateway", "k8s-app=kube-dns")
"""Pods that every release needs and that this cluster has one of."""


@contextmanager
def drained(release: str) -> Iterator[None]:
    """node-2 without pods of a release while the block runs."""
    try:
        _drain(f"app.kubernetes.io/instance={release}")
        yield
    finally:
        kubectl("uncordon", NODE)


@contextmanager
def cut_off() -> Iterator[None]:
    """No packet reaches node-2 or leaves it while the block runs, as when somebody pulls a plug."""
    if not _NETWORK.exists():
        pytest.skip(
            "the nodes' networks are not seen from here: the tests run on another machine than the nodes"
        )
    told = _ip("route", "show", "dev", "eth0").splitlines()  # the kernel makes its own one from the address
    routes = [[*line.split(), "dev", "eth0"] for line in told if "proto kernel" not in line]
    _ip("link", "set", "eth0", "down")
    try:
        yield
    finally:
        _ip("link", "set", "eth0", "up")
        for route in routes:
            _ip("route", "replace", *route)
        wait(
            is_ready,
            within=120,
            what=f"{NODE} ready again",
            else_show=lambda: kubectl("describe", "node", NODE),
        )


def is_ready() -> bool:
    """Whether Kubernetes hears of node-2."""
    return kubectl("get", "node", NODE, "-o", _READY).strip() == "True"


_READY = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"


def clear_of_what_all_share() -> None:
    """Let the Gateway's and the cluster's own pods be on node-1, so that cutting node-2 off takes a release's alone."""
    try:
        for selector in _SHARED:
            _drain(selector)
    finally:
        kubectl("uncordon", NODE)


def is_there(pod: dict[str, Any]) -> bool:
    """Whether a pod is on node-2."""
    return bool(pod["spec"].get("nodeName") == NODE)


def _drain(selector: str) -> None:
    options = (
        "--ignore-daemonsets",
        "--delete-emptydir-data",
        "--timeout=240s",
        f"--pod-selector={selector}",
    )
    kubectl("drain", NODE, *options, timeout=250)


def _ip(*arguments: str) -> str:
    return subprocess.run(
        ["ip", "-n", NODE, *arguments], check=True, capture_output=True, text=True, timeout=10
    ).stdout
