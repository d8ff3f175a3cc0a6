"""The sign-in page: what it takes, what it says, where it leads."""

from __future__ import annotations

import re

import pytest
from werkzeug.test import TestResponse

from api import sign_in
from api.app import create_app
from api.sign_in import ONES_TRIES
from api.sign_in_text import EN, KO
from tests.api.conftest import BEARER, KEY
from tests.api.test_sessions import BASE, HERE, enter
from tests.contract.test_contract import check
from vocaqueue.api_key import new_key
from vocaqueue.store.attempts import Bucket
from vocaqueue.store.ledger import Ledger
from vocaqueue.store.logins import Logins


def test_a_browser_without_a_session_is_led_to_the_page_and_back(app):
    """
    The dashboard leads to the form and the form back to the dashboard; what is JSON stays 401.
    """
    client = app.test_client()
    led = client.get(f"{BASE}/ui/?a=1&b=ü")
    assert led.status_code == 303
    page = client.get(led.headers["Location"])
    assert (page.status_code, page.mimetype) == (200, "text/html")
    back = client.post(led.headers["Location"], data={"key": KEY}, headers=HERE)
    assert (back.status_code, back.headers["Location"]) == (303, f"{BASE}/ui/?a=1&b=%C3%BC")
    assert client.get(back.headers["Location"]).status_code == 200
    assert client.get(led.headers["Location"]).headers["Location"] == back.headers["Location"], "is signed in already"
    stranger = app.test_client().get(f"{BASE}/stats", headers={"Accept": "text/html"})
    assert (stranger.status_code, stranger.mimetype) == (401, "application/json")


def test_the_page_works_without_scripts(app):
    """
    It has none, and nothing inline that the policy forbids.
    """
    text = app.test_client().get("/login").text
    assert "<script" not in text
    assert not re.search(r"\s(style|on\w+)=", text)
    assert 'type="password"' in text
    style = app.test_client().get(re.search(r'stylesheet" href="([^"]+)"', text)[1])
    assert (style.status_code, style.mimetype) == (200, "text/css")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"headers": {"Accept-Language": "ko-KR,ko;q=0.9,en;q=0.5"}}, KO),
        ({"headers": {"Accept-Language": "de,en;q=0.5"}}, EN),
        ({"headers": {"Accept-Language": "ja"}}, EN),
        ({"headers": {"Accept-Language": "ko"}, "query_string": {"lang": "en"}}, EN),
        ({"query_string": {"lang": "ko", "next": f"{BASE}/ui/"}}, KO),
        ({"query_string": {"lang": "xx"}}, EN),
    ],
)
def test_it_speaks_korean_and_english(app, asked, said):
    """
    As the browser asks, or as the link on the page says, which keeps the way back.
    """
    page = app.test_client().get("/login", **asked)
    assert page.headers["Content-Language"] == ("ko" if said is KO else "en")
    assert f'<html lang="{page.headers["Content-Language"]}">' in page.text
    assert said.lead in page.text
    link = re.search(r'class="language" href="([^"]+)"', page.text)[1]
    assert f"lang={'en' if said is KO else 'ko'}" in link
    assert ("next=" in link) == ("next" in asked.get("query_string", {}))


def test_both_languages_say_the_same_things(app):
    """
    Neither lacks a notice, nor a place in one that is filled in.
    """
    assert EN.notices.keys() == KO.notices.keys()
    for name in EN.notices:
        assert ("{" in EN.notices[name]) == ("{" in KO.notices[name])


@pytest.mark.parametrize(
    "there",
    [
        "//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "evil.example",
        "javascript:alert(1)",
        "/\t/evil.example", "/%0d%0aSet-Cookie:a=b\r\nX: y", " /x", "/login", "/login?next=/login", "/logout", "",
        "/a\\b",
    ],
)  # fmt: skip
def test_it_leads_to_no_other_site(app, there):
    """
    A way back that is no path of this site, or is this page itself, is replaced by the way to the dashboard.
    """
    answer = app.test_client().post("/login", query_string={"next": there}, data={"key": KEY}, headers=HERE)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert list(answer.headers.keys()).count("X") == 0


def test_a_wrong_key_is_said_plainly(app):
    """
    401 with the form again, and a sentence for each kind; what was typed is not repeated.
    """
    keys = app.extensions["vocaqueue"].queue.keys
    revoked = keys.make("r", "viewer")
    keys.revoke(revoked.key.id)
    for key, reason in {
        "<script>alert(1)</script>": "incomplete",
        "": "incomplete",
        "x" * 5000: "incomplete",
        new_key()[1]: "unknown",
        revoked.text[:-1] + ("a" if revoked.text[-1] != "a" else "b"): "mistyped",
        revoked.text: "revoked",
    }.items():
        for number, (language, text) in enumerate((("en", EN), ("ko", KO))):
            answer = app.test_client().post(
                f"/login?lang={language}",
                data={"key": key},
                headers=HERE,
                environ_base={"REMOTE_ADDR": f"10.0.0.{len(key) % 100 + number}"},
            )
            assert answer.status_code == 401
            assert text.notices[reason] in answer.text
            assert 'role="alert"' in answer.text
            assert not key or key not in answer.text


