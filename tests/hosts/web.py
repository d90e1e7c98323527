"""What the hosts that serve HTTP share: loads by wrk, single requests, an origin server."""
import hashlib
import http.client
import re

from common import Wrong

ORIGIN = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = (self.path * 2000).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=3600")
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


def get(port, path, headers=None, host="127.0.0.1"):
    """One request on a connection of its own: status, digest of the body."""
    c = http.client.HTTPConnection(host, port, timeout=30)
    try:
        c.request("GET", path, headers=headers or {})
        answer = c.getresponse()
        return answer.status, hashlib.sha256(answer.read()).hexdigest()[:16]
    finally:
        c.close()


def origin(trial):
    """A server behind the host, never recorded; its port."""
    port = trial.free_port()
    server = trial.start("python3", "-c", ORIGIN, str(port), recorded=False)
    trial.wait_port(port, server)
    return server, port


class Load:
    """wrk in the background; fails when a request was answered by anything but 2xx or 3xx, or broke.

    may_close: how often the server may close all connections of its own accord, as one that is reloaded does.
    """

    def __init__(self, trial, url, seconds, connections=16, may_close=0):
        self.trial, self.may_break = trial, connections * may_close
        self.process = trial.start("wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "60s", url,
                                   recorded=False)

    def end(self):
        if self.process.wait(200):
            raise Wrong(f"wrk ended with {self.process.returncode}: {self.trial.tail(self.process.log)}")
        said = self.trial.tail(self.process.log)
        closed = re.search(r"Socket errors: connect 0, read (\d+), write 0, timeout 0", said)
        bad = re.findall(r"Non-2xx.*|Socket errors.*", said)
        if closed and int(closed.group(1)) <= self.may_break:
            bad = [line for line in bad if not line.startswith("Socket")]
        if bad or not re.search(r"[1-9]\d* requests in", said):
            raise Wrong(said)
        return "every request answered"
