"""An MCP client on the Python SDK; what it is told, and how it answers, is said in client.mjs.

With {"connect": URL, "transport": "sse"} it speaks the older transport.
"""

import asyncio
import json
import sys
import urllib.parse

from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

CALLBACK = "http://127.0.0.1:33418/callback"


def say(message):
    print(json.dumps(message), flush=True)


async def read():
    line = await asyncio.to_thread(sys.stdin.readline)
    if not line:
        sys.exit(0)
    return json.loads(line)


class Storage:
    tokens = client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


class Person:
    async def redirect(self, url):
        say({"open": url})
        self.opened = (await read())["opened"]

    async def callback(self):
        answer = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.opened).query))
        if "error" in answer:
            raise RuntimeError(f"authorization: {answer['error']} {answer.get('error_description')}")
        return AuthorizationCodeResult(code=answer["code"], state=answer.get("state"), iss=answer.get("iss"))


def reason(error):
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


async def session(command):
    """From one connect to the next close."""
    storage, person = Storage(), Person()
    metadata = OAuthClientMetadata(
        client_name="Real parts (Python)", redirect_uris=[CALLBACK], token_endpoint_auth_method="none",
        grant_types=["authorization_code", "refresh_token"], response_types=["code"])
    provider = OAuthClientProvider(
        command["connect"], metadata, storage, person.redirect, person.callback, client_metadata_url=command.get("metadata_url"))
    headers = {"Authorization": f"Bearer {command['bearer']}"} if "bearer" in command else None
    async with create_mcp_http_client(headers, auth=None if headers else provider) as http:
        if command.get("transport") == "sse":
            transport = sse_client(command["connect"], headers)
        else:
            transport = streamable_http_client(command["connect"], http_client=http)
        async with Client(transport, cache=None) as client:
            say({"ok": client.server_info.name if client.server_info else ""})
            while True:
                command = await read()
                try:
                    if "tools" in command:
                        answer = [tool.name for tool in (await client.list_tools()).tools]
                    elif "call" in command:
                        result = await client.call_tool(command["call"], command.get("arguments") or {})
                        text = "\n".join(getattr(part, "text", "") for part in result.content)
                        answer = {"error": bool(result.is_error), "text": text}
                    elif "spoil" in command:
                        # This SDK refreshes by the clock and not because of a 401.
                        provider.context.token_expiry_time = 1
                        answer = True
                    elif "tokens" in command:
                        answer = {**storage.tokens.model_dump(mode="json"), "client_id": storage.client.client_id}
                    else:
                        break
                    say({"ok": answer})
                except Exception as error:
                    say({"error": reason(error)})
    say({"ok": True})


async def main():
    while True:
        command = await read()
        try:
            await session(command)
        except Exception as error:
            say({"error": reason(error)})


asyncio.run(main())
