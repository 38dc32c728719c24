"""Checks before PyTorch is imported: space for temporary files, and memory.

Without them the import fails somewhere deep inside, with a traceback or by a signal. This module
and its imports need neither.
"""

import subprocess
import sys
import tempfile

from gan_core.util.errors import InputError

ROOM = 2**20  # least number of bytes for temporary files
PATIENCE = 300  # seconds for importing PyTorch
# With another 256 MB to work with.
PROBE = "import torch; torch.ones(2**26).sum()"


def check() -> None:
    """Raise InputError when there is no space for temporary files or too little memory."""
    try:
        with tempfile.TemporaryFile() as file:
            file.write(bytes(ROOM))
            file.flush()
    except OSError as error:
        raise InputError(
            f"There is no space for temporary files ({error.strerror or error}); free some, or set "
            "the environment variable TMPDIR to a folder on another disk."
        ) from None
    limit = memory_limit()
    if limit is not None and not _torch_fits():
        raise InputError(
            f"PyTorch cannot work with the {limit / 2**20:,.0f} MiB of memory that this process "
            "may use; raise the limit (ulimit -v unlimited)."
        )


def memory_limit() -> int | None:
    """The limit on this process's address space or data in bytes; None when there is none."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    limits = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    return min((limit for limit in limits if limit != resource.RLIM_INFINITY), default=None)


def _torch_fits() -> bool:
    """Whether a process under the same limits can import PyTorch; the probe may end in any way."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROBE],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired, MemoryError):
        return False
    return done.returncode == 0


def check_command(program: str) -> None:
    """`check` for a command line: on failure a sentence on stderr and exit status 2."""
    try:
        check()
    except InputError as error:
        print(f"{program}: {error}", file=sys.stderr)
        sys.exit(2)
