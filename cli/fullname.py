"""
What a release's objects are called: the chart's rule, and what is found where a value overrides it.

A person names the release; every command must then find its Services and CronJobs, also those that
`fullnameOverride` has given a name of their own.
"""

from __future__ import annotations

from typing import Any

from cli.jobs import CHART
from cli.raw import read

_TOOLS = "-tools"


def fullname(release: str) -> str:
    """What the chart calls the objects of a release by itself."""
    return release if CHART in release else f"{release}-{CHART}"


def found_fullname(client: Any, namespace: str, release: str) -> str:
    """What they are called in a namespace, by the labels of the CronJob that every release has.

    The chart's own rule where there is none yet, or where whoever asks may not list CronJobs. `client` is a kubernetes
    ApiClient; raises urllib3's HTTPError where nobody answers.
    """
    from kubernetes.client import ApiException, CustomObjectsApi

    selector = f"app.kubernetes.io/name={CHART},app.kubernetes.io/instance={release}"
    try:
        # As a kind that the client does not know: its own one brings classes whose import takes a second or two, before
        # anything has been done, and a rollback is typed in a hurry.
        listed = CustomObjectsApi(client).list_namespaced_custom_object
        found = read(listed, "batch", "v1", namespace, "cronjobs", label_selector=selector)["items"]
    except ApiException:
        found = []
    names = [each["metadata"]["name"] for each in found if each["metadata"]["name"].endswith(_TOOLS)]
    return names[0].removesuffix(_TOOLS) if names else fullname(release)
