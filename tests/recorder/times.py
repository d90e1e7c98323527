"""What the recording knows of other times than now: trails, the ring, the peak, marks, and the budget's periods."""
import os
import random
import struct
import subprocess
import time

from rig import RECORDED, LIB, VICTIM, Place, Recording, WHY_EXITED, ok

CAUSE_START, CAUSE_CONTROL, CAUSE_BUDGET = 1, 2, 5
SITES = "ABCD"


class Steps:
    """The victim under way: its places, and its recording so far."""

    def __init__(self, place, steps, options="period=1,size=1M"):
        self.place = place
        self.process = subprocess.Popen([VICTIM, "steps", *steps], env=place.environment(options), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.sites = [int(w) for w in self.process.stdout.readline().split()]

    def wait(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(timeout=60)

    def step(self):
        """Lets it go on to its next wait."""
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()


def by_site(r, sites, per_stack):
    """Sums what each stack has, {stack: (bytes, objects)}, by the function that allocated."""
    out = {}
    for stack, (size, objects) in per_stack.items():
        if stack not in r.stacks or not r.stacks[stack][2]:
            continue
        path, at = r.frames_of(stack)[0]
        below = [a for a in sites if a <= at < a + 200]
        if path == RECORDED and below and size:
            name = SITES[sites.index(max(below))]
            b, o = out.get(name, (0, 0))
            out[name] = (b + size, o + objects)
    return out


class Model:
    """What a program of these steps has in use, by site: now, at its highest, at its last mark."""

    def __init__(self):
        self.blocks = {s: [] for s in SITES}
        self.now, self.highest = 0, 0
        self.peak = self.mark = {}

    def inuse(self):
        return {s: (sum(b), len(b)) for s, b in self.blocks.items() if b}

    def change(self, by):
        self.now += by
        if self.now > self.highest:
            self.highest, self.peak = self.now, self.inuse()

    def take(self, step):
        kind, mine = step[0], self.blocks.get(step[1:2])
        if kind in "fr":
            self.change(-mine.pop())
        if kind in "ar":
            mine.append(int(step[2:]))
            self.change(mine[-1])
        if kind == "m":
            self.mark = self.inuse()


def random_steps(seed, nr):
    """A program that grows, shrinks and moves blocks."""
    rng, model, steps = random.Random(seed), Model(), []
    for i in range(nr):
        site = rng.choice(SITES)
        live = len(model.blocks[site])
        kind = rng.choices("arf", [5, 2, 4 if i % 100 < 60 else 7])[0] if live else "a"
        step = kind + site + (str(rng.randint(1, 40) * 100) if kind != "f" else "")
        if rng.random() < 0.02:
            step = f"mnumber {i}"
        steps.append(step)
        model.take(step)
    return steps, model


def peak_and_mark_are_exact():
    wrong = []
    for seed in range(12):
        steps, model = random_steps(seed, 20 + 30 * seed)
        with Place() as p:
            s = Steps(p, steps + ["k"])
            code = s.wait()
            (r,) = p.recordings()
        got = [by_site(r, s.sites, x) for x in (r.inuse_by_stack(), r.at_peak(), r.at_mark())]
        if code != -9 or r.torn or got != [model.inuse(), model.peak, model.mark if r.mark >> 8 else got[2]]:
            wrong.append((seed, code, r.torn, got, model.inuse(), model.peak, model.mark))
        given, room = [s[1:] for s in steps if s[0] == "m"], r.sections[r.MARKS][2] // 2
        if {m[2] for m in r.marks} != set(given[-room:]):
            wrong.append((seed, r.marks, given))
        if r.peak & 1 and sum(b for b, _ in r.at_peak(0).values()) != r.peak_bytes:
            wrong.append((seed, r.peak_bytes, sum(b for b, _ in r.at_peak(0).values())))
    ok(not wrong, "after SIGKILL: in use, at the peak and at the last mark, by place, to the byte", *wrong[:2])


def the_peak_of_a_crowd():
    for nr in (1, 8):
        with Place() as p:
            b = p.run("crowd", str(nr))
            (r,) = p.recordings()
        most, slack = int(b.stdout), nr * 4000
        at_peak = sum(size for size, _ in r.at_peak(0).values())
        ok(r.torn == 0, f"{nr} threads: nothing torn after SIGKILL", r.torn)
        ok(abs(at_peak - r.peak_bytes) <= slack and r.peak & 1,
           f"{nr} threads: the snaps add up to the peak, but for an event of each", at_peak, r.peak_bytes, r.peak)
        ok(0 <= r.peak_bytes - most + slack <= 3 * slack + 100000, f"{nr} threads: it is what they counted", r.peak_bytes, most)


def marks_from_outside():
    with Place() as p:
        s = Steps(p, ["aA1000", "aB2000", "aC3000", "w", "fA", "aB500", "w", "fC", "w", "k"])
        s.process.stdout.readline()
        ask_for_mark(p.files()[0], "outside")
        (r,) = p.recordings()
        ok(r.control >> 55 & 255 == 1 and r.mark == 0 and by_site(r, s.sites, r.at_mark()) ==
           {"A": (1000, 1), "B": (2000, 1), "C": (3000, 1)}, "a mark that was asked for: nothing has changed since", r.mark)
        s.step()
        (r,) = p.recordings()
        ok(r.mark == 1 << 8 | 1 and by_site(r, s.sites, r.at_mark()) == {"A": (1000, 1), "B": (2000, 1), "C": (3000, 1)},
           "it is noticed before the next free is booked", hex(r.mark), by_site(r, s.sites, r.at_mark()))
        ok(by_site(r, s.sites, r.inuse_by_stack()) == {"B": (2500, 2), "C": (3000, 1)}, "which is booked")
        ask_for_mark(p.files()[0], "again")
        s.step()
        (r,) = p.recordings()
        ok(r.mark == 2 << 8 | 2 and by_site(r, s.sites, r.at_mark()) == {"B": (2500, 2), "C": (3000, 1)},
           "the next mark takes its place", hex(r.mark), by_site(r, s.sites, r.at_mark()))
        s.wait()


def ask_for_mark(path, name):
    """As §13.4 says."""
    r = Recording(path)
    entry, offset, count = r.sections[r.MARKS]
    where = offset + (count // 2 + (r.control >> 55 & 255)) * entry
    with open(path, "r+b") as f:
        f.seek(where)
        f.write(r.sealed(struct.pack("<QII40s", r.heartbeat_us, 2, 0, name.encode()), where))
        f.flush()
        f.seek(4096)
        f.write(struct.pack("<Q", r.control + (1 << 55) if r.control >> 55 & 255 != 255 else r.control & ~(255 << 55)))


def children_inherit():
    steps, model = random_steps(99, 200)
    after, end = random_steps(99, 260)
    after = after[200:]
    for step in after:
        model.take(step)
    with Place() as p:
        s = Steps(p, steps + ["F"] + after + ["k"])
        s.wait()
        rs = p.recordings()
    child = [r for r in rs if r.forked_from][0]
    got = [by_site(child, s.sites, x) for x in (child.inuse_by_stack(), child.at_peak(), child.at_mark())]
    ok(got == [end.inuse(), end.peak, end.mark], "a child goes on from its parent's peak and mark", got, end.peak, end.mark)
    ok(child.marks and child.trails and child.ring, "and has its parent's marks, trails and ring")


def points_over_time():
    with Place() as p:
        s = Steps(p, ["aA1000", "s1100", "aB700", "aA300", "s1300", "aA50", "fB", "s900", "aA20", "s2200", "aA7", "_"])
        s.wait()
        (r,) = p.recordings()
    wrong = []
    for i, t in r.trails.items():
        births = [(x["birth_us"], x["size"]) for x in r.samples if x["stack"] == i]
        if r.counters[i][9] or not births:
            continue  # what was freed is known from no sample
        for k in range(24):
            n = r.tick_of_point(t, k)
            want = sum(size for birth, size in births if birth < n * 1000000 * t["tick_s"])
            if n and t["points"][k] != want:
                wrong.append((i, k, n, t["points"][k], want))
    ok(not wrong and len(r.trails) >= 2, "each point of a trail is what was in use then", *wrong[:3])
    a = [t for i, t in r.trails.items() if i in r.stacks and r.stacks[i][2] and
         s.sites[0] <= r.frames_of(i)[0][1] < s.sites[1] and r.frames_of(i)[0][0] == RECORDED]
    ok(len(a) == 1 and a[0]["tick_s"] == 1 and a[0]["last_tick"] >= 5 and len(set(a[0]["points"])) >= 3,
       "and they are not all the same", a)
    ring_levels(r)


def ring_levels(r):
    entry, _, count = r.sections[r.RING]
    entries = sorted((struct.unpack_from("<Q", s)[0], i // (count // 8)) for i, s in r.slots(r.RING))
    want, last = [7], entries[0][0] // 1000000
    for at in sorted(at for at, _ in entries[:-1])[1:]:
        tick = at // 1000000
        want.append(max(k for k in range(8) if k == 0 or tick >> 2 * k != last >> 2 * k))
        last = tick
    got = [level for _, level in entries]
    got.remove(0) if got[-1] else got.pop()  # of the end, which may be the time of a tick
    ok(got == want and len(got) >= 5 and 1 in got, "entries of the ring are in the level of their tick", entries, want)
    ok(r.status["reasons"] & WHY_EXITED and entries[-1][0] >= r.status["exit_us"], "the last one is of the end", entries[-1:])


def a_budget_is_kept():
    with Place() as p:
        b = subprocess.Popen([VICTIM, "busy"], env=p.environment("period=1K,size=1M,budget=0.05%"), stdin=subprocess.PIPE)
        up = poll(p, lambda r: max_period(r, CAUSE_BUDGET) >= 16 << 10)
        b.stdin.write(b"\n")
        b.stdin.flush()
        down = poll(p, lambda r: [x for x in zip(sorted(r.periods), sorted(r.periods)[1:])
                                  if x[1][2] == CAUSE_BUDGET and x[1][1] < x[0][1]])
        b.stdin.write(b"\n")
        b.stdin.close()
        b.wait(timeout=60)
        (r,) = p.recordings()
    ok(r.budget_ppm == 500, "the header has the budget", r.budget_ppm)
    ok(up and down, "a busy program's period rises, an idle one's falls again", sorted(r.periods))
    ok(all(1024 <= x[1] for x in r.periods) and r.torn == 0, "never below what was asked for", sorted(r.periods))
    ok(r.status["cost_ns"] > 0, "the recorder's own time is told")


def max_period(r, cause):
    return max((x[1] for x in r.periods if x[2] == cause), default=0)


def poll(place, condition, seconds=40):
    """Looks into the live recording until it is so."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.2)
        found = place.recordings()
        if found and condition(found[0]):
            return True
    return False


def bad_budgets():
    for value in ("0%", "0.005", "101%", "1.%", "%", "0.00001%", "1e-1%", "-1%"):
        with Place() as p:
            b = p.run("entries", options=f"size=1M,budget={value}")
            (r,) = p.recordings()
            ok(f"budget={value}" in b.stderr and b.stderr.count("\n") == 1 and r.budget_ppm == 0, f"budget={value} is refused", b.stderr)
    for value, ppm in (("0.5%", 5000), ("100%", 1000000), ("0.0001%", 1), ("12.25%", 122500)):
        with Place() as p:
            b = p.run("entries", options=f"size=1M,budget={value}")
            (r,) = p.recordings()
            ok(b.stderr == "" and r.budget_ppm == ppm, f"budget={value} is {ppm} millionths", b.stderr, r.budget_ppm)


def a_full_history_keeps_its_start():
    nr = 40
    with Place() as p:
        s = Steps(p, [x for _ in range(nr) for x in ("w", "aA10")] + ["w", "k"], options="period=1,size=64K")
        for i in range(1, nr + 1):
            with open(p.files()[0], "r+b") as f:
                f.seek(4096)
                f.write(struct.pack("<Q", 1 << 63 | i << 48 | 1 + i % 2))
            s.process.stdout.readline() if i == 1 else None
            s.step()
        s.wait()
        (r,) = p.recordings()
    count = r.sections[r.PERIODS][2]
    ok(r.torn == 0 and count < nr and len(r.periods) == count and min(r.periods)[2] == CAUSE_START and
       sum(x[2] == CAUSE_CONTROL for x in r.periods) == count - 1, "a full history of periods keeps its start and the newest",
       r.periods)


def there_is_room():
    with Place() as p:
        p.run("entries", options="")
        (r,) = p.recordings()
    ok(r.sections[r.SAMPLES][2] >= 20000, "4 MiB hold 20,000 live samples", r.sections[r.SAMPLES])
    ok(r.sections[r.RING][2] == 256 and r.sections[r.STACKS][2] >= 3000, "and 3,000 stacks", r.sections)


# The time they take is the clock's: once is enough.
TESTS = [peak_and_mark_are_exact, the_peak_of_a_crowd, marks_from_outside, children_inherit, a_full_history_keeps_its_start,
         there_is_room, bad_budgets]
if "by-table" not in os.path.basename(LIB):
    TESTS += [points_over_time, a_budget_is_kept]
