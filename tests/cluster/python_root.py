"""A root file system with Python 3.11, unpacked from Debian packages: the ground of Fanfold's images.

The list of packages is written out, as the closure of their dependencies would bring in far more. Python's own
modules are compiled here: a pod may not write beside them, and would compile them anew at every start.
"""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from .archives import FANFOLD_USER, Entry, tree, write_layer
from .build import Cache
from .packages import download
from .shell import ClusterError, environment, run, say

PYTHON = "3.11"
PACKAGES = """
    base-files netbase tzdata ca-certificates media-types
    dash bash coreutils grep sed findutils mawk perl-base tar gzip
    libacl1 libattr1 libgmp10 libselinux1 libpcre2-8-0 libtinfo6 libc6 libc-bin libgcc-s1 libstdc++6 libcrypt1
    python3.11 python3.11-minimal libpython3.11-stdlib libpython3.11-minimal python3-distutils
    libssl3 libffi8 libsqlite3-0 libbz2-1.0 libdb5.3 libexpat1 liblzma5 libncursesw6 libnsl2 libreadline8
    readline-common libtirpc3 libtirpc-common libuuid1 zlib1g
    libgssapi-krb5-2 libk5crypto3 libkrb5-3 libkrb5support0 libkeyutils1 libcom-err2
"""
LINKS = {
    "bin/sh": "dash",
    "usr/bin/awk": "mawk",
    "usr/bin/python3": "python3.11",
    "usr/bin/python": "python3.11",
}
UNWANTED = ("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man", "usr/share/lintian")
LIBRARIES = ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu")
SITE = f"usr/local/lib/python{PYTHON}/dist-packages"
"""Where Debian's Python looks for what Debian did not package."""


def unpack(cache: Cache) -> Path:
    """The root file system as a folder, made once."""
    root = cache.root / "python-root"
    stamp = hashlib.sha256(repr((PACKAGES.split(), LINKS, UNWANTED)).encode()).hexdigest()
    if cache.is_fresh("python-root", stamp, [root]):
        return root
    say("python root: unpacking Debian packages")
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    for package in download(PACKAGES.split(), cache.root / "debs"):
        run("dpkg-deb", "-x", package, root)
    for folder in UNWANTED:
        shutil.rmtree(root / folder, ignore_errors=True)
    for name, target in LINKS.items():
        (root / name).unlink(missing_ok=True)
        (root / name).symlink_to(target)
    compile_modules(root, root / f"usr/lib/python{PYTHON}", f"usr/lib/python{PYTHON}")
    cache.mark("python-root", stamp)
    return root


def base_layer(cache: Cache) -> Path:
    """The root file system as a layer, made once."""
    root = unpack(cache)
    layer = cache.root / "layers/python.tar"
    stamp = cache.stamp("python-root").read_text()
    if not cache.is_fresh("python-layer", stamp, [layer]):
        write_layer(layer, [*_without_account(root), *account_entries(root)])
        cache.mark("python-layer", stamp)
    return layer


def compile_modules(root: Path, folder: Path, inside: str) -> None:
    """Compile a folder's modules with the root's own Python, as what will lie at `inside` in an image.

    The files carry no time stamp, because a layer doesn't keep any. Modules that don't compile are left alone:
    some packages carry files for other versions of Python.
    """
    loader = root / LIBRARIES[0] / "ld-linux-x86-64.so.2"
    libraries = ":".join(str(root / name) for name in LIBRARIES)
    run(
        loader, "--library-path", libraries, root / f"usr/bin/python{PYTHON}", "-m", "compileall", "-q", "-j", "2",
        "--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", f"/{inside}", folder,
        env=environment({"PYTHONHOME": str(root / "usr")}), check=False,
    )  # fmt: skip
    if not any(folder.rglob(f"*.cpython-{PYTHON.replace('.', '')}.pyc")):
        raise ClusterError(f"The Python in {root} compiled nothing in {folder}: delete {root} and build again.")


def account_entries(root: Path) -> Iterator[Entry]:
    """What every image of ours has: accounts, a writable home and /tmp, and the certificates one may trust.

    No package holds the bundle of certificates (an installation script writes it); the machine's own may carry
    a proxy's and isn't copied.
    """
    user = FANFOLD_USER
    passwd = f"root:x:0:0:root:/root:/bin/sh\nfanfold:x:{user}:{user}::/home/fanfold:/bin/sh\n"
    certificates = sorted((root / "usr/share/ca-certificates/mozilla").glob("*.crt"))
    yield Entry("etc")
    yield Entry("etc/passwd", passwd.encode(), 0o644)
    yield Entry("etc/group", f"root:x:0:\nfanfold:x:{user}:\n".encode(), 0o644)
    yield Entry("etc/ssl/certs/ca-certificates.crt", b"".join(path.read_bytes() for path in certificates), 0o644)
    yield Entry("home")
    yield Entry("home/fanfold", mode=0o1777)
    yield Entry("tmp", mode=0o1777)


def _without_account(root: Path) -> Iterator[Entry]:
    own = {entry.name for entry in account_entries(root)} - {"etc", "home"}
    return (entry for entry in tree(root) if entry.name not in own)
