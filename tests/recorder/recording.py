"""A second reader of recordings, written from docs/recording-format.md alone: what the recorder writes is judged by it."""
import math
import struct

MASK = (1 << 64) - 1


def checksum(data, salt, where):
    h = 0
    k = (salt ^ where * 0x9E3779B97F4A7C15) & MASK
    t = k ^ 0xD6E8FEB86659FD93
    for v, w in struct.iter_unpack("<QQ", data + bytes(len(data) % 16)):
        k = (k + 0xA0761D6478BD642F) & MASK
        p = (v ^ k) * (w ^ t)
        h += (p & MASK) ^ (p >> 64)
    return h & MASK or 1


def text(raw):
    return raw.split(b"\0")[0].decode()


class Recording:
    STATUS, PERIODS, MODULES, STACKS, FRAMES, COUNTERS, HISTORY, SAMPLES, THREADS, RING, SYSTEM, ENDED = range(1, 13)
    TRAIL, SNAPS, MARKS, HEAPS = range(13, 17)

    def __init__(self, path):
        with open(path, "rb") as f:
            self.bytes = f.read()
        b = self.bytes
        assert b[:8] == b"SEEPREC\n", b[:8]
        self.major, self.minor, endian, header_bytes, self.machine = struct.unpack_from("<HHIII", b, 8)
        assert (self.major, endian, header_bytes) == (2, 0x01020304, 4096)
        self.file_bytes, self.salt = struct.unpack_from("<QQ", b, 24)
        assert struct.unpack_from("<Q", b, 4088)[0] == checksum(b[:4088], self.salt, 0), "header checksum"
        self.sections = {}
        for i in range(24):
            kind, entry, offset, count = struct.unpack_from("<IIQQ", b, 40 + 24 * i)
            if kind:
                self.sections[kind] = (entry, offset, count)
        at = 40 + 24 * 24
        (self.epoch_realtime_ns, self.epoch_monotonic_ns, self.start_us, self.start_ticks, self.pid_namespace, self.pid,
         self.parent_pid, self.forked_from, self.uid, self.page, self.nr_cpus) = struct.unpack_from("<QQQQQIIIIII", b, at)
        self.boot_id = b[at + 64:at + 80]
        self.exe_build_id = b[at + 80:at + 112]
        self.exe_build_id_bytes, self.options = struct.unpack_from("<II", b, at + 112)
        at += 120
        self.version, self.name = text(b[at:at + 16]), text(b[at + 16:at + 80])
        self.exe, self.cgroup = text(b[at + 80:at + 592]), text(b[at + 592:at + 1104])
        self.command = b[at + 1104:at + 2640].rstrip(b"\0").split(b"\0")
        self.allocator = text(b[at + 2704:at + 2832])
        (self.budget_ppm,) = struct.unpack_from("<I", b, at + 2832)
        self.control, self.children_unrecorded, self.heartbeat_us, self.samples_high = struct.unpack_from("<QQQQ", b, 4096)
        self.peak, self.peak_bytes, self.peak_us, self.mark = struct.unpack_from("<QdQQ", b, 4128)
        self.torn = 0
        self.status = self.read_status()
        self.modules = self.read_modules()
        self.stacks = self.read_stacks()
        self.counters = self.read_counters()
        self.samples = self.read_samples()
        self.threads = {i: (tid, text(s[16:32])) for i, s in self.slots(self.THREADS)
                        for tid in struct.unpack_from("<I", s)}
        self.periods = [struct.unpack_from("<QQI", s) for _, s in self.slots(self.PERIODS)]
        self.ring = sorted(struct.unpack_from("<QddddQI", s) for _, s in self.slots(self.RING))
        self.trails = {i: {"last_tick": v[0], "tick_s": v[2], "points": v[3:]} for i, s in self.slots(self.TRAIL)
                       for v in [struct.unpack_from("<QII24f", s)]}
        self.snaps = {(i // 2, "mark" if i & 1 else "peak"): struct.unpack_from("<Ifdd", s) for i, s in self.slots(self.SNAPS)}
        self.marks = sorted((t, by, text(s[16:56])) for _, s in self.slots(self.MARKS)
                            for t, by in [struct.unpack_from("<QI", s)])
        self.heaps = {i: text(s[16:56]) for i, s in self.slots(self.HEAPS)}

    def slot(self, where, size):
        """The slot's bytes, None if it is empty; a torn one is counted."""
        s = self.bytes[where:where + size]
        (found,) = struct.unpack_from("<Q", s, size - 8)
        if found == 0:
            return None
        if found != checksum(s[:-8], self.salt, where):
            self.torn += 1
            return None
        return s

    def slots(self, kind):
        entry, offset, count = self.sections[kind]
        for i in range(count):
            s = self.slot(offset + i * entry, entry)
            if s is not None:
                yield i, s

    def read_status(self):
        copies = [struct.unpack_from("<63Q", s) for _, s in self.slots(self.STATUS)]
        v = max(copies)
        return {"seq": v[0], "reasons": v[1], "lost": v[2:18], "time_us": v[18], "period": v[19], "slow_calls": v[20],
                "samples_made": v[21], "cost_ns": v[22], "private_bytes": v[23], "nr_stacks": v[24], "exit_us": v[28],
                "estimated_since_us": v[29]}

    def read_modules(self):
        modules = {}
        for i, s in self.slots(self.MODULES):
            start, end, bias, _, generation, flags, id_bytes, path_bytes = struct.unpack_from("<QQQQIIII", s)
            modules[i] = {"start": start, "end": end, "bias": bias, "generation": generation, "flags": flags,
                          "build_id": s[48:48 + id_bytes].hex(), "path": s[80:80 + path_bytes].decode()}
        return modules

    def read_stacks(self):
        stacks = {}
        _, frames_at, _ = self.sections[self.FRAMES]
        for i, s in self.slots(self.STACKS):
            first, nr, kind, flags, _, frames_sum = struct.unpack_from("<IHBBQQ", s)
            where = frames_at + 8 * first
            raw = self.bytes[where:where + 8 * nr]
            if checksum(raw, self.salt, where) != frames_sum:
                self.torn += 1
                continue
            stacks[i] = (kind, flags, struct.unpack("<%dQ" % nr, raw))
        return stacks

    def read_counters(self):
        counters, torn_at_start = {}, self.torn
        entry, offset, count = self.sections[self.COUNTERS]
        for i in range(count):
            torn_before = self.torn
            for where in (offset + i * entry, offset + i * entry + 128):
                s = self.slot(where, 128)
                if s is None:
                    continue
                torn_before = None  # §3.4: one valid copy is enough
                v = struct.unpack_from("<II6dII", s)
                if i not in counters or v[0] > counters[i][0]:
                    counters[i] = v
            if torn_before is None:
                self.torn = torn_at_start
            torn_at_start = self.torn
        return counters

    def read_samples(self):
        names = "addr size period birth_us first_birth_us stack thread kind entry nr_reallocs serial".split()
        return [dict(zip(names, struct.unpack_from("<QQQQQIIBBHI", s))) for _, s in self.slots(self.SAMPLES)]

    def sealed(self, content, where):
        """A slot's bytes, which end in its checksum."""
        return content + struct.pack("<Q", checksum(content, self.salt, where))

    # ---- other times (§10.3, §13) ----

    def inuse_by_stack(self, kind=None):
        """{stack: (bytes, objects)}"""
        out = {}
        for s in self.samples:
            if kind is None or s["kind"] == kind:
                w = 1 / self.probability(s["size"], s["period"])
                b, o = out.get(s["stack"], (0, 0))
                out[s["stack"]] = (b + w * s["size"], o + w)
        return out

    def at_peak(self, kind=None):
        if not self.peak & 1:
            return self.inuse_by_stack(kind)
        return self.snapped("peak", self.peak >> 1 & 0xFFFFFFFF, kind)

    def at_mark(self, kind=None):
        if self.control >> 55 & 255 != self.mark & 255:
            return self.inuse_by_stack(kind)
        return self.snapped("mark", self.mark >> 8 & 0xFFFFFFFF, kind)

    def snapped(self, what, number, kind):
        out = self.inuse_by_stack(kind)
        for (i, of), (nr, _, size, objects) in self.snaps.items():
            if of == what and nr == number and (kind is None or self.stacks[i][0] == kind):
                out[i] = (size, objects)
        return out

    @staticmethod
    def tick_of_point(trail, i):
        """0: there is no such point."""
        for n in range(trail["last_tick"], 0, -1):
            k, j = 0, n
            while j % 4 == 0 and k < 7:
                k, j = k + 1, j // 4
            if i == (3 * k + j % 4 - 1 if k < 7 else 21 + j % 3):
                return n
        return 0

    # ---- figures ----

    @staticmethod
    def probability(size, period):
        return 1.0 if period <= 1 else -math.expm1(-max(size, 1) / period)

    def inuse(self, kind=0):
        live = [s for s in self.samples if s["kind"] == kind]
        weights = [1 / self.probability(s["size"], s["period"]) for s in live]
        return sum(weights), sum(w * s["size"] for w, s in zip(weights, live))

    def counted(self, kind=0):
        """alloc objects, alloc bytes, freed objects, freed bytes."""
        mine = [c for i, c in self.counters.items() if self.stacks.get(i, (0,))[0] == kind]
        return tuple(sum(c[k] for c in mine) for k in (2, 3, 6, 7))

    def frames_of(self, stack):
        """(path, address in the ELF file) leaf first."""
        out = []
        for f in self.stacks[stack][2]:
            m = self.modules.get(f >> 48)
            offset = f & ((1 << 48) - 1)
            out.append((m["path"], offset + m["start"] - m["bias"]) if m else (None, offset))
        return out
