"""Wrong settings stop the start with one line; right ones mean what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.factories.processes import ROOT
from transformer.settings import TransformerSettings
from upper_circuit.settings import SettingsRefused


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No .env, no variables of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    for name in TransformerSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_every_setting_is_documented() -> None:
    """A person who reads one knows what it does."""
    without = [name for name, field in TransformerSettings.model_fields.items() if not field.description]

    assert [] == without


def test_users_names_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the environment, lists with commas."""
    monkeypatch.setenv("API_PORT", "9000")
    monkeypatch.setenv("PREDICTOR_URLS", "http://a:1, http://b:2/")
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.0/8,::1/128")
    monkeypatch.setenv("CORS_ORIGINS", "https://desk.example:8443")
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@h/d")

    settings = TransformerSettings.read()

    assert 9000 == settings.api_port
    assert ("http://a:1", "http://b:2") == settings.predictor_urls
    assert ["10.0.0.0/8", "::1/128"] == [str(network) for network in settings.proxies]
    assert ("https://desk.example:8443",) == settings.cors_origins
    assert "postgresql://u:p@h/d" == settings.database


def test_a_file_is_read_too(tmp_path: Path) -> None:
    """`.env` in the folder the program is started in; an empty value counts as unset."""
    (tmp_path / ".env").write_text("LOG_LEVEL=WARNING\nREDIS_URL=\nFEATURE_DBS_PATH=here\n", encoding="utf-8")

    settings = TransformerSettings.read()

    assert ("WARNING", None, Path("here")) == (settings.log_level, settings.redis_url, settings.database)


def test_a_variable_set_to_nothing_hides_the_line_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever starts a program beside somebody's `.env` can take a setting away."""
    (tmp_path / ".env").write_text("DATABASE_URL=postgresql://h/d\nLOG_LEVEL=WARNING\n", encoding="utf-8")
    monkeypatch.setenv("DATABASE_URL", "")

    settings = TransformerSettings.read()

    assert (Path("data/db"), "WARNING") == (settings.database, settings.log_level)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("API_PORT", "70000", "65535"),
        ("API_PORT", "http", "valid integer"),
        ("DATABASE_URL", "mysql://u:p@h/d", "postgresql://"),
        ("DATABASE_URL", "postgresql://u:p@h:abc/d", "host:port"),
        ("REDIS_URL", "localhost:6379", "redis://"),
        ("REDIS_URL", "redis://u:p@h:abc", "host:port"),
        ("PREDICTOR_URLS", ",", "at least one"),
        ("PREDICTOR_URLS", "predictor:8080", "http://host:port"),
        ("PREDICTOR_URLS", "http://a/path", "http://host:port"),
        ("PREDICTOR_URLS", "http://a:99999", "http://host:port"),
        ("PREDICTOR_HOST", "http://a", "a name"),
        ("PREDICTOR_HOST", "a:99999", "a name"),
        ("CORS_ORIGINS", "https://a.example:99999", "https://host"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "10.0.0.0/8"),
        ("TRUSTED_PROXIES", "everybody", "networks"),
        ("CORS_ORIGINS", "*", "https://host"),
        ("CORS_ORIGINS", "https://a.example/", "https://host"),
        ("RATE_LIMIT_PER_SECOND", "-1", "greater than or equal to 0"),
        ("LOG_LEVEL", "LOUD", "'WARNING'"),
        ("DATA_POLL_SECONDS", "3600", "300"),
    ],
)
def test_a_wrong_value_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    """It names the variable and what is allowed, and tells no secret."""
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsRefused) as caught:
        TransformerSettings.read()

    told = str(caught.value)
    assert told.startswith(f"{name}=")
    assert allowed in told
    assert "\n" not in told
    assert "u:p" not in told


def test_what_the_program_was_started_with_is_told_without_secrets() -> None:
    """All settings stand in the first line of the log."""
    secret = "pa/ss@hunter2"  # noqa: S105
    settings = TransformerSettings(
        database_url=f"postgresql://u:{secret}@h/d",  # type: ignore[arg-type]
        redis_url=f"redis://h?password={secret}",  # type: ignore[arg-type]
        admin_token=secret,  # type: ignore[arg-type]
    )

    assert "hunter2" not in repr(settings)
    assert "hunter2" not in str(settings.model_dump(mode="json"))
    assert f"postgresql://u:{secret}@h/d" == settings.database


def test_the_program_ends_with_2_and_that_line(tmp_path: Path) -> None:
    """Before anything slow is imported."""
    found = subprocess.run(
        [sys.executable, "-m", "transformer"],
        env={"PYTHONPATH": str(ROOT), "API_PORT": "none", "COVERAGE_PROCESS_START": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 2 == found.returncode
    assert found.stderr.startswith("transformer: API_PORT='none' is not allowed")
    assert 1 == found.stderr.count("\n")
