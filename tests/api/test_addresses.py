"""Who is counted as one, behind proxies and without, and what a proxy may say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask, request

from api.app import create_app
from api.identity import WRONG_KEYS
from api.origin import address_of
from api.sign_in import ONES_TRIES
from tests.api.conftest import KEY
from tests.api.test_sessions import BASE, HERE
from vocaqueue.api_key import new_key


@pytest.mark.parametrize(
    ("given", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("", "unknown"),
        ("a:b", "unknown"),
    ],
)
def test_an_ipv6_network_is_one_address(given, counted):
    """
    Everybody has 2^64 addresses there, so they are counted by /64; an IPv4 address in IPv6 clothes is that address.
    """
    with Flask("x").test_request_context(environ_base={"REMOTE_ADDR": given}):
        assert address_of(request) == counted


def wrong(app: Flask, forwarded: str, address: str = "127.0.0.1") -> int:
    headers = HERE | {"X-Forwarded-For": forwarded}
    asked = {"data": {"key": "x"}, "headers": headers, "environ_base": {"REMOTE_ADDR": address}}
    return app.test_client().post("/login", **asked).status_code


def test_without_a_trusted_proxy_nobody_chooses_his_address(app):
    """
    X-Forwarded-For means nothing then: another one in each request is the same address all the same.
    """
    seen = [wrong(app, f"203.0.113.{number}") for number in range(ONES_TRIES.size + 1)]
    assert seen == [401] * ONES_TRIES.size + [429]


def test_behind_trusted_proxies_each_client_is_counted(settings):
    """
    With two of ours the second entry from the right counts; what a client wrote itself stands further left.
    """
    app = create_app(replace(settings, trusted_proxies=2))
    for number in range(ONES_TRIES.size):
        assert wrong(app, f"198.51.100.{number}, 203.0.113.9, 10.0.0.1") == 401
    assert wrong(app, "1.2.3.4, 203.0.113.9, 10.0.0.1") == 429
    assert wrong(app, "203.0.113.9, 203.0.113.10, 10.0.0.1") == 401
    app.extensions["vocaqueue"].queue.close()


def test_only_a_trusted_proxy_says_that_it_is_tls(app, settings):
    """
    Its X-Forwarded-Proto makes cookies Secure and sends HSTS; anybody else's does not. The host is never taken from it.
    """
    headers = HERE | {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    behind = create_app(replace(settings, trusted_proxies=2))
    for target, is_tls in ((app, False), (behind, True)):
        answer = target.test_client().post("/login", data={"key": KEY}, headers=headers)
        assert answer.status_code == 303
        assert ("; Secure" in answer.headers["Set-Cookie"]) == is_tls
        assert ("Strict-Transport-Security" in answer.headers) == is_tls
        assert "evil" not in str(answer.headers)
    change = {"Origin": "https://localhost", "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
    client = behind.test_client()
    client.post("/login", data={"key": KEY}, headers=change, base_url="http://localhost")
    client.set_cookie("x", "y")
    cookie = client.get_cookie(f"__Host-vocaqueue-{settings.namespace}")
    made = client.post(
        f"{BASE}/action", json={"action": "pause"}, headers=change | {"Cookie": f"{cookie.key}={cookie.value}"}
    )
    assert made.status_code == 200, "the origin is compared with what the browser sees"
    evil = change | {"Origin": "https://evil.example", "X-Forwarded-Host": "evil.example"}
    refused = client.post(
        f"{BASE}/action", json={"action": "pause"}, headers=evil | {"Cookie": f"{cookie.key}={cookie.value}"}
    )
    assert refused.status_code == 403
    behind.extensions["vocaqueue"].queue.close()


def test_wrong_bearer_keys_are_limited_and_right_ones_never(app):
    """
    Of one address, after thirty; a right API key from there still gets in at once, and so do wrong ones from elsewhere.
    """
    queue, client = app.extensions["vocaqueue"].queue, app.test_client()
    right = {"Authorization": f"Bearer {queue.keys.make('n', 'viewer').text}"}

    def send(headers: dict[str, str], address: str = "192.0.2.1") -> int:
        return client.get(f"{BASE}/stats", headers=headers, environ_base={"REMOTE_ADDR": address}).status_code

    wrong_key = {"Authorization": f"Bearer {new_key()[1]}"}
    assert {send(wrong_key) for _ in range(WRONG_KEYS.size)} == {401}
    assert send(wrong_key) == 429
    assert send(right) == 200
    assert send(wrong_key, "192.0.2.2") == 401
    answer = client.get(f"{BASE}/stats", headers=wrong_key, environ_base={"REMOTE_ADDR": "192.0.2.1"})
    assert (answer.json["error"]["code"], int(answer.headers["Retry-After"]) > 0) == ("too_many_requests", True)


@pytest.mark.parametrize(("key", "status"), [("short-one", 429), ("a-long-admin-key-nobody-guesses", 200)])
def test_a_short_admin_key_cannot_be_guessed_at_speed(settings, monkeypatch, key, status):
    """
    What might be guessed is limited even when the guess is right; a long one works always.
    """
    monkeypatch.setenv("VOCAQUEUE_ADMIN_KEY", key)
    app = create_app(settings)
    client = app.test_client()
    for number in range(WRONG_KEYS.size):
        client.get(f"{BASE}/stats", headers={"Authorization": f"Bearer guess-{number}"})
    assert client.get(f"{BASE}/stats", headers={"Authorization": f"Bearer {key}"}).status_code == status
    app.extensions["vocaqueue"].queue.close()
