"""The command line inside this process; tests/e2e/test_serve.py runs it for real."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tianji_core.cli import main
from tianji_core.cli.serve import choose_server


@pytest.fixture
def tianji(capsys):
    def run(*args):
        with pytest.raises(SystemExit) as ended:
            main(list(args))
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return ended.value.code or 0, out, err

    return run


ECHO = {"model_list": [{"model_name": "hello", "litellm_params": {"model": "echo/echo-1"}}]}


def test_help(tianji):
    for args in ((), ("--help",), ("-h",)):
        code, out, _ = tianji(*args)
        assert code == 0
        for command in ("serve", "check", "plugins"):
            assert command in out
    assert "--num_workers" in tianji("serve", "--help")[1]


def test_version(tianji):
    from tianji_core import __version__

    assert __version__ in tianji("--version")[1]


def test_flags_alone_mean_serve(tianji, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(json.dumps(ECHO))
    code, out, _ = tianji("--config", str(path), "--skip_server_startup")
    assert code == 0
    assert "compiles" in out


def test_check(tianji, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(json.dumps(ECHO))
    assert tianji("check", str(path))[0] == 0
    path.write_text(
        json.dumps({**ECHO, "router_settings": {"typo_key": 1}, "litellm_settings": {"force_ipv4": True}}, indent=1)
    )
    code, _, err = tianji("check", str(path))
    assert code == 0
    assert "c.yaml:" in err
    assert "typo_key" in err
    assert "force_ipv4" in err
    assert tianji("check", "--strict", str(path))[0] == 1
    path.write_text("model_list: 5")
    assert tianji("check", str(path))[0] == 2
    assert tianji("check", "--strict", str(path))[0] == 2


def test_more_workers_need_a_file(tianji):
    code, _, err = tianji("serve", "--model", "echo/x", "--workers", "2", "--port", "0")
    assert code == 2
    assert "config file" in err


def test_servers(monkeypatch, capsys):
    assert choose_server("auto") == "uvicorn"
    assert choose_server("hypercorn") == "hypercorn"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert choose_server("auto") == "hypercorn"
    with pytest.raises(SystemExit):
        choose_server("uvicorn")
    assert "tianji-core[fast]" in capsys.readouterr().err


def test_version_stays_quick():
    code = "import sys; from tianji_core.cli import main\ntry: main(['--version'])\nexcept SystemExit: pass\n"
    code += "bad = {'httpx', 'starlette', 'uvicorn', 'hypercorn', 'pydantic'} & set(sys.modules)\nprint(bad or 'lean')"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "lean"
