"""What gunicorn's configuration must not do."""

from __future__ import annotations

import subprocess
import sys


def test_nothing_that_waits_is_imported_before_gevent_patches() -> None:
    """
    gunicorn reads its configuration before gevent patches the standard library: it leaves the stream unread until then.
    """
    look = "import sys, api.gunicorn; print([m for m in sys.modules if m.startswith(('vocaqueue.admin', 'redis'))])"
    ran = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
