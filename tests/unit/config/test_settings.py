from __future__ import annotations

import pytest

from tianji_core.config import ConfigError, Settings


def test_defaults() -> None:
    settings = Settings.read({})
    assert (settings.initial_retry_delay, settings.max_retry_delay, settings.jitter) == (0.5, 8, 0.75)
    assert (settings.port, settings.num_workers, settings.log, settings.master_key) == (4000, 1, "INFO", None)


@pytest.mark.parametrize(
    ("environ", "field", "value"),
    [
        ({"LITELLM_MASTER_KEY": "a"}, "master_key", "a"),
        ({"LITELLM_MASTER_KEY": "a", "TIANJI_MASTER_KEY": "b"}, "master_key", "b"),
        ({"TIANJI_MASTER_KEY": "", "LITELLM_MASTER_KEY": "a"}, "master_key", "a"),
        ({"LITELLM_LOG": "DEBUG"}, "log", "DEBUG"),
        ({"TIANJI_PORT": "5", "PORT": "6"}, "port", 5),
        ({"PORT": "6"}, "port", 6),
        ({"TIANJI_PORT": "tcp://10.0.0.1:4000", "PORT": "6"}, "port", 6),
        ({"REDIS_PORT": "tcp://10.0.0.1:6379"}, "redis_port", None),
        ({"REDIS_PORT": "6379"}, "redis_port", 6379),
        ({"NO_DOCS": "True"}, "no_docs", True),
        ({"STORE_MODEL_IN_DB": "true"}, "store_model_in_db", True),
        ({"LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "1"}, "permit_weak_or_unset_master_key", True),
        ({"LITELLM_SALT_KEY": "s"}, "salt_key", "s"),
        ({"SERVER_ROOT_PATH": "/x"}, "server_root_path", "/x"),
        ({"JITTER": "0"}, "jitter", 0),
    ],
)
def test_names(environ: dict[str, str], field: str, value: object) -> None:
    assert getattr(Settings.read(environ), field) == value


def test_only_the_given_variables_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIANJI_PORT", "99")
    assert Settings.read({}).port == 4000
    assert Settings().port == 99


def test_a_wrong_variable_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^environment: NUM_WORKERS: input should be a valid integer"):
        Settings.read({"NUM_WORKERS": "many"})
