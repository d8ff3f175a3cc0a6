"""Arguments of a query and bodies: whatever makes no sense is said with the name of the field."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("path", "field", "said"),
    [
        ("/jobs?pgae=2", "pgae", "did you mean “page”"),
        ("/jobs?page=-1", "page", "greater than or equal to 1"),
        ("/jobs?page=0", "page", "greater than or equal to 1"),
        ("/jobs?limit=1e9", "limit", "must be a whole number"),
        ("/jobs?limit=1000000000", "limit", "less than or equal to 100"),
        ("/jobs?limit=" + "9" * 5000, "limit", "must be a whole number"),
        ("/jobs?limit=１", "limit", "must be a whole number"),
        ("/jobs?limit=1_0", "limit", "must be a whole number"),
        ("/jobs?page=1&page=2", "page", "is there 2 times"),
        ("/jobs?status=done", "status", "must be among"),
        ("/stats?verbose=1", "verbose", "There is no field"),
        ("/types?page=1", "page", "There is no field"),
        ("/jobs/x/wait?timeout=301", "timeout", "less than or equal to 300"),
        ("/jobs/x/errors?format=pdf", "format", "'json', 'csv' or 'xlsx'"),
        ("/jobs?page=", "page", "must be a whole number"),
        ("/jobs?sort=", "sort", "sort must be among createdAt,"),
        ("/jobs?sort=newest", "sort", "“newest” is not"),
        ("/jobs?createdAfter=yesterday", "createdAfter", "must be a time with its zone, such as 2030-01-31T09"),
        ("/jobs?createdAfter=2030-01-31T09:00:00+09:00", "createdAfter", "in an address it is written %2B"),
        ("/jobs?finishedAfter=2030-01-31T09:00:00", "finishedAfter", "must be a time with its zone"),
        ("/jobs/x/errors?format=", "format", "'json', 'csv' or 'xlsx'"),
        ("/dead-letters?limit=0", "limit", "greater than or equal to 1"),
    ],
)
def test_a_wrong_argument_is_422_and_named(client, path, field, said):
    """
    Unknown, repeated, negative, huge and misspelled arguments are refused with their name, not ignored.
    """
    answer = client.get(path)
    details = answer.json["error"]["details"]
    assert (answer.status_code, details[0]["field"]) == (422, field)
    assert said in details[0]["message"]


@pytest.mark.parametrize(
    ("path", "body", "field", "said"),
    [
        ("/jobs/toy", {"ids": "a"}, "ids", "must be a list"),
        ("/jobs/toy", {"ids": [1]}, "ids.0", "must be a text"),
        ("/jobs/toy", {"ids": ["a"], "labels": ["x"] * 21}, "labels", "must have at most 20 items, not 21"),
        ("/jobs/toy", {"ids": ["a"], "name": "x" * 201}, "name", "must have at most 200 characters"),
        ("/jobs/toy", {"ids": ["a"], "delay": "soon"}, "delay", "must be a number"),
        ("/jobs/toy", {"ids": ["a"], "unique": "perhaps"}, "unique", "must be true or false"),
        ("/jobs/toy", {"ids": ["a"], "runAt": "2030-01-31T09:00:00"}, "runAt", "must be a time with its zone, such as"),
        ("/action", {"action": "stop"}, "action", "must be 'pause', 'resume', 'clean' or 'empty'"),
        ("/action", {}, "action", "must be given"),
        (
            "/jobs/bulk",
            {"action": "delete", "filter": {"statuss": "x"}},
            "filter.statuss",
            "There is no field “statuss”; did",
        ),
        ("/action", {"action": "clean", "options": []}, "options", "must be an object"),
    ],
)
def test_a_wrong_field_is_said_in_words_of_the_request(client, path, body, field, said):
    """
    Whoever sends JSON has lists, texts and objects; what Python makes of them is not their affair.
    """
    answer = client.post(path, body)
    detail = answer.json["error"]["details"][0]
    assert (answer.status_code, detail["field"]) == (422, field)
    assert detail["message"].startswith(said)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"a": "\xff"}', "it is not UTF-8 from byte 7 on."),
        (b'{"a": ' + b"9" * 5000 + b"}", "a number in it has too many digits."),
        (b'{"a": NaN}', "NaN is no JSON."),
    ],
)
def test_why_a_body_is_no_json_is_said_without_python(client, body, said):
    """
    The sentence ends with the reason, not with the name of a Python function.
    """
    answer = client.call("POST", "/action", data=body, content_type="application/json")
    assert answer.json["error"]["message"] == f"The body cannot be read as JSON: {said}"


@pytest.mark.parametrize("given", ["0.5", "1e3", "1900000000", "2030-01-31", "-1", ""])
def test_a_time_is_a_day_and_an_hour(client, given):
    """
    A number is no time, and neither is a day alone, whose zone nobody could tell.
    """
    answer = client.post("/jobs/toy", {"ids": ["a"], "runAt": given})
    assert (answer.status_code, answer.json["error"]["details"][0]["field"]) == (422, "runAt")


def test_a_switch_is_true_or_false(client, queue):
    """
    `?dryRun` alone, or 1, could be meant either way, and one way jobs are changed: so it is refused.
    """
    for given in ("dryRun", "dryRun=", "dryRun=1", "dryRun=True"):
        answer = client.post(f"/jobs/bulk?{given}", {"action": "cancel", "ids": ["a"]})
        assert (answer.status_code, answer.json["error"]["details"][0]["field"]) == (422, "dryRun")
        assert client.post(f"/jobs/toy?{given}", {"ids": ["a"]}).status_code == 422
    assert queue.jobs().total == 0


def test_an_empty_argument_counts_as_left_out(client):
    """
    A form that sends all its fields finds what one finds that sends none.
    """
    assert client.get("/jobs?type=&status=&createdBy=").json == client.get("/jobs").json


@pytest.mark.parametrize("path", ["/jobs?type=%00", "/jobs?type=a%00b", "/dead-letters?page=%00"])
def test_a_nul_in_an_argument_is_400(client, path):
    """
    No text may contain a NUL, in a query as little as in a body.
    """
    assert (client.get(path).status_code, client.get(path).json["error"]["code"]) == (400, "malformed")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"ids": ["a"], "ids": ["b"]}', "the field “ids” is there twice"),
        ('{"ids": ["a"], "fail": {"a": [], "a": []}}', "the field “a” is there twice"),
        ('{"ids": ["a"], "\\u0069ds": ["b"]}', "the field “ids” is there twice"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ('{"ids": ["\\ud800"]}', "lone surrogate"),
        ('{"ids": ["\\u0000"]}', "NUL"),
        ('{"seconds": NaN}', "cannot be read as JSON"),
    ],
)
def test_a_body_that_can_mean_anything_is_400(client, body, said):
    """
    A name that is there twice, a nesting without an end, half letters: 400, with what it is.
    """
    answer = client.call("POST", "/jobs/toy", data=body, content_type="application/json")
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "malformed")
    assert said in answer.json["error"]["message"]
