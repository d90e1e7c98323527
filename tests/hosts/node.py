#!/usr/bin/env python3
"""node: worker threads, child processes, buffers, zlib, crypto, a local HTTP server; an exit code of its own."""
from common import main

SCRIPT = r"""
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const { spawnSync, fork } = require('child_process');
const crypto = require('crypto'), zlib = require('zlib'), http = require('http');
const rounds = Number(process.env.ROUNDS);
function hash(seed, n) {
  const h = crypto.createHash('sha256'); let kept = [];
  for (let i = 0; i < n; i++) {
    const b = Buffer.alloc(1000 + (i * 37 + seed) % 9000, i & 255); kept.push(b); if (kept.length > 50) kept.shift();
    h.update(i % 50 ? b : zlib.deflateSync(b));
  }
  return h.digest('hex');
}
if (process.argv[2] === 'child') { process.send(hash(7, rounds)); process.disconnect(); }
else if (!isMainThread) { parentPort.postMessage(hash(workerData, rounds)); }
else (async () => {
  const workers = await Promise.all([1, 2, 3, 4].map(i => new Promise((ok, no) => {
    const w = new Worker(__filename, { workerData: i }); w.on('message', ok); w.on('error', no); })));
  console.log('workers', workers.join());
  const children = await Promise.all([1, 2].map(() => new Promise(ok => fork(__filename, ['child']).on('message', ok))));
  console.log('children', children.join());
  for (let i = 0; i < 5; i++) console.log(spawnSync('/bin/sh', ['-c', 'echo spawned; exit ' + i]).status);
  const server = http.createServer((q, r) => r.end(q.url.repeat(1000))).listen(0, '127.0.0.1', async () => {
    let bytes = 0;
    for (let i = 0; i < 50; i++) await new Promise(ok => http.get({ port: server.address().port, path: '/' + i }, r => {
      r.on('data', d => bytes += d.length); r.on('end', ok); }));
    console.log('http', bytes); server.close();
    try { (function f() { f(); })(); } catch (e) { console.log(e.name); }
    process.exitCode = 5;
  });
})();
"""


def work(trial):
    script = trial.write("program.js", SCRIPT)
    done = trial.run("node", script, env={"ROUNDS": str(trial.amount(300, 12000))}, expect=5)
    return {"output": done.stdout, "stderr": done.stderr}


if __name__ == "__main__":
    main(work, "node", ("node", "--version"), "output of workers, children and an HTTP server; exit code",
         note="JavaScript objects are not malloc's: native memory only, as `seep info` says")
