"""Who acts is said at the door and known everywhere behind it."""

from __future__ import annotations

import getpass
import threading

from click.testing import CliRunner
from flask import Flask, jsonify
from pydantic import BaseModel

from vocaqueue.actor import Actor, acting, current
from vocaqueue.admin.guard import GuardedBlueprint, Identity
from vocaqueue.cli.main import main


class Shown(BaseModel):
    """Whatever the probe's route answers."""


def test_without_a_word_it_is_the_user_of_the_process() -> None:
    """
    A program that names nobody acts as its operating system's user, via python.
    """
    actor = current()
    assert (actor.via, actor.name) == ("python", getpass.getuser())
    assert actor.id == f"{actor.name}@{actor.address}"


def test_who_is_named_acts_in_that_block_and_thread_only() -> None:
    """
    A named actor ends with its block and is not known in another thread.
    """
    somebody, elsewhere = Actor("7", "Kim", "operator", "http", "10.0.0.1"), list[Actor]()
    with acting(somebody):
        assert current() == somebody
        thread = threading.Thread(target=lambda: elsewhere.append(current()))
        thread.start()
        thread.join()
    assert current().via == elsewhere[0].via == "python"


def test_a_request_acts_as_its_identity_from_its_address() -> None:
    """
    Inside a guarded route the actor is the host's identity, also where another request came before in the same thread.
    """
    blueprint = GuardedBlueprint("b", __name__, authorize=lambda r: Identity(r.args["id"], "Lee", "viewer"))
    blueprint.get("/who", role="viewer", endpoint="who", query=None, answer=Shown)(lambda: jsonify(current().as_dict()))
    app = Flask(__name__)
    app.register_blueprint(blueprint)
    for who in ("1", "2"):
        answer = app.test_client().get(f"/who?id={who}", environ_base={"REMOTE_ADDR": "10.1.2.3"}).json
        assert answer == {"id": who, "name": "Lee", "role": "viewer", "via": "http", "address": "10.1.2.3"}
    assert current().via == "python"


def test_a_command_acts_as_the_user_who_types_it() -> None:
    """
    Whatever a command does is done by the operating system's user, via cli; it ends with the command.
    """
    seen = list[Actor]()
    probe = main.commands["jobs"]
    main.add_command(type(probe)("probe", callback=lambda: seen.append(current())))
    try:
        assert CliRunner().invoke(main, ["probe"]).exit_code == 0
    finally:
        del main.commands["probe"]
    assert (seen[0].via, seen[0].name) == ("cli", getpass.getuser())
    assert current().via == "python"
