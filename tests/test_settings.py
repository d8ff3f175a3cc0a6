"""Settings: what the environment may say, and what it is told when it makes no sense."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from vocaqueue import BadSettings, Settings
from vocaqueue.settings import read_or_make_secret


def test_without_anything_the_embedded_server_is_meant(tmp_path, monkeypatch) -> None:
    """No REDIS_URL: a socket under `var/`, for the ledger and the broker."""
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_env({})
    assert settings.embedded
    assert settings.redis_url == settings.broker_url
    assert settings.redis_url.startswith("redis+socket:///")
    assert len(settings.redis_url.removeprefix("redis+socket://").encode()) <= 107


def test_the_guides_names_are_read(tmp_path, monkeypatch) -> None:
    """REDIS_HOST and its companions make a URL; a password may hold any character."""
    monkeypatch.chdir(tmp_path)
    env = {"REDIS_HOST": "db", "REDIS_PORT": "7000", "REDIS_PASSWORD": "a@b:c/d", "REDIS_DB": "3"}
    assert Settings.from_env(env).redis_url == "redis://:a%40b%3Ac%2Fd@db:7000/3"
    assert Settings.from_env(env | {"REDIS_URL": "redis://x/0"}).redis_url == "redis://x/0"


def test_a_dotenv_file_is_read_and_the_environment_wins(tmp_path, monkeypatch) -> None:
    """`.env` in the working directory fills in what the environment leaves open; the origin of each is known."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("PORT=4010\nVOCAQUEUE_NAMESPACE=fromfile\n")
    settings = Settings.from_env({"PORT": "4020"})
    assert (settings.port, settings.namespace) == (4020, "fromfile")
    assert (settings.origin["PORT"], settings.origin["VOCAQUEUE_NAMESPACE"]) == ("environment", ".env")


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"PORT": "abc"}, "PORT='abc' must be a whole number"),
        ({"PORT": "70000"}, "PORT=70000 must be between"),
        ({"REDIS_URL": "localhost"}, "REDIS_URL='localhost' is no URL"),
        ({"VOCAQUEUE_NAMESPACE": "a b"}, "VOCAQUEUE_NAMESPACE='a b' must be"),
        ({"VOCAQUEUE_TIME_ZONE": "KST"}, "VOCAQUEUE_TIME_ZONE='KST' is no time zone"),
        ({"VOCAQUEUE_TRUSTED_PROXIES": "-1"}, "VOCAQUEUE_TRUSTED_PROXIES=-1 must be 0 to 10"),
        ({"VOCAQUEUE_TRUSTED_PROXIES": "all"}, "VOCAQUEUE_TRUSTED_PROXIES='all' must be a whole number"),
        *(
            ({"VOCAQUEUE_CORS_ORIGINS": f"https://good.example, {wrong}"}, "VOCAQUEUE_CORS_ORIGINS: '.*' is no origin")
            for wrong in (
                *("*", "null", "example.com", "https://*.example.com", "https://a.example/", "https://a.example/x"),
                *("https://A.example", "https://a.example:443", "http://a.example:80", "ftp://a.example"),
                *("https://me@a.example", "https://", "https://a.example?x", "https://a.example:x"),
            )
        ),
        ({"VOCAQUEUE_SAMPLE": "maybe"}, "VOCAQUEUE_SAMPLE='maybe' must be on or off"),
    ],
)
def test_nonsense_is_refused_by_name(env, says, tmp_path, monkeypatch) -> None:
    """A value that makes no sense ends the start with a sentence that names it."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadSettings, match=says):
        Settings.from_env(env)


def test_origins_are_a_list(tmp_path, monkeypatch) -> None:
    """By commas, with or without spaces."""
    monkeypatch.chdir(tmp_path)
    env = {
        "VOCAQUEUE_CORS_ORIGINS": "https://a.example,http://localhost:3000, https://b.example:8443,http://[::1]:3000"
    }
    assert Settings.from_env(env).cors_origins == (
        "https://a.example", "http://localhost:3000", "https://b.example:8443", "http://[::1]:3000",
    )  # fmt: skip
    assert Settings.from_env({"VOCAQUEUE_CORS_ORIGINS": ""}).cors_origins == ()


@pytest.mark.parametrize("blank", [" ", "\t ", "\n"])
def test_a_blank_secret_ends_the_start(blank, tmp_path, monkeypatch) -> None:
    """A blank admin key would be that of whoever shows none, be it set so or left in the file by a crash."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadSettings, match="VOCAQUEUE_ADMIN_KEY is blank"):
        read_or_make_secret("admin.key", "VOCAQUEUE_ADMIN_KEY", {"VOCAQUEUE_ADMIN_KEY": blank})
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "admin.key").write_text(blank)
    with pytest.raises(BadSettings, match=r"var/admin\.key is empty"):
        read_or_make_secret("admin.key", "VOCAQUEUE_ADMIN_KEY", {})


def test_a_secret_is_kept_whole_or_not_at_all(tmp_path, monkeypatch) -> None:
    """Killed while it is written, no half or empty file is left; two at once get one and the same."""
    monkeypatch.chdir(tmp_path)

    def killed(_descriptor: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("os.fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            read_or_make_secret("admin.key", "VOCAQUEUE_ADMIN_KEY", {})
    assert not (tmp_path / "var" / "admin.key").exists()
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: read_or_make_secret("admin.key", "VOCAQUEUE_ADMIN_KEY", {}), range(8)))
    assert len(made) == 1
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["admin.key"]
    assert (tmp_path / "var" / "admin.key").stat().st_mode & 0o777 == 0o600
