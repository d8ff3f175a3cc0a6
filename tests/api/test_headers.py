"""What every answer tells the browser."""

from __future__ import annotations

import re

import pytest

from tests.api.conftest import BEARER
from tests.api.routes import BASE

PATHS = (
    "/",
    "/healthz",
    "/nothing",
    "/login",
    "/login/sign_in.css",
    f"{BASE}/stats",
    f"{BASE}/ui/app.js",
    f"{BASE}/keys/x",
)


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_the_security_headers(app, path):
    """
    The strict policy is on pages, files, JSON, redirects and errors alike, with and without a key.
    """
    for headers in ({}, BEARER):
        answer = app.test_client().get(path, headers=headers)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        for name, value in {
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
        }.items():
            assert answer.headers[name] == value
        assert "camera=()" in answer.headers["Permissions-Policy"]
        assert "Cache-Control" in answer.headers
        assert "Strict-Transport-Security" not in answer.headers


def test_over_tls_browsers_are_told_to_stay_there(app):
    """
    For this host, for a year.
    """
    for path in PATHS:
        answer = app.test_client().get(path, base_url="https://localhost")
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_no_page_has_anything_that_the_policy_forbids(app):
    """
    No page holds a script, a style or a handler of its own.
    """
    for path in ("/login", f"{BASE}/ui/index.html"):
        text = app.test_client().get(path).text
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text)
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


def test_what_is_no_page_is_json(app):
    """
    An address where nothing is answers JSON, also to a browser.
    """
    answer = app.test_client().get("/nothing", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/login/nothing", "/login/%00", "/login/..%2Fapp.py", "/login/sign_in.css%00.html"])
def test_only_the_pages_own_files_are_served(app, path):
    """
    Whatever a name looks like, what is not among them is 404 in JSON.
    """
    answer = app.test_client().get(path)
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "not_found")
