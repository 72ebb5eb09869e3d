"""What may be set, and what a wrong value says."""

from __future__ import annotations

from pathlib import Path

import pytest

from predictor.settings import PredictorSettings
from upper_circuit.settings import SettingsRefused


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without `.env`, and an environment without our names."""
    monkeypatch.chdir(tmp_path)
    for name in PredictorSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path


def test_a_laptop_needs_no_setting_at_all() -> None:
    """It listens to itself only, follows the promoted version and loads at the first request."""
    settings = PredictorSettings.read()

    assert "127.0.0.1" == settings.predictor_listen_host
    assert settings.preferred_model_version is None
    assert not settings.model_load_before_ready
    assert not settings.model_strict
    assert 1 << 30 == settings.model_memory_limit


def test_a_dotenv_file_is_read(nowhere: Path) -> None:
    """And what it says for other programs is left alone."""
    (nowhere / ".env").write_text("PREDICTOR_PORT=9001\nAPI_PORT=8000\nMODEL_STRICT=true\n", encoding="utf-8")

    settings = PredictorSettings.read()

    assert (9001, True) == (settings.predictor_port, settings.model_strict)


@pytest.mark.parametrize(
    ("given", "meant"),
    [("1073741824", 1 << 30), ("512M", 512 << 20), ("2G", 2 << 30), ("64 MiB", 64 << 20), ("2048k", 2 << 20)],
)
def test_a_memory_limit_may_have_a_unit(monkeypatch: pytest.MonkeyPatch, given: str, meant: int) -> None:
    """Powers of 1024, as Kubernetes' Mi and Gi."""
    monkeypatch.setenv("MODEL_MEMORY_LIMIT", given)

    assert meant == PredictorSettings.read().model_memory_limit


@pytest.mark.parametrize("given", ["latest", ""])
def test_latest_and_nothing_mean_the_promoted_version(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """A chart that leaves the value empty sets an empty variable."""
    monkeypatch.setenv("PREFERRED_MODEL_VERSION", given)

    assert PredictorSettings.read().preferred_model_version is None


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PREFERRED_MODEL_VERSION", "v1.3", "PREFERRED_MODEL_VERSION='v1.3' is not allowed: latest, or three numbers"),
        ("PREFERRED_MODEL_VERSION", "01.2.3", "PREFERRED_MODEL_VERSION='01.2.3' is not allowed: latest, or three"),
        ("PREDICTOR_PORT", "0", "PREDICTOR_PORT='0' is not allowed: input should be greater than or equal to 1"),
        ("PREDICTOR_PORT", "http", "PREDICTOR_PORT='http' is not allowed: input should be a valid integer"),
        ("MODEL_STRICT", "maybe", "MODEL_STRICT='maybe' is not allowed: input should be a valid boolean"),
        ("MODEL_MEMORY_LIMIT", "lots", "MODEL_MEMORY_LIMIT='lots' is not allowed: a number of bytes is allowed"),
        ("MODEL_MEMORY_LIMIT", "1K", "MODEL_MEMORY_LIMIT='1K' is not allowed: input should be greater than"),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL='LOUD' is not allowed: input should be 'DEBUG'"),
        ("PREDICTOR_DRAIN_SECONDS", "60", "PREDICTOR_DRAIN_SECONDS='60' is not allowed: input should be less than"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    """The variable, the value and what is allowed."""
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsRefused) as refused:
        PredictorSettings.read()
    assert str(refused.value).startswith(told)
    assert "\n" not in str(refused.value)


def test_two_wrong_values_are_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever corrects one should not meet the other at the next start."""
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    monkeypatch.setenv("MODEL_STRICT", "maybe")

    with pytest.raises(SettingsRefused, match=r"MODEL_STRICT.*; LOG_LEVEL"):
        PredictorSettings.read()


def test_the_token_is_never_shown() -> None:
    """Settings are logged at the start."""
    settings = PredictorSettings(admin_token="open sesame")  # type: ignore[arg-type]  # noqa: S106

    assert "sesame" not in repr(settings)
    assert "sesame" not in str(settings.model_dump(mode="json"))


@pytest.mark.parametrize("name", PredictorSettings.model_fields)
def test_every_setting_is_explained(name: str) -> None:
    """The text stands beside the field, in the reference and in .env.example."""
    assert PredictorSettings.model_fields[name].description
