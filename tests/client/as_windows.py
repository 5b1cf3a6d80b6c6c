"""`python -m tests.client.as_windows WORDS…`: the command `fanfold` with what native Windows lacks taken away.

Modules, functions and constants that Python has on POSIX systems alone are gone, and `sys.platform` says win32. What
Fanfold's dependencies have imported by then stays as it is, since their Windows side can't run here. Nor can anything
show how Windows treats paths and files that are open.
"""

import importlib.abc
import os
import signal
import sys
import sysconfig
import types
from collections.abc import Sequence
from typing import Any

MODULES = {"fcntl", "resource", "pwd", "grp", "termios", "pty", "tty", "syslog", "spwd", "crypt", "nis", "posixshmem"}
OS = """
    fork forkpty fwalk getegid geteuid getgid getgroups getloadavg getpgid getpgrp getpriority getresuid getsid getuid
    initgroups killpg lchown lockf mkfifo mknod nice openpty pathconf posix_fadvise posix_fallocate pread preadv
    pthread_getcpuclockid pwrite pwritev register_at_fork sched_getaffinity sched_setaffinity sched_yield sendfile
    setegid seteuid setgid setpgid setsid setuid statvfs sync sysconf tcgetpgrp uname wait wait3 wait4 waitid chown
    chroot confstr ctermid fchmod fchown fdatasync fpathconf fstatvfs getxattr setxattr
    O_CLOEXEC O_DIRECTORY O_DSYNC O_NOFOLLOW O_NONBLOCK O_PATH O_SYNC O_NOCTTY O_TMPFILE
    P_PID P_ALL WNOHANG WEXITED WSTOPPED WNOWAIT
"""
SIGNALS = """
    SIGALRM SIGBUS SIGCHLD SIGCONT SIGHUP SIGIO SIGKILL SIGPIPE SIGPROF SIGPWR SIGQUIT SIGSTOP SIGSYS SIGTRAP SIGTSTP
    SIGTTIN SIGTTOU SIGURG SIGUSR1 SIGUSR2 SIGVTALRM SIGWINCH SIGXCPU SIGXFSZ alarm getitimer pause pthread_kill
    pthread_sigmask setitimer siginterrupt sigpending sigtimedwait sigwait sigwaitinfo
"""


class Missing(importlib.abc.MetaPathFinder):
    """Finds none of the MODULES."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None) -> None:
        if name in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def become_windows() -> None:
    """Take away what Windows lacks, once everything that isn't Fanfold's is imported."""
    import asyncio  # noqa: F401
    import ctypes  # noqa: F401
    import fcntl
    import multiprocessing  # noqa: F401
    import ssl  # noqa: F401
    import subprocess  # noqa: F401

    import click.testing
    import cloudpickle
    import httpx
    import lz4.frame
    import pydantic
    import rich.live
    import rich.progress
    import yaml

    assert all((click, cloudpickle, lz4, pydantic, rich, yaml))
    with httpx.Client() as client:
        client.build_request("GET", "http://127.0.0.1")
    sysconfig.get_config_vars()  # later they would be sought under the other system's name
    lock = fcntl.flock

    def locking(descriptor: int, mode: int, count: int) -> None:
        lock(descriptor, fcntl_exclusive)

    fcntl_exclusive = fcntl.LOCK_EX
    windows: Any = types.ModuleType("msvcrt")
    windows.locking, windows.LK_LOCK = locking, 1
    sys.modules["msvcrt"] = windows
    for name in MODULES:
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, Missing())
    for module, names in ((os, OS), (signal, SIGNALS)):
        for name in names.split():
            if hasattr(module, name):
                delattr(module, name)
    os.supports_dir_fd = os.supports_fd = os.supports_follow_symlinks = set()
    sys.platform = "win32"
    assert not any(name.startswith("fanfold") for name in sys.modules), "Fanfold is what is to be seen without them"


if __name__ == "__main__":
    become_windows()
    from fanfold_client.main import main

    main()
