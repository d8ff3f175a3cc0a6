"""The shop's Flask application, with a queue for each branch under /ops."""

from __future__ import annotations

import os

from flask import Blueprint, Flask, Response
from werkzeug.middleware.proxy_fix import ProxyFix

from vocaqueue.admin import create_admin_blueprint

from . import database, pages, staff
from .branches import queue_of

LINKS = {"login": "/sign-in", "logout": "/sign-out"}  #: of the shop, for the dashboard
PAGE = "<!doctype html><title>Lantern Books</title><h1>{}</h1>"


def create_app() -> Flask:
    app = Flask(__name__)
    app.secret_key = os.environ["BOOKSHOP_SECRET"]
    app.config.update(SESSION_COOKIE_NAME="bookshop", SESSION_COOKIE_SAMESITE="Lax")
    app.register_blueprint(pages.blueprint)
    app.register_blueprint(staff.blueprint)

    ops = Blueprint("ops", __name__)
    for branch in database.BRANCHES:
        queue = queue_of(branch)
        admin = create_admin_blueprint(
            queue, authorize=staff.of(branch, queue), keys=queue.keys, links=LINKS, name=branch
        )
        ops.register_blueprint(admin, url_prefix=f"/{branch}/queue")
    app.register_blueprint(ops, url_prefix="/ops")

    @app.errorhandler(404)
    def not_found(_error: Exception) -> tuple[str, int]:
        return PAGE.format("This page is out of print"), 404

    @app.errorhandler(500)
    def failed(_error: Exception) -> tuple[str, int]:
        return PAGE.format("A shelf fell down"), 500

    @app.after_request
    def sign(response: Response) -> Response:
        response.headers["X-Bookshop"] = "Lantern Books"
        return response

    @app.cli.command("init-db")
    def init_db() -> None:
        """Make the shop's tables, with something in them."""
        database.fill()

    # One proxy stands before the shop; it may serve it below a path (X-Forwarded-Prefix).
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_prefix=1)  # type: ignore[method-assign]
    return app
