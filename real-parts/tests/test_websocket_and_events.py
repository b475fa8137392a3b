"""Streams through the gate, with a WebSocket server and client by others, and server-sent events."""

import asyncio
import contextlib
import http.client
import threading
import time
import types

import pytest
import websockets.asyncio.client
import websockets.asyncio.server

from deployments import entra_settings, gate, standalone, tenant
from parts import Browser, EchoApp, free_port


@pytest.fixture
def gated(tmp_path):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with contextlib.ExitStack() as stack:
        base = stack.enter_context(tenant(tmp_path)).base
        app = stack.enter_context(EchoApp())
        sockets = stack.enter_context(echo_sockets())
        stack.enter_context(gate(tmp_path, f"""
{standalone(port)}
{entra_settings(base)}
[[routes]]
path = "/"
sign_in = "corp"
allow.signed_in = true
upstream = "http://127.0.0.1:{app.port}"

[[routes]]
path = "/socket"
sign_in = "corp"
allow.signed_in = true
upstream = "http://127.0.0.1:{sockets}"
""", port))
        browser = Browser()
        assert browser.pick_user(browser.go(url), "alice").status == 200
        (key, value), = [(k, v) for k, v in browser.jar.items() if k[1] == "gangplank"]
        yield types.SimpleNamespace(url=url, port=port, browser=browser, cookie=f"{key[1]}={value}")


@contextlib.contextmanager
def echo_sockets():
    """A WebSocket echo server on a thread of its own."""
    started, loop = threading.Event(), asyncio.new_event_loop()
    found = {}

    async def echo(socket):
        async for message in socket:
            await socket.send(message)

    async def main():
        server = await websockets.asyncio.server.serve(echo, "127.0.0.1", 0, max_size=None)
        found["port"], found["stop"] = server.sockets[0].getsockname()[1], asyncio.Event()
        started.set()
        await found["stop"].wait()
        server.close()
        await server.wait_closed()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),), daemon=True)
    thread.start()
    assert started.wait(10)
    yield found["port"]
    loop.call_soon_threadsafe(found["stop"].set)
    thread.join(10)


def test_websocket_both_ways(gated):
    async def talk():
        async with websockets.asyncio.client.connect(
                f"ws://127.0.0.1:{gated.port}/socket", additional_headers={"Cookie": gated.cookie}, max_size=None) as socket:
            for n in range(200):
                await socket.send(f"message {n}")
                assert await socket.recv() == f"message {n}"
            await socket.send(b"x" * 900_000)
            assert len(await socket.recv()) == 900_000
    asyncio.run(talk())


def test_websocket_without_a_session_is_refused(gated):
    async def talk():
        with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
            await websockets.asyncio.client.connect(f"ws://127.0.0.1:{gated.port}/socket")
        assert refused.value.response.status_code == 401
    asyncio.run(talk())


def test_events_are_not_held_back_and_end_with_the_session(gated):
    connection = http.client.HTTPConnection("127.0.0.1", gated.port, timeout=20)
    connection.request("GET", "/events", headers={"Cookie": gated.cookie})
    response = connection.getresponse()
    assert response.status == 200
    began = time.monotonic()
    assert response.readline() == b"data: 0\n"
    assert time.monotonic() - began < 5, "the first event waited for others"
    # Signing out in another tab closes what the session opened.
    out = gated.browser.request(gated.url + "/oauth2/sign_out", "POST", "",
                                {"Origin": gated.url, "Sec-Fetch-Site": "same-origin"})
    assert out.status in (302, 303)
    began = time.monotonic()
    with contextlib.suppress(http.client.IncompleteRead, ConnectionError):
        response.read()
    assert time.monotonic() - began < 10, "the stream outlived the session"
