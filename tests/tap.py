"""Plain TAP for a test program in Python, as tap.h is for one in C."""


class Tap:
    def __init__(self):
        self.nr, self.failed = 0, 0

    def check(self, ok, text):
        self.nr += 1
        self.failed += not ok
        print(f"{'ok' if ok else 'not ok'} {self.nr} - {text}", flush=True)

    def done(self):
        print(f"1..{self.nr}")
        return 1 if self.failed else 0
