#!/usr/bin/env python3
"""Holds many upgraded connections (as of `kubectl exec`) open through the gate to a cluster, until the caller's token ends.

    real-parts/.venv/bin/python bench/upgrades.py [COUNT]     200 by default; about half a minute
    GANGPLANK=path/to/gangplank …                             another binary

Says what each costs the gate in memory and descriptors, with TLS on both sides and impersonation, and how long after the end of
the token the last of them was closed. Fails if one was not, or if anything was sent on without the name of the caller. Needs what
`real-parts/run` installs; everything listens on the loopback interface and ends with the script.
"""

import asyncio
import contextlib
import json
import os
import pathlib
import ssl
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "real-parts" / "tests"))

import msal  # noqa: E402

from authority import Authority  # noqa: E402
from deployments import API_APP, SECRETS, TENANT_ID, WEB_APP, tenant  # noqa: E402
from machines import claims_of, sign_in  # noqa: E402
from parts import BINARY, Process, eventually, free_port, listening  # noqa: E402

LIVES, LEEWAY = 25, 1
PIECE = os.urandom(4096)


def status(pid):
    """Resident KiB and open descriptors of a process."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]), len(os.listdir(f"/proc/{pid}/fd"))


async def api_server(certificate, key, heads):
    """Answers every upgrade, and echoes what comes."""
    async def serve(reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            writer.write(b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context, backlog=1024)
    return server, server.sockets[0].getsockname()[1]


async def upgrade(port, context, token):
    """One `exec`, with a piece each way."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(f"POST /clusters/prod/api/v1/namespaces/a/pods/b/exec?command=sh HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                 f"Authorization: Bearer {token}\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nContent-Length: 0\r\n\r\n".encode())
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    assert head.startswith(b"HTTP/1.1 101"), head
    writer.write(PIECE)
    assert await asyncio.wait_for(reader.readexactly(len(PIECE)), 20) == PIECE
    return reader, writer


async def closed(reader):
    """When the gate closed it."""
    with contextlib.suppress(OSError):
        await reader.read()
    return time.time()


def configuration(directory, authority, people, ca, api_port, port):
    certificate, key = authority.server("gate")
    kubeconfig = directory / "kubeconfig"
    kubeconfig.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": f"https://127.0.0.1:{api_port}",
                                                "certificate-authority": str(authority.certificate)}}],
        "users": [{"name": "it", "user": {"token": "of-the-gate"}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}]}))
    file = directory / "gangplank.toml"
    file.write_text(f"""
[gate]
listen = "127.0.0.1:{port}"
public_url = "https://127.0.0.1:{port}"
tls = {{ cert = "{certificate}", key = "{key}" }}

[issuers.corp]
entra = {{ tenant = "{TENANT_ID}", authority = "{people}", graph = "{people}/graph" }}
audiences = ["{API_APP}"]
ca_file = "{ca}"
leeway = "{LEEWAY}s"

[clusters.prod]
kubeconfig = "{kubeconfig}"

[[routes]]
path = "/clusters"
accept = ["corp"]
allow.signed_in = true
clusters = ["prod"]
""")
    return file


async def measure(count, directory, people, ca, new_token):
    authority, heads, port = Authority(directory, "loopback"), [], free_port()
    server, api_port = await api_server(*authority.server("api"), heads)
    file = configuration(directory, authority, people, ca, api_port, port)
    context = ssl.create_default_context(cafile=authority.certificate)
    with Process(BINARY, "serve", "--config", file, env=SECRETS) as gate:
        await asyncio.to_thread(eventually, "the gate listens", lambda: listening(port))
        # Once, so that keys, pools and the allocator are warm.
        token = await asyncio.to_thread(new_token)
        for _ in range(3):
            (_, writer) = await upgrade(port, context, token)
            writer.close()
        await asyncio.sleep(1)
        before, fds_before = status(gate.child.pid)
        token = await asyncio.to_thread(new_token)
        ends = claims_of(token)["exp"] + LEEWAY
        opened = [await upgrade(port, context, token) for _ in range(count)]
        held, fds_held = status(gate.child.pid)
        assert time.time() < ends, "the token ended before all were open: more than this machine can do"
        print(f"open              {count} upgrades, {ends - time.time():.0f} s before the token ends")
        print(f"memory            {before} KiB before, {held} KiB held: {(held - before) / count:.1f} KiB for each")
        print(f"descriptors       {fds_before} before, {fds_held} held: {(fds_held - fds_before) / count:.1f} for each")
        late = [when - ends for when in await asyncio.wait_for(
            asyncio.gather(*(closed(reader) for reader, _ in opened)), ends - time.time() + 20)]
        print(f"closed            all {len(late)}, {min(late):+.2f} to {max(late):+.2f} s (median {statistics.median(late):+.2f} s) "
              "from the end of the token")
        assert min(late) > -0.5 and max(late) < 3, "too early or too late"
        for _, writer in opened:
            writer.close()
        await asyncio.sleep(1)
        after, fds_after = status(gate.child.pid)
        print(f"after             {after} KiB, {fds_after} descriptors")
        assert fds_after <= fds_before + 2, "descriptors are left"
        assert len(heads) == count + 3
        assert all("\r\nimpersonate-user: alice@dev.test\r\n" in head and token not in head for head in heads)
    server.close()


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory(prefix="gangplank-bench-") as directory:
        ca = f"{directory}/tenant-ca.crt"
        with tenant(directory, "--tls", "--ca-out", ca, tokens_live=f"{LIVES}s") as process:
            os.environ["REQUESTS_CA_BUNDLE"] = os.environ["CURL_CA_BUNDLE"] = ca
            authority = f"https://localhost:{process.base.rsplit(':', 1)[1]}/{TENANT_ID}"

            def new_token():
                app = msal.ConfidentialClientApplication(
                    WEB_APP, client_credential="loopback-secret", authority=authority, instance_discovery=False)
                return sign_in(app, "alice", ["api://crew/access_as_user"])["access_token"]

            asyncio.run(measure(count, pathlib.Path(directory), process.base, ca, new_token))


if __name__ == "__main__":
    main()
