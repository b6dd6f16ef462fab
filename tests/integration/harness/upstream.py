"""Backends played by the test: exact bytes in, exact bytes out, at moments of the test's choosing."""

import select
import socket
import threading

from . import process, wire


class Upstream:
    """The test itself accepts, reads and answers. Nothing is accepted, read or sent on its own."""

    def __init__(self, host="127.0.0.1", receive_buffer=None, port=0):
        self._socket = process.listen(host, receive_buffer=receive_buffer, port=port)
        self.host, self.port = self._socket.getsockname()[:2]
        self._accepted = []

    @property
    def address(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def accept(self):
        sock, _ = self._socket.accept()
        sock.settimeout(process.PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = wire.Wire(sock)
        self._accepted.append(connection)
        return connection

    def nobody_waits(self):
        """No connection is waiting to be accepted at this moment."""
        return not select.select([self._socket], [], [], 0)[0]

    def stop_listening(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for connection in self._accepted:
            connection.leave()
        self._socket.close()


class ServingUpstream:
    """Answers by itself: `answer(request, connection)` runs once per request, one thread per connection.
    If it returns "close" the connection ends."""

    def __init__(self, answer, host="127.0.0.1", port=0):
        self._answer = answer
        self._socket = process.listen(host, port=port)
        self.host, self.port = self._socket.getsockname()[:2]
        self._lock = threading.Lock()
        self._open = set()
        self._threads = []
        self.requests = []
        self.connections = 0
        self.errors = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    @property
    def address(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def _accept(self):
        while True:
            try:
                sock, _ = self._socket.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            sock.settimeout(process.PATIENCE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = wire.Wire(sock)
            with self._lock:
                self.connections += 1
                self._open.add(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection):
        try:
            while True:
                request = connection.read_request()
                with self._lock:
                    self.requests.append(request)
                if self._answer(request, connection) == "close":
                    break
        except (EOFError, OSError):
            pass  # the gateway ended the connection
        except Exception as error:  # told by the test's end, which reads `errors`
            self.errors.append(error)
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.leave()

    def __enter__(self):
        return self

    def __exit__(self, exception_type, *_):
        # shutdown() wakes the accept under way; close() alone would not.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with self._lock:
            still_open = list(self._open)
        for connection in still_open:
            try:
                connection.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._acceptor.join(process.PATIENCE)
        for thread in self._threads:
            thread.join(process.PATIENCE)
        if self.errors and exception_type is None:
            raise self.errors[0]
