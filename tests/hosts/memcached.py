#!/usr/bin/env python3
"""memcached with threads: values set, read back, deleted and expired by four clients at once."""
import hashlib
import os
import socket
import threading

from common import Wrong, main, version_of


def talk(port, lines, nr_answers):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as s, s.makefile("rwb") as f:
        f.write(lines)
        f.flush()
        return [f.readline().strip() for _ in range(nr_answers)]


def value(i):
    return (b"%d " % i) * (1 + i * 7 % 300)


def client(port, first, nr, answers):
    out = b"".join(b"set k%d 0 0 %d\r\n%s\r\n" % (i, len(value(i)), value(i)) for i in range(first, first + nr))
    stored = talk(port, out, nr)
    deleted = talk(port, b"".join(b"delete k%d\r\n" % i for i in range(first, first + nr, 3)), len(range(first, first + nr, 3)))
    got = talk(port, b"".join(b"get k%d\r\n" % i for i in range(first + 1, first + nr, 3)), 3 * len(range(first + 1, first + nr, 3)))
    answers[first] = (set(stored), set(deleted), hashlib.sha256(b"".join(got)).hexdigest()[:16])


def work(trial):
    port = trial.free_port()
    user = ["-u", "nobody"] if os.getuid() == 0 else []
    server = trial.start("memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-t", "4", "-m", "256", *user)
    trial.wait_port(port, server)
    nr, answers = trial.amount(2000, 30000), {}
    clients = [threading.Thread(target=client, args=(port, i * nr, nr, answers)) for i in range(4)]
    for c in clients:
        c.start()
    for c in clients:
        c.join()
    trial.look()
    if len(answers) != 4:
        raise Wrong(f"{len(answers)} of 4 clients came through")
    stats = [a.decode() for a in talk(port, b"stats\r\n", 60) if b" curr_items" in a or b" cmd_" in a or b" get_hits" in a]
    return {"answers": sorted(str(a) for a in answers.items()), "stats": sorted(stats), "exit": trial.stop(server)}


if __name__ == "__main__":
    main(work, "memcached", lambda: version_of("memcached", "--version"),
         "every answer to sets, deletes and gets of four clients; its counts; exit")
