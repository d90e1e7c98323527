#!/usr/bin/env python3
"""pprof.py SEEP LIBSEEP PROGRAM: `go tool pprof` reads what `seep export` writes and prints what `seep top` prints.

Every function's flat and cumulative figure, of all four values, from an exact and from a sampled recording. A figure of a
sampled one is an integer in the file and may differ by less than 1 a row of the file.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

seep, library, program = sys.argv[1:4]
VALUES = {'alloc_objects': 'alloc_objects', 'alloc_space': 'alloc_bytes', 'inuse_objects': 'inuse_objects',
          'inuse_space': 'inuse_bytes'}
nr_checks = nr_failed = 0


def check(ok, what):
    global nr_checks, nr_failed
    nr_checks += 1
    nr_failed += not ok
    print(f'{"" if ok else "not "}ok {nr_checks} - {what}')


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=env).stdout


def record(options):
    for old in os.listdir(env['SEEP_DIR']):
        os.unlink(os.path.join(env['SEEP_DIR'], old))
    subprocess.run([program], check=True, env={**env, 'LD_PRELOAD': library, 'SEEP_OPTIONS': options})
    return os.path.join(env['SEEP_DIR'], os.listdir(env['SEEP_DIR'])[0])


def by_seep(target):
    """{function: {value: (flat, cum)}} and {value: total} of `seep top`."""
    top = json.loads(output(seep, 'top', '--json', '--frames=all', '--min=0', '--sort=alloc_space', target))
    rows = {row['function']: {v: (row['flat'][key], row['cum'][key]) for v, key in VALUES.items()} for row in top['rows']}
    return rows, {v: top['total'][key] for v, key in VALUES.items()}


def by_pprof(profile, value):
    """{function: (flat, cum)} of `go tool pprof -top`."""
    text = output('go', 'tool', 'pprof', '-top', '-symbolize=none', '-unit=B' if 'space' in value else '-unit=count',
                  '-nodefraction=0', '-edgefraction=0', '-nodecount=100000', f'-sample_index={value}', profile)
    rows = {}
    for line in text.splitlines():
        match = re.match(r'\s*(-?[\d.]+)B?\s+[\d.]+%\s+[\d.]+%\s+(-?[\d.]+)B?\s+[\d.]+%\s+(.*?)( \(inline\)| \(partial-inline\))?$',
                         line)
        if match:
            rows[match[3]] = (float(match[1]), float(match[2]))
    return rows, text


def compare(name, recording, slack):
    profile = os.path.join(work, name + '.pb.gz')
    output(seep, 'export', '--format=pprof', '-o', profile, recording)
    rows, totals = by_seep(recording)
    again, totals_again = by_seep(profile)
    for value, total in totals.items():
        theirs, text = by_pprof(profile, value)
        check(value in text, f'{name}: pprof shows {value}')
        differs = [f for f in theirs if f in rows and any(abs(a - b) > slack for a, b in zip(theirs[f], rows[f][value]))]
        for f in differs:
            print(f'# {f}: pprof {theirs[f]}, seep {rows[f][value]}')
        check(not differs, f'{name}: {value} of every function agrees')
        check(abs(sum(flat for flat, _ in theirs.values()) - total) <= slack, f'{name}: {value} adds up to the same total')
        check(abs(totals_again[value] - total) <= slack, f'{name}: seep reads the same total of {value} from the file')
        missing = [f for f in ('keep', 'keep_large', 'churn', 'main') if f not in theirs and (f not in rows or rows[f][value][1] > slack)]
        check(not missing, f'{name}: {value} has all functions {missing}')
    default = output('go', 'tool', 'pprof', '-top', '-symbolize=none', profile)
    check('Type: inuse_space' in default, f'{name}: inuse_space is the default')
    check('Build ID: ' in default and 'File: ' + os.path.basename(program) in default, f'{name}: the first mapping is the program')
    check(set(again) == set(rows) or slack > 0, f'{name}: seep finds the same functions in the file')


if not shutil.which('go'):
    print('1..0 # SKIP go is not installed: pprof was NOT tested')
    sys.exit(0)
work = tempfile.mkdtemp()
env = {**os.environ, 'SEEP_DIR': os.path.join(work, 'recordings'), 'PPROF_TMPDIR': work, 'DEBUGINFOD_URLS': ''}
env.pop('SEEP_OPTIONS', None)
os.mkdir(env['SEEP_DIR'])
try:
    compare('exact', record('period=1'), 0)
    compare('sampled', record('period=64K'), 25)
finally:
    shutil.rmtree(work)
print(f'1..{nr_checks}')
sys.exit(nr_failed != 0)
