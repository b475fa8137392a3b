"""What `gangplank dev` tells people to try, with the programs that they would try it with."""

import json
import subprocess

import pytest

from mcp_parts import McpClient, Person
from parts import BINARY, Process


@pytest.fixture
def dev():
    with Process(BINARY, "dev", "--port", "0") as process:
        process.url = process.wait_for(r"Open +(http://[0-9.:]+)/").group(1)
        process.wait_for("Stop with Ctrl-C")
        yield process


def test_the_commands_for_the_api_work_as_they_are_printed(dev, curl):
    lines = dev.output().splitlines()
    first = next(i for i, line in enumerate(lines) if "TOKEN=$(" in line)
    last = next(i for i, line in enumerate(lines) if "$TOKEN" in line)
    shell = subprocess.run(["sh", "-euc", "\n".join(lines[first:last + 1])], capture_output=True, text=True, timeout=30)
    assert shell.returncode == 0, shell
    token = json.loads(shell.stdout)["token"]
    assert (token["aud"], token["upn"]) == ("api://podinfo-v1", "dana@dev.test")
    assert "eyJ" not in shell.stdout


@pytest.mark.parametrize("sdk", McpClient.SDKS)
def test_an_mcp_client_signs_in_and_calls_on_as_the_person(dev, sdk):
    with McpClient(sdk, Person("dana")) as client:
        client.done(connect=f"{dev.url}/mcp")
        assert sorted(client.done(tools=True)) == ["call-api", "whoami"]
        assert json.loads(client.call("whoami")["text"])["caller"]["name"] == "dana@dev.test"
        api = client.call("call-api")
        told = json.loads(api["text"])
        assert not api["error"] and told["body"]["token"]["upn"] == "dana@dev.test", told
        assert told["body"]["token"]["aud"] == "api://podinfo-v1"
