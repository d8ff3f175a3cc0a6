"""Sign-in, keys, cookies from elsewhere, health, and the words."""

from __future__ import annotations

import io
import time
from dataclasses import replace

import pytest

from api.app import create_app
from tests.api.conftest import BEARER
from tests.system.systems import until
from vocaqueue import QueueManager
from vocaqueue.store.ledger import Ledger
from vocaqueue.store.logins import Logins
from vocaqueue.store.processes import Presence
from vocaqueue.testing.valkey import PrivateValkey
from workers.words import contents, images
from workers.words.contents import NewContent
from workers.words.images import NewImage

BASE = "/api/admin/queue"
HERE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def signed_in(app, settings):
    """A client with a session, as after opening the link."""
    client = app.test_client()
    assert client.get(f"/login?token={Logins(Ledger(settings)).issue('admin')}").status_code == 303
    return client


def test_a_link_signs_in_once(app, settings):
    """
    The link sets a session cookie that scripts cannot read, leads to the dashboard, and works a single time.
    """
    link = f"/login?token={Logins(Ledger(settings)).issue('admin')}"
    client = app.test_client()
    assert client.head(link).status_code == 200, "a program that only looks does not use it up"
    answer = client.get(link)
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert client.get(answer.headers["Location"]).headers["Location"] == f"{BASE}/ui/"
    assert client.get(f"{BASE}/me").json["data"]["role"] == "admin"
    other = app.test_client().get(link)
    assert other.status_code == 401
    assert "make start" in other.text
    assert client.get(link).status_code == 303, "who is signed in already just goes on"


def test_over_tls_the_cookie_is_secure(app, settings):
    """
    Where the request came by https the cookie never goes over plain http.
    """
    link = f"https://localhost/login?token={Logins(Ledger(settings)).issue('admin')}"
    assert "Secure" in app.test_client().get(link).headers["Set-Cookie"]


def test_a_key_opens_and_a_wrong_one_does_not(app):
    """
    Only the very key of the settings is an identity.
    """
    client = app.test_client()
    assert client.get(f"{BASE}/stats", headers=BEARER).status_code == 200
    for wrong in ("Bearer x", "Bearer ", "Bearer the-admin-keyy", "Basic the-admin-key", "Bearer 키"):
        raw = wrong.encode().decode("latin-1")
        answer = client.get(f"{BASE}/stats", headers={"Authorization": raw})
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_an_address_where_nothing_is_says_so_outside_the_base_path_too(app):
    """
    In sentences for whoever calls an API, not for a reader of a page.
    """
    client = app.test_client()
    missing = client.get("/nothing")
    assert (missing.status_code, missing.json["error"]["message"]) == (404, "There is nothing at this address.")
    wrong = client.post("/healthz")
    assert (wrong.status_code, "GET" in wrong.headers["Allow"]) == (405, True)
    assert wrong.json["error"]["message"] == "POST is not possible here; the header Allow says what is."


def test_a_session_of_another_system_is_none(app, settings, signed_in):
    """
    A cookie that another namespace signed with the same secret opens nothing here.
    """
    other = create_app(replace(settings, namespace="other"))
    name = f"vocaqueue-{settings.namespace}"
    cookie = signed_in.get_cookie(name).value
    client = other.test_client()
    client.set_cookie("vocaqueue-other", cookie)
    assert client.get(f"{BASE}/me").status_code == 401
    other.extensions["vocaqueue"].queue.close()


def test_other_sites_cannot_act_with_the_cookie(signed_in, words):
    """
    A changing call by cookie must come from the same origin with a JSON or multipart body; reading is free.
    """
    body = {"filter": {"level": "A1"}}
    assert signed_in.get(f"{BASE}/stats").status_code == 200
    for headers in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil"}):
        refused = signed_in.post(f"{BASE}/jobs/export", json=body, headers=headers)
        assert (refused.status_code, refused.json["error"]["code"]) == (403, "not_allowed")
    form = signed_in.post(f"{BASE}/jobs/export", data="a=b", headers=HERE, content_type="text/plain")
    assert form.status_code == 403
    assert signed_in.post(f"{BASE}/jobs/export", json=body, headers=HERE).status_code == 201
    own = signed_in.post(f"{BASE}/jobs/export", json=body, headers={"Origin": "http://localhost"})
    assert own.status_code == 201
    assert signed_in.post("/logout", json={}, headers=HERE).status_code == 200
    assert signed_in.get(f"{BASE}/me").status_code == 401


