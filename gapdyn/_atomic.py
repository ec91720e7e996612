"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from ._check import InputError


def atomic_write(path: str | os.PathLike[str], data: bytes | str, *, overwrite: bool = False) -> Path:
    """Write `data` to `path` in one step: a reader sees the old file or the new one, never a part.

    The data goes to a temporary file in the same folder, is flushed to the disk, and is then moved into
    place. Nothing is left behind on failure.

    Parameters
    ----------
    path
        Where to. A symbolic link is followed.
    data
        Bytes, or text to be written as UTF-8 without changing line ends.
    overwrite
        Replace an existing file (keeping its permissions). Otherwise an existing file is left alone and
        refused, even if it appears while this function runs.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    InputError
        If the file exists and `overwrite` is false, if the folder is missing or not writable, or if the disk
        is full.
    """
    asked = Path(os.fsdecode(path))
    raw = data.encode("utf-8") if isinstance(data, str) else data
    temporary = None
    try:
        target = Path(os.path.realpath(asked))
        if target.is_dir():
            raise InputError(f"{asked}: is a folder. Name a file in it.")
        if not target.parent.is_dir():
            raise InputError(f"{asked}: the folder {target.parent} does not exist. Create it first.")
        if not overwrite and os.path.lexists(target):
            raise _exists(asked)
        # Not tempfile: its files are private (0600), while these shall follow the umask. Not the target's
        # name plus a suffix: that could exceed the file system's limit.
        temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
        _create(temporary, raw, mode=target.stat().st_mode & 0o777 if target.exists() else None)
        if overwrite:
            os.replace(temporary, target)
        else:
            _move_if_free(temporary, target, asked)
        _sync_folder(target.parent)
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{asked}: cannot be written: {reason}. Choose another place.") from error
    finally:
        if temporary is not None:
            _remove(temporary)
    return asked


def _exists(path: Path) -> InputError:
    return InputError(f"{path}: exists already. Choose another name, or pass overwrite=True.")


def _create(path: Path, raw: bytes, mode: int | None) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    with os.fdopen(handle, "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    if mode is not None:
        os.chmod(path, mode)


def _move_if_free(temporary: Path, target: Path, asked: Path) -> None:
    """A hard link fails if the target exists, at once and for certain; a rename would replace it."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise _exists(asked) from None
    except OSError:  # a file system without hard links: look, then rename
        if os.path.lexists(target):
            raise _exists(asked) from None
        os.replace(temporary, target)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:  # the first error says more than this one would
        return


def _sync_folder(folder: Path) -> None:
    """Make the new name durable, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        return
    finally:
        os.close(handle)
