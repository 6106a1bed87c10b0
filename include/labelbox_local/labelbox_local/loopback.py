"""Ports of the loopback, and what answers on them."""

from __future__ import annotations

import contextlib
import socket
import urllib.error
import urllib.request
from collections.abc import Sequence
from random import SystemRandom

HOST = "127.0.0.1"
# The services are on the loopback, whatever proxy the environment names.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def is_free(port: int) -> bool:
    """Tell whether a server can listen on a port of the loopback."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
    return True


def free_ports(count: int, *, offsets: Sequence[int] = (0,)) -> list[int]:
    """Return ports P on the loopback for which P + each offset is free.

    They are chosen below the range from which Linux takes the ports of outgoing connections.

    :raises OSError: there are not so many
    """
    chosen: list[int] = []
    with contextlib.ExitStack() as held:
        for port in SystemRandom().sample(range(11_000, 22_000), 2_000):
            try:
                for number in (port + offset for offset in offsets):
                    held.enter_context(_bound(number))
            except OSError:
                continue
            chosen.append(port)
            if len(chosen) == count:
                return chosen
    raise OSError(f"Found no {count} free ports between 11000 and 22000 on {HOST}.")


def _bound(port: int) -> socket.socket:
    listener = socket.socket()
    try:
        listener.bind((HOST, port))
    except OSError:
        listener.close()
        raise
    return listener


def answers(url: str) -> bool:
    """Tell whether a server answers there, be it with a refusal."""
    try:
        with opener.open(url, timeout=2):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
