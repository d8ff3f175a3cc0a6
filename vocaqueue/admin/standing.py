"""Whether somebody may still see what they began to watch: `authorize` is asked again while a stream is open."""

from __future__ import annotations

import logging
import time

from flask import Request, current_app
from werkzeug.exceptions import HTTPException

from ..errors import KeyRefused
from .guard import ROLES, Authorize, Identity

log = logging.getLogger(__name__)

LONGEST_S = 15.0  #: between two questions; a stream ends within twice that after its identity is no longer valid


class Standing:
    """
    The right to one open stream.

    Args:
        authorize: The blueprint's.
        request: What began the stream. It is asked again as if it came anew, by the same headers: the host's functions
            before a request run too, for they may be what finds its user.
        who: Whom it was; somebody else may not go on with it.
        role: What the stream needs.
    """

    def __init__(self, authorize: Authorize, request: Request, who: Identity, role: str, every_s: float) -> None:
        self._app = current_app._get_current_object()  # type: ignore[attr-defined]
        self._authorize, self._who, self._role = authorize, who, role
        self._environ = request.environ
        self._every_s = min(every_s, LONGEST_S)
        self._asked_at = time.monotonic()
        self._is_over = False

    @property
    def due_s(self) -> float:
        """Seconds until it is to be asked again."""
        return max(0.0, self._asked_at + self._every_s - time.monotonic())

    def holds(self) -> bool:
        """Asked only when it is due. An error that says nothing about the identity changes nothing."""
        if self.due_s <= 0 and not self._is_over:
            self._asked_at = time.monotonic()
            self._is_over = not self._ask()
        return not self._is_over

    def _ask(self) -> bool:
        try:
            with self._app.request_context(dict(self._environ)) as context:
                if self._app.preprocess_request() is not None:  # the host answers in our place: sign in, for example
                    return False
                found = self._authorize(context.request)
                return found is not None and found.id == self._who.id and self._is_enough(found.role)
        except (HTTPException, KeyRefused):
            return False
        except Exception as error:  # what keeps the keys is away; the next question comes soon
            log.warning("could not ask again who follows a stream", extra={"reason": str(error)})
            return True

    def _is_enough(self, role: str) -> bool:
        return ROLES.index(role) >= ROLES.index(self._role)
