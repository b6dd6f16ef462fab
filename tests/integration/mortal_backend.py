#!/usr/bin/python3
"""A backend that may be killed at any moment and has noted, before each answer's first byte, whose answer it is.

    mortal_backend.py LISTENING_FD FILE

One line per answer goes to FILE: the request's X-Request-Id, written before the answer's first byte is sent."""

import os
import socket
import sys
import threading

from harness import wire


def serve(connection, noted):
    try:
        while True:
            request = connection.read_request()
            os.write(noted, (request.get("x-request-id") + "\n").encode())
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
            connection.send(b"ok")
    except (EOFError, OSError):
        connection.leave()


def main():
    listener = socket.socket(fileno=int(sys.argv[1]))
    listener.settimeout(None)
    noted = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(wire.Wire(sock), noted), daemon=True).start()


main()
