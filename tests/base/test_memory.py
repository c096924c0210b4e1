"""Freed memory stays in the process, so the next step does not pay for fresh pages."""

import subprocess
import sys

_PROBE = """
import resource, sys, torch
from reproduce.base.memory import keep_freed_memory
taken = keep_freed_memory() if sys.argv[1] == "keep" else False
def faults():
    for _ in range(20):
        torch.ones(2_000_000).sum()  # 8 MB, above the largest block glibc keeps by default
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
before = faults()
print(int(taken), faults() - before)
"""


def page_faults(mode):
    command = [sys.executable, "-c", _PROBE, mode]
    environment = {"MALLOC_MMAP_THRESHOLD_": "131072"} if mode == "default" else {}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    taken, faults = done.stdout.split()
    return int(taken), int(faults)


def test_large_blocks_are_not_faulted_in_again():
    taken, kept = page_faults("keep")
    _, default = page_faults("default")
    assert taken == 1
    # about 2,000 faults a round with 4 KiB pages, 4 where the system gives huge ones
    assert kept < default / 2
