"""The memory budget: what one worker may hold, and the sizes of blocks, batches and merges that follow from it."""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fanfold_steps.job.spec import JobConf

KIB, MIB = 1 << 10, 1 << 20
SMALLEST_SHARE = 16 * MIB
"""A worker that has less would do little but merge."""

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_RESIDENT = Path("/proc/self/statm")
_OPEN_SEGMENT = 4 * MIB  # two chunks as they were read, and a block unpacked


@dataclass(frozen=True, slots=True)
class Budget:
    """One worker's share of the memory, in bytes, beyond what the bare interpreter takes."""

    share: int

    @property
    def held(self) -> int:
        """Of keys and values, by estimate, before they go to disk; the rest is for blocks being read and written."""
        return self.share * 3 // 4

    @property
    def piece(self) -> int:
        """Of input between two measurements of what is held."""
        return max(4 * KIB, min(self.share // 128, MIB))

    @property
    def longest(self) -> int:
        """Of one record, which is there several times while it is read, mapped, sorted and written."""
        return self.share // 8

    @property
    def block(self) -> int:
        """Of a run's block before it is packed."""
        return max(KIB, min(self.share // 128, 256 * KIB))

    @property
    def fan_in(self) -> int:
        """Segments merged at once: each holds a file or a connection, too."""
        return max(2, min(self.share // _OPEN_SEGMENT, 64))

    def is_full(self, size: int, bare: int) -> bool:
        """Whether what is held, `size` bytes by estimate, must go to disk. It must also if the process, which once took
        `bare` bytes, has grown by more than its share: no estimate sees everything that values may hold."""
        return size > self.held or (size > self.held // 8 and resident() - bare > self.share)


DEFAULT = Budget(512 * MIB)


def budget_of(conf: JobConf) -> Budget:
    """A worker's share: of the job's memory, or of half of what this machine or container has."""
    if conf.memory is not None:
        return Budget(conf.memory // sum(conf.workers.values()))
    return Budget(max(SMALLEST_SHARE, available_memory() // 2 // conf.workers.get("all", 1)))


def resident() -> int:
    """The resident bytes of this process; 0 if the system has no /proc."""
    try:
        return int(os.pread(_opened(os.getpid()), 128, 0).split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


@cache
def _opened(process: int) -> int:
    """The file that says so. It stays open because each system call may cost a thread a wait for the GIL."""
    return os.open(_RESIDENT, os.O_RDONLY)


def available_memory() -> int:
    """Bytes that the machine has, or that the container may use."""
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for place in map(Path, _LIMITS):
        if place.exists() and (text := place.read_text().strip()).isdigit():
            found.append(int(text))
    return min(found)
