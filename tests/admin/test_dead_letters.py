"""Messages that were set aside, over HTTP and in Python."""

from __future__ import annotations

import pytest

from vocaqueue.store.dead_letters import DeadLetters


def test_they_are_listed_newest_first_in_pages(client, queue):
    """
    A page is a list like any other, and says when, where, why, and how the message began.
    """
    letters = DeadLetters(queue.ledger)
    for n in range(3):
        letters.add(
            f"l{n}", queue="toy", reason="not_json", message="It is not JSON.", raw=b"<xml>", worker="w@h", patience_s=1
        )
    data = client.get("/dead-letters?limit=2").json["data"]
    assert (data["page"], data["limit"], data["total"], data["totalPages"]) == (1, 2, 3, 2)
    first = data["items"][0]
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "id": "l2", "queue": "toy", "reason": "not_json", "message": "It is not JSON.", "raw": "<xml>", "sizeBytes": 5,
        "worker": "w@h",
    }  # fmt: skip
    assert [letter["id"] for letter in client.get("/dead-letters?page=2&limit=2").json["data"]["items"]] == ["l0"]
    assert queue.dead_letters(page=2, limit=2).items[0].id == "l0"


@pytest.mark.parametrize("query", ["page=0", "limit=101", "limit=x", "queue=toy"])
def test_a_wrong_query_names_the_field(client, query):
    """
    Bad paging, and a filter that there is not, are 422.
    """
    answer = client.get(f"/dead-letters?{query}")
    assert answer.status_code == 422
    assert answer.json["error"]["details"][0]["field"] == query.partition("=")[0]
