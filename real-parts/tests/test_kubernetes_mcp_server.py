"""npm's kubernetes-mcp-server behind the gate. A cluster that remembers every header is the judge."""

import contextlib
import types

import requests

from deployments import gate, standalone
from machines import claims_of
from mcp_cluster import RecordingCluster, kubeconfig
from mcp_deployments import CLUSTER_ONE, CLUSTER_TWO, SERVER, issuer, machine_token, mcp_tenant, user_token
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
        yield types.SimpleNamespace(url=f"http://127.0.0.1:{port}/mcp", clusters=clusters, tenant=tenant, gate=process)


def test_its_own_identity_for_callers_whom_the_gate_knows(tmp_path):
    with deployed(tmp_path, 'allow.roles = ["Caller"]\n[routes.mcp]', {"token": OWN}) as d:
        cluster, = d.clusters
        assert requests.post(d.url, json={}, timeout=20).status_code == 401
        assert not any(path.startswith("/api/v1/") for _, path, _ in cluster.asked)
        caller = Caller(d.url, machine_token(d.tenant.base))
        assert "namespaces_list" in caller.tools()
        assert "name: one" in caller.call("namespaces_list")
        assert cluster.asked and set(cluster.authorizations()) == {f"Bearer {OWN}"}, cluster.authorizations()


def exchange(name):
    """How a caller's token becomes one for this cluster."""
    return f"""
[exchanges.{name}]
client = "server"
strategy = "on-behalf-of"
scopes = ["api://{name}/user"]
token_audiences = ["{ {'one': CLUSTER_ONE, 'two': CLUSTER_TWO}[name] }"]
"""


def bearers(cluster):
    """The claims of every token that came to a cluster after what the server asks by itself, which has none."""
    return [claims_of(sent.removeprefix("Bearer ")) for sent in cluster.authorizations() if sent is not None]


def test_the_token_of_each_caller_exchanged_for_the_cluster(tmp_path):
    with deployed(tmp_path, 'allow.signed_in = true\nexchange = "one"\n[routes.mcp]', more=exchange("one")) as d:
        cluster, = d.clusters
        people = {user: user_token(d.tenant.base, user) for user in ("alice", "carol")}
        before = d.tenant.counts()["on_behalf_of_grants"]
        for user, token in people.items():
            caller = Caller(d.url, token)
            cluster.asked.clear()
            for _ in range(5):
                assert "name: one" in caller.call("namespaces_list")
            assert None not in cluster.authorizations(), cluster.asked
            came = bearers(cluster)
            assert {(c["aud"], c["preferred_username"], c["azp"]) for c in came} == {(CLUSTER_ONE, f"{user}@dev.test", SERVER)}
            assert token not in str(cluster.asked), "the token that the gate was shown went on"
        assert d.tenant.counts()["on_behalf_of_grants"] - before == len(people), "one for each caller"


def test_an_exchange_that_is_refused_reaches_no_cluster(tmp_path):
    with deployed(tmp_path, 'allow.signed_in = true\nexchange = "one"\n[routes.mcp]', more=exchange("one")) as d:
        cluster, = d.clusters
        cluster.asked.clear()
        # An application's own token can't be exchanged on behalf of anybody.
        answer = requests.post(d.url, timeout=20, json={"jsonrpc": "2.0", "id": 1, "method": "ping"}, headers={
            "Authorization": f"Bearer {machine_token(d.tenant.base)}", "Accept": "application/json, text/event-stream"})
        assert answer.status_code in (401, 403, 502, 503), answer.text
        assert "AADSTS" not in answer.text
        assert not bearers(cluster)


TARGETS = """
[clusters.one]
kubeconfig = "{directory}/kubeconfig"
context = "one"
auth_mode = "passthrough"
exchange = "one"
allow.signed_in = true

[clusters.two]
kubeconfig = "{directory}/kubeconfig"
context = "two"
auth_mode = "passthrough"
exchange = "two"
allow.users = ["alice@dev.test"]
"""


def test_each_context_gets_the_token_that_is_for_it(tmp_path):
    route = 'allow.signed_in = true\n[routes.mcp]\ntarget = { argument = "context", default = "one", clusters = ["one", "two"] }'
    more = exchange("one") + exchange("two") + TARGETS.format(directory=tmp_path)
    with deployed(tmp_path, route, names=("one", "two", "three"), more=more) as d:
        one, two, three = d.clusters
        alice, carol = (Caller(d.url, user_token(d.tenant.base, user)) for user in ("alice", "carol"))
        for cluster in d.clusters:
            cluster.asked.clear()
        assert "name: one" in alice.call("namespaces_list")
        assert "name: one" in alice.call("namespaces_list", context="one")
        assert "name: two" in alice.call("namespaces_list", context="two")
        assert "name: one" in carol.call("namespaces_list", context="one")
        for refused in (
            alice.post("tools/call", name="namespaces_list", arguments={"context": "three"}),
            carol.post("tools/call", name="namespaces_list", arguments={"context": "two"}),
        ):
            assert refused.status_code == 403 or "error" in refused.json(), refused.text
        assert {claims["aud"] for claims in bearers(one)} == {CLUSTER_ONE}
        assert {(claims["aud"], claims["preferred_username"]) for claims in bearers(two)} == {(CLUSTER_TWO, "alice@dev.test")}
        assert not three.asked, "no route names this cluster"
        assert None not in one.authorizations() + two.authorizations()
