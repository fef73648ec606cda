"""The connection under a session: every socket is known, so that one deadline ends headers, body and all, and the
address that was really reached is looked at before anything is sent."""

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from pipeline.web.hosts import is_public

PrivateCheck = Callable[[str], bool]


class Watch:
    """The sockets of a session, and whether a deadline ended one of them."""

    def __init__(self) -> None:
        self.is_over = False
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()

    def add(self, connection: socket.socket) -> None:
        """Notes a connection; a copy of its handle stays ours when TLS takes it over."""
        with self._lock:
            self._open = [*self._open[-8:], connection.dup()]

    def end(self) -> None:
        """Ends every connection at once: whoever reads from one gets no more."""
        self.is_over = True
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        """Ends the connections if the block takes longer than this."""
        self.is_over = False
        timer = threading.Timer(seconds, self.end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            with self._lock:
                if self.is_over:
                    self._open = []


def open_transport(watch: Watch, allows_private: PrivateCheck) -> requests.Session:
    """Returns a session of `requests` that keeps no cookies' or passwords' files and no proxy, and whose sockets are
    watched.

    Args:
        watch: notes the sockets.
        allows_private: whether a host, by name, may lie at a private address.
    """
    transport = requests.Session()
    transport.trust_env = False
    transport.headers.clear()
    adapter = _Adapter(watch, allows_private)
    for scheme in ("http://", "https://"):
        transport.mount(scheme, adapter)
    return transport


class _Adapter(HTTPAdapter):
    """Makes pools whose connections are watched."""

    def __init__(self, watch: Watch, allows_private: PrivateCheck) -> None:
        self._watch, self._allows_private = watch, allows_private
        super().__init__(max_retries=0)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        plain, secret = _watched(self._watch, self._allows_private)
        self.poolmanager.pool_classes_by_scheme = {"http": plain, "https": secret}


def _watched(watch: Watch, allows_private: PrivateCheck) -> tuple[type, type]:
    """Returns classes of pools for http and https whose connections are watched."""

    def reach(connection: Any, make: Callable[[], socket.socket]) -> socket.socket:
        made = make()
        peer = str(made.getpeername()[0]).partition("%")[0]
        if not is_public(ipaddress.ip_address(peer)) and not allows_private(connection.host):
            made.close()
            raise urllib3.exceptions.NewConnectionError(connection, f"{peer} is a private address")
        watch.add(made)
        return made

    class Plain(urllib3.connection.HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return reach(self, super()._new_conn)

    class Secret(urllib3.connection.HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return reach(self, super()._new_conn)

    class PlainPool(urllib3.HTTPConnectionPool):
        ConnectionCls = Plain

    class SecretPool(urllib3.HTTPSConnectionPool):
        ConnectionCls = Secret

    return PlainPool, SecretPool
