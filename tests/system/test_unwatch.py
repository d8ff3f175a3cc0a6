"""Sockets that a worker's children have inherited, after their main has closed them."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kombu.asynchronous import Hub

from tests import toys
from vocaqueue import Settings
from vocaqueue.engine.app import create_celery_app
from vocaqueue.registry import Registry
from vocaqueue.testing.valkey import PrivateValkey


@pytest.fixture
def child_of() -> Iterator[list[int]]:
    """Processes to be ended when the test is over."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def fork_that_sleeps() -> int:
    """A child that has every socket of this process open, as a pool's child has."""
    if (pid := os.fork()) == 0:
        while True:
            time.sleep(3600)
    return pid


def test_a_closed_socket_is_not_watched_any_more(valkey: PrivateValkey, child_of: list[int]) -> None:
    """
    When the connection that listens for broadcasts is cut and made anew, the old one, of which a child has a copy, is
    not reported again; a worker's main would read from the new one for ever.
    """
    app = create_celery_app(
        Settings.from_env({"REDIS_URL": valkey.url, "VOCAQUEUE_NAMESPACE": "unwatch"}), Registry(toys.JOB_TYPES)
    )
    hub = Hub()
    with app.connection_for_read() as connection:
        channel = connection.default_channel
        mailbox = app.control.mailbox(connection)
        consumer = mailbox.Node("one", channel=channel).listen(callback=print)
        connection.register_with_event_loop(hub)

        def ready() -> list[tuple[int, int]]:
            for callback in list(hub.on_tick):
                callback()
            return list(hub.poller.poll(0.1) or ())

        ready()
        child_of.append(fork_that_sleeps())
        listening = channel.subclient.connection
        number = listening._sock.fileno()
        valkey.client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        listening.disconnect()  # as kombu does after a sign of life that was not possible
        held = socket.socketpair()  # so that the number is not given again
        events = ready() + ready()
        assert number not in {fd for fd, _ in events} - set(hub.readers), events
        for end in held:
            end.close()
        consumer.cancel()
    hub.close()


def test_tickets_that_cannot_be_put_back_leave_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the server goes with tickets in hand the connection closes without a word to disk: they are sent again."""
    with PrivateValkey() as server:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        app = create_celery_app(Settings.from_env({"REDIS_URL": server.url}), Registry(toys.JOB_TYPES))
        app.send_task("toy", ("job", 1), queue="toy")
        connection = app.connection_for_read()
        channel = connection.default_channel
        message = channel.basic_get("toy")
        assert message.delivery_tag in channel.qos._delivered
        server.kill()
        channel.qos.restore_unacked_once()
        assert not channel.qos._delivered
        assert list(tmp_path.iterdir()) == []
        connection.collect()
        app.close()