def test_the_five_types_can_be_submitted(app, words):
    """
    Each of VocaVision's types answers 201 to the guide's own requests.
    """
    client = app.test_client()
    ids = [record.id for record in words.values()]
    content = {"wordIds": ids, "options": {"generateMnemonic": True, "generateEtymology": False}, "priority": "high"}
    for path, body in {
        "image-generation": {"wordIds": ids, "style": "cartoon", "size": "512x512", "regenerate": False},
        "content-generation": content,
        "export": {"format": "csv"},
        "cleanup": {"what": ["jobs"]},
    }.items():
        answer = client.post(f"{BASE}/jobs/{path}", json=body, headers=BEARER)
        assert answer.status_code == 201, answer.text
        assert answer.json["data"].get("totalWords", 3) == 3
    file = {"file": (io.BytesIO("word,meaning,pos,level\nowl,부엉이,noun,A2\n".encode()), "새 단어.csv")}
    imported = client.post(f"{BASE}/jobs/batch-import", data=file, headers=BEARER)
    assert (imported.status_code, imported.json["data"]["totalItems"]) == (201, None)


def test_too_many_ids_are_413_with_the_limit(app):
    """
    One more than a million is refused with the number that is possible.
    """
    body = {"wordIds": [str(n) for n in range(1_000_001)]}
    answer = app.test_client().post(f"{BASE}/jobs/image-generation", json=body, headers=BEARER)
    assert (answer.status_code, answer.json["error"]["code"]) == (413, "too_large")
    assert "at most 1,000,000 items" in answer.json["error"]["message"]
    assert answer.json["error"]["details"][0]["field"] == "wordIds"


def test_words_are_found_and_shown(app, words, settings):
    """
    Search and filters answer a page; one word comes with its texts, where they are from, and its picture.
    """
    client = app.test_client()
    found = client.get("/api/words?level=A1,B1&pos=noun&limit=1", headers=BEARER).json["data"]
    assert (found["total"], found["totalPages"], found["items"][0]["word"]) == (2, 2, "cat")
    assert client.get("/api/words?q=달리", headers=BEARER).json["data"]["items"][0]["word"] == "run"
    for wrong in ("missing=all", "level=A1&lvl=2", "limit=0"):
        assert client.get(f"/api/words?{wrong}", headers=BEARER).status_code == 422
    cat = words["cat"].id
    made = NewContent("definition", "a small animal", "ok", "offline", provenance={"source": "WordNet 3.0"})
    contents.put(cat, [made], fence=5, job_id="job-1")
    with app.extensions["vocaqueue"].queue.files.write(f"images/{cat}/x.webp") as out:
        out.write(b"RIFFpicture")
    images.put(cat, NewImage("anime", "512x512", f"images/{cat}/x.webp", "minimal", "offline"), fence=5, job_id="job-2")
    shown = client.get(f"/api/words/{cat}", headers=BEARER).json["data"]
    assert shown["contents"]["definition"]["provenance"]["source"] == "WordNet 3.0"
    assert shown["images"][0]["styleApplied"] == "minimal"
    picture = client.get(f"/api/words/{cat}/image?style=anime&size=512x512", headers=BEARER)
    assert (picture.data, picture.mimetype) == (b"RIFFpicture", "image/webp")
    assert client.get(f"/api/words/{cat}/image?style=cartoon", headers=BEARER).status_code == 404
    missing = client.get("/api/words/nobody", headers=BEARER)
    assert (missing.status_code, missing.json["error"]["code"]) == (404, "word_not_found")


