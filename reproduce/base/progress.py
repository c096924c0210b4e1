"""Progress of long work: a bar on a terminal, otherwise a plain line every few seconds, both with the time left."""

import sys
import time
from typing import TextIO

from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 5.0


def format_duration(seconds: float) -> str:
    """Return seconds as ``42 s``, ``3 min 20 s`` or ``2 h 05 min``."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"


class Progress:
    """Reports how far ``total`` units of work have come, with rate and time left.

    ``initial`` units were done earlier (a resumed run or download) and do not count in the rate. With ``silent``
    nothing is printed, for all but one of several processes.
    """

    def __init__(
        self, what: str, total: int, unit: str, initial: int = 0, stream: TextIO | None = None, silent: bool = False
    ) -> None:
        self.what, self.total, self.unit = what, total, unit
        self.done = self._initial = initial
        self._stream = stream or sys.stderr
        self._started = time.monotonic()
        self._next_line = self._started + _SECONDS_BETWEEN_LINES
        self._bar = None
        self._silent = silent
        if self._stream.isatty() and not silent:
            self._bar = tqdm(desc=what, total=total, initial=initial, unit=unit, unit_scale=True, file=self._stream)

    def update(self, units: int, note: str = "") -> None:
        """Count ``units`` more as done; ``note`` is shown beside the figures."""
        self.done += units
        if self._bar is not None:
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(units)
        elif not self._silent and time.monotonic() >= self._next_line:
            self._print_line(note)

    def _print_line(self, note: str) -> None:
        elapsed = time.monotonic() - self._started
        rate = (self.done - self._initial) / elapsed
        left = format_duration((self.total - self.done) / rate) if rate > 0 else "unknown"
        share = 100 * self.done / self.total if self.total else 100
        figure = f"{rate:,.0f}" if rate >= 10 or rate == 0 else f"{rate:.2g}"
        line = f"{self.what}: {share:.0f} %, {figure} {self.unit}/s, {left} left"
        print(f"{line}, {note}" if note else line, file=self._stream, flush=True)
        self._next_line = time.monotonic() + _SECONDS_BETWEEN_LINES

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()
