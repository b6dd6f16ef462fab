"""A backend that streams paced events: sse_backend.py PORT, POST /v1/events/EVENTS/GAP_MS. Raw sockets, one thread.

The streams' events are spread over the gap whenever the streams began: how fast a proxy opens them does not decide
how many of their events arrive together.
"""
import heapq
import selectors
import socket
import sys
import time

EVENT = b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":" word"}}]}\n\n'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
FRAME = b"%x\r\n%s\r\n" % (len(EVENT), EVENT)
END = b"0\r\n\r\n"
GOLDEN = 0.6180339887  # its multiples, modulo 1, spread evenly however many they are


class Connection:
    def __init__(self, sock):
        self.socket = sock
        self.received = b""
        self.left = 0

    def request(self):
        """The (events, gap in seconds) of a request that has arrived whole, or None."""
        head, separator, rest = self.received.partition(b"\r\n\r\n")
        if not separator:
            return None
        lines = head.split(b"\r\n")
        length = next((int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length:")), None)
        if length is None:  # chunked, and small enough to be one chunk and the last
            if not rest.endswith(b"0\r\n\r\n"):
                return None
            length = len(rest)
        if len(rest) < length:
            return None
        self.received = rest[length:]
        events, gap = lines[0].split(b" ")[1].split(b"/")[-2:]
        return int(events), int(gap) / 1000


def serve(port):
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    listener.setblocking(False)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    due = []  # (when, number, connection, gap)
    started = 0

    def send(connection, data):
        try:
            connection.socket.sendall(data)
            return True
        except OSError:
            return False

    def read(connection):
        nonlocal started
        try:
            data = connection.socket.recv(65536)
        except OSError:
            data = b""
        if not data:
            selector.unregister(connection.socket)
            connection.socket.close()
            connection.left = 0
            return
        connection.received += data
        while (asked := connection.request()) is not None:
            connection.left, gap = asked
            started += 1
            send(connection, HEAD)
            heapq.heappush(due, (time.monotonic() + gap * (started * GOLDEN % 1), started, connection, gap))

    while True:
        wait = max(0, due[0][0] - time.monotonic()) if due else None
        for key, _ in selector.select(wait):
            if key.data is None:
                sock, _ = listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(sock, selectors.EVENT_READ, Connection(sock))
            else:
                read(key.data)
        now = time.monotonic()
        while due and due[0][0] <= now:
            when, number, connection, gap = heapq.heappop(due)
            connection.left -= 1
            if connection.left >= 0 and send(connection, FRAME if connection.left else FRAME + END) and connection.left:
                heapq.heappush(due, (when + gap, number, connection, gap))


if __name__ == "__main__":
    serve(int(sys.argv[1]))