def test_a_key_with_spaces_around_it_is_taken(app):
    """
    Whoever copies a line end with the key gets in all the same.
    """
    answer = app.test_client().post("/login", data={"key": f"  {KEY}\r\n"}, headers=HERE)
    assert answer.status_code == 303


def test_another_site_cannot_sign_a_browser_in(app):
    """
    The form counts only from this page: by the browser's word or, of one that gives none, by what came with the form.
    """
    client = app.test_client()
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {}):
        refused = client.post("/login", data={"key": KEY}, headers=headers)
        assert (refused.status_code, refused.mimetype) == (403, "text/html")
        assert client.get(f"{BASE}/me").status_code == 401
    token = re.search(r'name="form" value="([^"]+)"', client.get("/login").text)[1]
    assert app.test_client().post("/login", data={"key": KEY, "form": token}).status_code == 403, "not its browser"
    assert client.post("/login", data={"key": KEY, "form": token}).status_code == 303


def test_wrong_keys_are_limited_by_address(app, settings):
    """
    After ten of one address it is 429, with when to come back, by link or key, right or wrong; others are not touched.
    """
    client, twin = app.test_client(), app.test_client()
    for number in range(ONES_TRIES.size):
        if number % 2:
            assert client.post("/login", data={"key": "wrong"}, headers=HERE).status_code == 401
        else:
            assert client.get("/login?token=wrong").status_code == 401
    for send in (
        lambda: client.post("/login", data={"key": KEY}, headers=HERE),
        lambda: twin.get(f"/login?token={Logins(Ledger(settings)).issue('admin')}"),
    ):
        answer = send()
        assert (answer.status_code, answer.mimetype) == (429, "text/html")
        assert 0 < int(answer.headers["Retry-After"]) <= ONES_TRIES.each_s
        assert answer.headers["Retry-After"] in answer.text
    other = {"REMOTE_ADDR": "192.0.2.7"}
    assert client.post("/login", data={"key": KEY}, headers=HERE, environ_base=other).status_code == 303
    assert app.test_client().get(f"{BASE}/stats", headers=BEARER).status_code == 200, "a key goes on"


def test_right_keys_use_no_tries(app):
    """
    Somebody signs in more often than wrong keys are possible.
    """
    for _ in range(ONES_TRIES.size + 5):
        enter(app)


def test_wrong_keys_are_limited_in_all_and_on_all_web_processes(app, settings, monkeypatch):
    """
    Two processes count together, and many addresses have no more tries than there are for everybody.
    """
    monkeypatch.setattr(sign_in, "ALL_TRIES", Bucket("sign-in-all", 6, 100.0))
    twin = create_app(settings)
    statuses = [
        target.test_client()
        .post("/login", data={"key": "x"}, headers=HERE, environ_base={"REMOTE_ADDR": f"192.0.2.{number}"})
        .status_code
        for number, target in enumerate([app, twin] * 4)
    ]
    assert statuses == [401] * 6 + [429] * 2
    twin.extensions["vocaqueue"].queue.close()


@pytest.mark.parametrize(
    "asked",
    [
        {"json": {"key": "wrong"}},
        {"data": b"{", "content_type": "application/json"},
        {"data": {"key": "wrong"}, "headers": {"Accept": "application/json"}},
    ],
)
def test_a_program_is_refused_in_json(app, asked):
    """
    Whoever sends JSON, or wants it, gets the API's envelope and a sentence, never a page.
    """
    answer = app.test_client().post("/login", **asked)
    assert (answer.status_code, answer.mimetype) == (403, "application/json")
    assert answer.json["error"]["code"] == "not_allowed"
    assert "form" in answer.json["error"]["message"]


def test_the_form_is_described_and_answers_as_it_says(app):
    """
    The description names the fields of the page's form, as a form's, and answers come as documented.
    """
    client = app.test_client()
    described = client.get("/api/openapi.json", headers=BEARER).json
    operation = described["paths"]["/login"]["post"]
    ((kind, body),) = operation["requestBody"]["content"].items()
    fields = described["components"]["schemas"][body["schema"]["$ref"].rpartition("/")[2]]
    assert kind == "application/x-www-form-urlencoded"
    assert set(fields["properties"]) == set(re.findall(r'<input[^>]*name="(\w+)"', client.get("/login").text))
    assert fields["required"] == ["key"]

    def send(key: str, **headers: str) -> TestResponse:
        return app.test_client().post("/login", data={"key": key}, headers=headers)

    answers = [send(KEY, **HERE), send("wrong", **HERE), send(KEY), send("a" * 20_000, **HERE)]
    while answers[-1].status_code != 429:
        answers.append(send("wrong", **HERE))
    found = {str(answer.status_code): answer for answer in answers}
    assert set(found) == set(operation["responses"]) - {"503"}  # which tests/api/test_sessions.py brings about
    assert found.pop("303").headers["Location"] == "/"
    for status, answer in found.items():
        check(described, "/login", "post", status, answer)
