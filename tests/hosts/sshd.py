#!/usr/bin/env python3
"""OpenSSH: logins with a key, a refused one, sftp in a chroot; the part that is not trusted yet is jailed and filtered (seccomp)."""
import hashlib
import os
import re

from common import Absent, Wrong, main, version_of

CONFIG = """
ListenAddress 127.0.0.1:{port}
HostKey {dir}/host_key
AuthorizedKeysFile {dir}/authorized
PidFile none
UsePAM no
StrictModes no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100
Subsystem sftp internal-sftp
LogLevel VERBOSE
"""


def ssh_options(trial, port, key):
    return ("-F", "none", "-i", trial.path(key), "-o", f"Port={port}", "-o", "StrictHostKeyChecking=no", "-o", "IdentitiesOnly=yes",
            "-o", f"UserKnownHostsFile={trial.path('known')}", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR")


def login(trial, port, command, key="key", **more):
    return trial.run("ssh", *ssh_options(trial, port, key), "root@127.0.0.1", command, expect=None, **more)


def events(trial, server):
    """What was logged, without what differs by nature (ports, process ids)."""
    wanted = re.compile(r"Accepted|Failed|fatal|error|refused|Starting session|killed|seccomp|mm_")
    lines = (re.sub(r"\d{4,}|SHA256:\S+|/\S*/(plain|512K|512K-mmap-off|period-1)/", "#", line)
             for line in trial.read(server.log).splitlines() if wanted.search(line))
    return sorted(lines)


def work(trial):
    if os.getuid():
        raise Absent("sshd needs root to let anybody in")
    port = trial.free_port()
    os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    for name in ("host_key", "key", "stranger"):
        trial.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", trial.path(name), recorded=False)
    trial.write("authorized", trial.read("key.pub"))
    config = trial.write("sshd_config", CONFIG.format(port=port, dir=trial.dir))
    # It starts itself anew for each connection, by its absolute path.
    server = trial.start("sshd", "-D", "-e", "-f", config)
    trial.wait_port(port, server)
    sent = "".join(f"line {i}\n" for i in range(20000))
    said = []
    for i in range(trial.amount(3, 20)):
        done = login(trial, port, f"wc -c; echo login {i}; exit {i + 3}", input=sent)
        said.append((done.returncode, done.stdout, done.stderr))
    refused = login(trial, port, "true", key="stranger")
    trial.write("sent", sent)
    batch = trial.write("batch", f"put {trial.path('sent')} {trial.path('there')}\nget {trial.path('there')} {trial.path('back')}\n")
    trial.run("sftp", "-q", *ssh_options(trial, port, "key"), "-b", batch, "root@127.0.0.1")
    trial.look()
    if "seccomp" not in trial.run("grep", "-a", "-o", "-m1", "seccomp", "/usr/sbin/sshd", recorded=False, expect=None).stdout:
        raise Wrong("this sshd has no seccomp sandbox: nothing is tested here")
    return {"logins": said, "refused": (refused.returncode, refused.stdout, "Permission denied" in refused.stderr),
            "file": hashlib.sha256(trial.read("back").encode()).hexdigest()[:16], "exit": trial.stop(server),
            "log": events(trial, server)}


if __name__ == "__main__":
    main(work, "sshd", lambda: version_of("ssh", "-V"),
         "exit codes and output of logins with a key, a refused key, a file by sftp, the log; exit",
         note="before the login: chroot, user sshd, seccomp filter; sessions have an environment of their own, so they are not recorded")