def test_health_and_readiness(app, settings):
    """
    The process is healthy at once; the system is ready only with a worker for every type, and says which is missing.
    """
    client = app.test_client()
    assert client.get("/healthz").json["data"]["status"] == "ok"
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "image-generation" in answer.json["data"]["checks"]["workers"]["message"]
    ledger = Ledger(settings)
    for name in app.extensions["vocaqueue"].queue.job_types.names:
        ledger.client.hset(ledger.keys("slots", name), f"{name}@here", f"2:{ledger.now_ms()}")
    for kind in ("relay", "reconciler", "beat"):
        assert kind in answer.json["data"]["checks"][kind]["message"]
        Presence(ledger, kind).say()
    ready = until(lambda: (found := client.get("/readyz")).status_code == 200 and found)
    assert (ready.status_code, ready.json["data"]["ready"]) == (200, True)


def test_it_starts_without_a_job_store(settings, tmp_path):
    """
    A job store that is away does not keep the service from starting; calls are 503 until it is there.
    """
    with PrivateValkey(aof=True) as server:
        url = server.url
        server.kill()
        app = create_app(replace(settings, redis_url=url, broker_url=url))
        client = app.test_client()
        for path in (f"{BASE}/stats", "/login?token=x", "/readyz"):
            answer = client.get(path, headers=BEARER)
            assert (answer.status_code, "Retry-After" in answer.headers) == (503, True), path
        assert client.get("/api/words", headers=BEARER).status_code == 200
        server.start()
        end = time.monotonic() + 20
        while client.get(f"{BASE}/stats", headers=BEARER).status_code != 200:
            assert time.monotonic() < end
        app.extensions["vocaqueue"].queue.close()


def test_a_key_that_opens_nothing_says_why(app, settings):
    """
    Expired, revoked, mistyped, cut off, of another namespace: each is 401 with its own sentence, to who has the secret.
    """
    keys = app.extensions["vocaqueue"].queue.keys
    revoked, brief = keys.make("r", "admin"), keys.make("b", "admin", days=0.5 / 86_400)
    keys.revoke(revoked.key.id)
    foreign = QueueManager(replace(settings, namespace=f"{settings.namespace}-2"), [])
    other = foreign.keys.make("o", "admin").text

    def said(key: str) -> str:
        answer = app.test_client().get(f"{BASE}/stats", headers={"Authorization": f"Bearer {key}"})
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer"), key
        assert answer.json["error"]["code"] == "no_identity"
        return answer.json["error"]["message"]

    until(lambda: keys.page(statuses=["expired"]).total, 5)
    assert "was revoked at 20" in said(revoked.text)
    assert "expired at 20" in said(brief.text)
    assert "checksum" in said(revoked.text[:-1] + ("a" if revoked.text[-1] != "a" else "b"))
    assert "copied in full" in said(revoked.text[:-1])
    assert "not known here" in said(other)
    foreign.close()


def test_metrics_are_prometheus_text_by_key(app, words):
    """
    Jobs by type and status, items that wait, streams and calls, as Prometheus' own parser reads them; by key only.
    """
    from prometheus_client.parser import text_string_to_metric_families

    client = app.test_client()
    body = {"wordIds": [record.id for record in words.values()]}
    assert client.post(f"{BASE}/jobs/image-generation", json=body, headers=BEARER).status_code == 201
    assert client.get(f"{BASE}/jobs/nothing-1", headers=BEARER).status_code == 404
    assert client.get("/metrics").status_code == 401
    answer = client.get("/metrics", headers=BEARER)
    assert answer.mimetype == "text/plain"
    found = {
        (sample.name, *(value for name, value in sorted(sample.labels.items()) if name != "le")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert found["vocaqueue_jobs", "waiting", "image-generation"] == 1
    assert found["vocaqueue_items_waiting", "image-generation"] == 3
    assert found["vocaqueue_slots", "export"] == found["vocaqueue_streams",] == 0
    assert found["vocaqueue_http_seconds_count", "GET", f"{BASE}/jobs/<job_id>", "404"] == 1
    assert "nothing-1" not in answer.text


def test_metrics_have_no_more_rows_for_nonsense(app):
    """
    Anybody may send any method to any path; the memory that counts them does not grow with it.
    """
    client = app.test_client()
    for number in range(20):
        assert client.open(f"/nothing-{number}", method=f"NOTHING{number}").status_code == 404
    text = client.get("/metrics", headers=BEARER).text
    assert text.count("vocaqueue_http_seconds_count{") == 1
    assert 'vocaqueue_http_seconds_count{method="other",route="none",status="404"} 20.0' in text
