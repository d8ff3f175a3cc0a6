"""The shop's own pages."""

from __future__ import annotations

from flask import Blueprint, render_template_string, url_for
from flask.typing import ResponseReturnValue

from . import staff
from .database import BRANCHES

HOME = """<!doctype html><title>Lantern Books</title><h1>Lantern Books</h1>
{% if person %}<p>Good morning, {{ person.name }}.</p>
<ul>{% for branch, address in queues %}<li><a href="{{ address }}">Jobs of {{ branch }}</a></li>{% endfor %}</ul>
{% else %}<p><a href="{{ url_for('staff.sign_in') }}">Sign in</a></p>{% endif %}"""

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def home() -> ResponseReturnValue:
    person = staff.signed_in()
    queues = [(branch, url_for(f"ops.{branch}.dashboard")) for branch in BRANCHES if person and person.post_at(branch)]
    return render_template_string(HOME, person=person, queues=queues)
