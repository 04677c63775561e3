"""`tianji serve` and `tianji check` as people type them."""

from __future__ import annotations

import json
import socket
import ssl
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import trustme

ECHO = {"model_list": [{"model_name": "hello", "litellm_params": {"model": "echo/echo-1"}}]}
STRONG = "sk-0123456789-abcdefghijkl"
WEAK = ["", "sk-1234", "short", "sk-aaaaaaaaaaaaaaaaaaaaaaaa"]


@pytest.fixture
def config(tmp_path):
    def write(**general):
        path = tmp_path / "proxy_config.yaml"
        path.write_text(json.dumps({**ECHO, "general_settings": general}))
        return str(path)

    return write


def chat(url, key=None, context=None):
    body = json.dumps({"model": "hello", "messages": [{"role": "user", "content": "Hi!"}]}).encode()
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
    request = urllib.request.Request(f"{url}/v1/chat/completions", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=5, context=context) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def outward_address():
    """An address of this machine other than loopback; None if there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = probe.getsockname()[0]
    return None if address.startswith("127.") else address


def bound(port):
    """The addresses, in /proc's spelling, on which this port is listened on."""
    found = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        address, _, number = fields[1].partition(":")
        if fields[3] == "0A" and int(number, 16) == port:
            found.append(address)
    return found


LOOPBACK, EVERYWHERE = "0100007F", "00000000"


@pytest.mark.parametrize("server", ["uvicorn", "hypercorn"])
def test_a_bare_config_flag_serves(tianji, config, server):
    command = tianji("--config", config(), "--port", "{port}", "--server", server)
    assert command.listening(), command.output()
    status, body = chat(f"http://127.0.0.1:{command.port}")
    assert status == 200
    assert body["choices"][0]["message"]["content"]
    assert bound(command.port) == [LOOPBACK]
    output = command.output()
    assert "Listening on this machine only (127.0.0.1)" in output
    assert "No master key is set" in output
    assert f"curl http://127.0.0.1:{command.port}/v1/chat/completions" in output


def test_the_printed_curl_line_works(tianji, config):
    import shutil
    import subprocess

    if shutil.which("curl") is None:
        pytest.skip("no curl on this machine")
    command = tianji("serve", "-c", config(), "-p", "{port}")
    assert command.listening(), command.output()
    shown = command.output()
    line = shown[shown.index("curl http") :].split("\n\n")[0]
    found = subprocess.run(["bash", "-c", line], capture_output=True, timeout=10, check=True)
    assert json.loads(found.stdout)["object"] == "chat.completion"


@pytest.mark.parametrize("key", WEAK)
def test_a_weak_key_keeps_to_loopback(tianji, config, key):
    path = config(**({"master_key": key} if key else {}))
    refused = tianji("--config", path, "--port", "{port}", "--host", "0.0.0.0")
    assert refused.end() == 2, refused.output()
    assert "does not listen on 0.0.0.0" in refused.output()
    assert "dangerously_permit_weak_or_unset_master_key" in refused.output()
    assert "Traceback" not in refused.output()
    assert not key or key not in refused.output()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_may_be_asked_for(tianji, config, host):
    command = tianji("--config", config(), "--port", "{port}", "--host", host)
    assert command.listening(), command.output()
    assert bound(command.port) == [LOOPBACK]


@pytest.mark.parametrize("host", [[], ["--host", "0.0.0.0"]])
def test_a_strong_key_listens_everywhere(tianji, config, host):
    command = tianji("--config", config(master_key=STRONG), "--port", "{port}", *host)
    assert command.listening(), command.output()
    assert bound(command.port) == [EVERYWHERE]
    assert "this machine only" not in command.output()
    url = f"http://127.0.0.1:{command.port}"
    assert chat(url)[0] == 401
    assert chat(url, STRONG)[0] == 200
    assert STRONG not in command.output()


def test_the_permit(tianji, config):
    setting = config(dangerously_permit_weak_or_unset_master_key=True)
    command = tianji("--config", setting, "--port", "{port}", "--host", "0.0.0.0")
    assert command.listening(), command.output()
    assert bound(command.port) == [EVERYWHERE]


def test_host_key_and_config_from_the_environment(tianji, config):
    env = {"CONFIG_FILE_PATH": config(), "LITELLM_MASTER_KEY": STRONG, "HOST": "127.0.0.1"}
    command = tianji("serve", "--port", "{port}", env=env)
    assert command.listening(), command.output()
    assert bound(command.port) == [LOOPBACK]
    assert chat(f"http://127.0.0.1:{command.port}", STRONG)[0] == 200


