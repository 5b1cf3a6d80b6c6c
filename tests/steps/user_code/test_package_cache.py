"""What nobody has used for a month goes out of the cache of packages; what is used stays."""

import os
import time
from pathlib import Path

from fanfold_steps.user_code.package_cache import KEPT_SECONDS, remove_unused, used


def aged(path: Path, seconds: float) -> Path:
    moment = time.time() - seconds
    os.utime(path, (moment, moment))
    return path


def filled(folder: Path) -> None:
    """An old wheel, an old environment, and young ones."""
    folder.mkdir()
    aged_lock = folder / "old-env.lock"
    aged_lock.touch()
    aged(aged_lock, KEPT_SECONDS + 60)
    for name in ("old", "young"):
        (folder / name).write_bytes(b"wheel")
        (folder / f"{name}-env" / "site-packages").mkdir(parents=True)
        (folder / f"{name}-env" / "site-packages" / "a.py").write_text("")
    for name in ("old", "old-env"):
        aged(folder / name, KEPT_SECONDS + 60)
    for name in ("young", "young-env"):
        aged(folder / name, KEPT_SECONDS - 3600)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_what_is_old_goes_once_a_day(tmp_path: Path) -> None:
    swept, tmp_path = tmp_path / ".cache.swept", tmp_path / "cache"
    filled(tmp_path)
    remove_unused(tmp_path)
    assert names(tmp_path) == {"young", "young-env", "old-env.lock"}
    aged(tmp_path / "young", KEPT_SECONDS + 60)
    remove_unused(tmp_path)
    assert "young" in names(tmp_path)
    aged(swept, 2 * 86400)
    remove_unused(tmp_path)
    assert names(tmp_path) == {"young-env", "old-env.lock"}


def test_what_is_used_is_young_again(tmp_path: Path) -> None:
    tmp_path = tmp_path / "cache"
    filled(tmp_path)
    used(tmp_path / "old-env")
    remove_unused(tmp_path)
    assert names(tmp_path) == {"old-env", "old-env.lock", "young", "young-env"}


def test_a_cache_that_is_not_there_or_not_ours_is_no_error(tmp_path: Path) -> None:
    remove_unused(tmp_path / "none")
    used(tmp_path / "none")
