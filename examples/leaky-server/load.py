#!/usr/bin/env python3
"""load.py PORT SECONDS RATE: drives the example server with RATE requests a second over four connections.

Half of the requests are logins of new users, half are pages. Ends after SECONDS, or when the server is gone; prints how
many requests were answered.
"""
import socket
import sys
import time

NR_CONNECTIONS = 4
BATCH = 20


def connect(port, patience_s=5.0):
    """A server that has just been started may not listen yet."""
    give_up = time.monotonic() + patience_s
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=5)
        except OSError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.05)


def read_answers(connection, wanted):
    """Reads until `wanted` answers came; False when the server closed."""
    data = b""
    while wanted:
        end = data.find(b"\r\n\r\n")
        length = int(data[:end].rsplit(b":", 1)[1]) if end >= 0 else 0
        if end >= 0 and len(data) >= end + 4 + length:
            data = data[end + 4 + length:]
            wanted -= 1
            continue
        chunk = connection.recv(65536)
        if not chunk:
            return False
        data += chunk
    return True


def requests(number):
    """One batch of requests, pipelined."""
    batch = b""
    for i in range(number, number + BATCH):
        path = f"/login?user=user{i}" if i % 2 else f"/page/{i % 5000}"
        batch += f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    return batch


def drive(port, seconds, rate):
    connections = [connect(port) for _ in range(NR_CONNECTIONS)]
    start, nr_answered = time.monotonic(), 0
    while time.monotonic() - start < seconds:
        connection = connections[nr_answered // BATCH % NR_CONNECTIONS]
        connection.sendall(requests(nr_answered))
        if not read_answers(connection, BATCH):
            raise ConnectionError("closed")
        nr_answered += BATCH
        yield nr_answered
        ahead_s = nr_answered / rate - (time.monotonic() - start)
        if ahead_s > 0:
            time.sleep(ahead_s)


def main(port, seconds, rate):
    nr_answered = 0
    try:
        for nr_answered in drive(port, seconds, rate):
            pass
        print(f"load: {nr_answered} requests answered")
    except OSError:
        print(f"load: the server is gone after {nr_answered} requests")


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
