"""The secret of development: made once, kept in the user's cache folder, used nowhere else."""

from __future__ import annotations

import os


def new_secret() -> str:
    """A fresh secret of 256 random bits, as text."""
    import secrets  # here: it loads all of random

    return secrets.token_urlsafe(32)


def write_secret(file: str | os.PathLike[str]) -> None:
    """A fresh secret in a new file that nobody else may read; ``FileExistsError`` for one that is
    there, which stays as it is."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as stream:
        stream.write(f"{new_secret()}\n")


def dev_secret() -> bytes:
    """This user's development secret, made on first use (mode 0600), so that a reload signs nobody
    out. Where nothing can be written it lasts as long as the process."""
    from pathlib import Path

    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wsgi_auth"
        file = folder / "dev-secret"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            write_secret(file)
        except FileExistsError:
            pass
        kept = file.read_text(encoding="ascii").strip()
        if len(kept) >= 32 and not file.stat().st_mode & 0o077:
            return kept.encode()
    except (OSError, ValueError, RuntimeError):  # what is in it is none; there is no home
        pass
    return new_secret().encode()
