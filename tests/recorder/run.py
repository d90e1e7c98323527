#!/usr/bin/env python3
"""The recorder in small programs: each must print what it prints without it, and the recording must tell what it did.

run.py LIBSEEP DIRECTORY-OF-TEST-PROGRAMS [TEST…]; prints TAP.
"""
import sys

from rig import run_all
import basics
import calls
import observers
import places
import processes
import stacks
import threads
import times

sys.exit(run_all(basics.TESTS + threads.TESTS + stacks.TESTS + processes.TESTS + places.TESTS + calls.TESTS + observers.TESTS +
                 times.TESTS))
