#!/usr/bin/env python3
"""inetd: forks for each connection, gives up root in the child and starts another program."""
import hashlib
import os
import socket

from common import Absent, main


SCRIPT = """#!/bin/sh
for i in 1 2 3; do read -r x; (echo "$i $x" | tr a-c A-C); done
id -u
"""


def echo(port, text):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as s:
        s.sendall(text)
        s.shutdown(socket.SHUT_WR)
        got = b""
        while chunk := s.recv(65536):
            got += chunk
        return got


def version():
    with os.popen("dpkg-query -W -f='${Version}' openbsd-inetd 2>/dev/null") as said:
        return said.read() or "?"


def work(trial):
    if os.getuid():
        raise Absent("inetd needs root to become others")
    shell = trial.write("three.sh", SCRIPT, 0o755)
    ports = [trial.free_port() for _ in range(2)]
    config = trial.write("inetd.conf", f"127.0.0.1:{ports[0]} stream tcp nowait nobody /usr/bin/sort sort -r\n"
                         f"127.0.0.1:{ports[1]} stream tcp nowait root {shell} three\n")
    server = trial.start("inetd", "-i", "-E", "-R", "100000", config)
    for port in ports:
        trial.wait_port(port, server)
    answers = []
    for i in range(trial.amount(20, 300)):
        text = b"".join(b"%d\n" % (j * 7919 % 1000 + i) for j in range(200))
        answers.append((hashlib.sha256(echo(ports[0], text)).hexdigest()[:16], echo(ports[1], b"a\nb\nc\n").decode()))
    return {"answers": answers, "ended": trial.stop(server), "log": trial.read(server.log)}


if __name__ == "__main__":
    main(work, "inetd", version, "every answer of programs that it started as nobody and as root; its log; exit", size="1M",
         note="forks, becomes another user, then exec")
