"""npm's kubernetes-mcp-server behind the gate. A cluster that remembers every header is the judge."""

import contextlib
import types

import pytest
import requests

from deployments import gate, standalone
from mcp_cluster import RecordingCluster, kubeconfig
from mcp_deployments import issuer, machine_token, mcp_tenant
from mcp_parts import Caller, kubernetes_mcp_server
from parts import free_port

OWN = "the-server's-own"


@contextlib.contextmanager
def deployed(directory, route, credentials=None, server="", names=("one",), more=""):
    """Clusters of these names, the server with contexts for them, the tenant, and the gate in front with this route."""
    port = free_port()
    with contextlib.ExitStack() as stack:
        clusters = [stack.enter_context(RecordingCluster(directory, name)) for name in names]
        kube = kubeconfig(directory / "kubeconfig", clusters, credentials)
        config = directory / "server.toml"
        config.write_text(f'kubeconfig = "{kube}"\nlist_output = "yaml"\nlog_level = 0\n{server}')
        behind = stack.enter_context(kubernetes_mcp_server(config))
        tenant = stack.enter_context(mcp_tenant(directory))
        process = stack.enter_context(gate(directory, f"""
{standalone(port)}
{issuer(tenant.base)}
{more}
[[routes]]
path = "/mcp"
upstream = "{behind.url}"
accept = ["corp"]
{route}
""", port))
        yield types.SimpleNamespace(url=f"http://127.0.0.1:{port}/mcp", clusters=clusters, tenant=tenant, server=behind, gate=process)


def test_its_own_identity_for_callers_whom_the_gate_knows(tmp_path):
    with deployed(tmp_path, 'allow.roles = ["Caller"]\n[routes.mcp]', {"token": OWN}) as d:
        cluster, = d.clusters
        assert requests.post(d.url, json={}, timeout=20).status_code == 401
        assert not any(path.startswith("/api/v1/") for _, path, _ in cluster.asked)
        caller = Caller(d.url, machine_token(d.tenant.base))
        assert "namespaces_list" in caller.tools()
        assert "name: one" in caller.call("namespaces_list")
        assert cluster.asked and set(cluster.authorizations()) == {f"Bearer {OWN}"}, cluster.authorizations()