@pytest.mark.parametrize("server", ["uvicorn", "hypercorn"])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_in_use(tianji, config, server, workers):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = tianji("--config", config(), "--port", port, "--server", server, "--workers", workers)
        assert command.end() == 2, command.output()
    assert "Traceback" not in command.output()
    assert f"Cannot listen on 127.0.0.1:{port}" in command.output()
    assert "in use" in command.output()
    assert "Tianji serves" not in command.output()


@pytest.mark.parametrize("server", ["uvicorn", "hypercorn"])
def test_an_address_that_is_not_ours(tianji, config, server):
    args = ("--port", "{port}", "--server", server, "--host", "192.0.2.77")
    command = tianji("--config", config(master_key=STRONG), *args)
    assert command.end() == 2, command.output()
    assert "Traceback" not in command.output()
    assert "Cannot listen on 192.0.2.77" in command.output()


@pytest.mark.parametrize("server", ["uvicorn", "hypercorn"])
def test_tls(tianji, config, tmp_path, server):
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(tmp_path / "cert.pem", append=True)
    files = ["--ssl_keyfile_path", str(tmp_path / "key.pem"), "--ssl_certfile_path", str(tmp_path / "cert.pem")]
    command = tianji("--config", config(), "--port", "{port}", "--server", server, *files)
    assert command.listening(), command.output()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    assert chat(f"https://127.0.0.1:{command.port}", context=context)[0] == 200
    assert "https://127.0.0.1" in command.output()


def test_flags_of_the_reference(tianji, config):
    flags = ["--num_workers", "1", "--run_hypercorn", "--detailed_debug", "--keepalive_timeout", "5"]
    more = ["--max_requests_before_restart", "100", "--use_prisma_db_push", "--run_gunicorn"]
    command = tianji("--config", config(), "--port", "{port}", *flags, *more)
    assert command.listening(), command.output()
    assert chat(f"http://127.0.0.1:{command.port}")[0] == 200
    assert "(hypercorn)" in command.output()
    assert "ignored" in command.output()


def test_one_model_without_a_config(tianji):
    command = tianji("--model", "echo/echo-1", "--alias", "hello", "--port", "{port}")
    assert command.listening(), command.output()
    assert chat(f"http://127.0.0.1:{command.port}")[0] == 200


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["serve"], "No config"),
        (["serve", "--config", "missing.yaml"], "missing.yaml"),
        (["serve", "--port", "99999", "--config", "x"], "99999"),
        (["serve", "--server", "gunicorn"], "gunicorn"),
        (["serve", "--nonsense"], "--nonsense"),
        (["nonsense"], "nonsense"),
        (["check"], "FILE"),
        (["check", "missing.yaml"], "missing.yaml"),
        (["--config"], "--config"),
        (["serve", "--model", "nope/x"], "nope"),
        (["serve", "--ssl-keyfile", "missing.pem", "--config", "x"], "missing.pem"),
    ],
)
def test_what_cannot_be_meant(tianji, args, text):
    command = tianji(*args)
    assert command.end() == 2, command.output()
    assert text in command.output()
    assert "Traceback" not in command.output()


def test_help_and_version(tianji):
    for args in (["--help"], ["--version"], [], ["serve", "--help"]):
        command = tianji(*args)
        assert command.end() == 0, command.output()
        assert "tianji" in command.output().lower()


def test_dry_run_and_check(tianji, config):
    path = config()
    dry = tianji("--config", path, "--skip_server_startup")
    assert dry.end() == 0
    assert "compiles" in dry.output()
    check = tianji("check", path)
    assert check.end() == 0
    assert "no problems" in check.output()


def test_check_strict(tianji, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(json.dumps({**ECHO, "litellm_settings": {"no_such_key": 1}}, indent=1))
    assert tianji("check", str(path)).end() == 0
    strict = tianji("check", "--strict", str(path))
    assert strict.end() == 1
    assert "no_such_key" in strict.output()
    assert "c.yaml:" in strict.output()


def test_explain_asks_a_gateway_that_runs(gateway):
    from click.testing import CliRunner

    from tianji_core.cli.explain import explain

    args = ["--url", gateway.url, "--model", "m", "--json"]
    said = CliRunner().invoke(explain, [*args, "--admin-key", gateway.key])
    assert said.exit_code == 0, said.output
    assert json.loads(said.output)["route"]["picked"]
    refused = CliRunner().invoke(explain, [*args, "--admin-key", "sk-wrong"])
    assert refused.exit_code == 2
    assert "status 401" in refused.output
