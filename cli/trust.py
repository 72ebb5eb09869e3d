"""
Whose word the API server's certificate is taken for: that of the kubeconfig's authority, checked as kubectl checks it.

Python 3.13 asks more of an authority's own certificate than kubectl does: extensions that RFC 5280 wants and that the
authorities of many running clusters lack (those of MicroK8s and of EKS for years, and of whoever made one by hand).
Such a cluster would be refused to this command and to no other; ADR 20.
"""

from __future__ import annotations

import ssl
from typing import Any


def trusting(configuration: Any) -> Any:
    """An ApiClient whose connections want no more of a certificate than kubectl: authority, name and dates.

    `configuration` is a kubernetes Configuration; without an authority in it, the system's own ones count.
    """
    from kubernetes.client import ApiClient
    from urllib3.util import create_urllib3_context

    wanted = ssl.CERT_REQUIRED if configuration.verify_ssl else ssl.CERT_NONE
    context = create_urllib3_context(cert_reqs=wanted)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not (configuration.ssl_ca_cert or configuration.ca_cert_data):
        context.load_default_certs()
    client = ApiClient(configuration)
    # The client has no setting for this; its pool hands on to urllib3 whatever it is given by name.
    client.rest_client.pool_manager.connection_pool_kw["ssl_context"] = context
    return client
