"""Long work in the background: one job at a time, shared by all sessions, with progress."""

import contextlib
import hashlib
import logging
import os
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

from explorer.services import page_rerun, quotas, shutdown, trust
from gan_core.util import cache_dir, map_guard
from gan_core.util.errors import NO_MEMORY, InputError, from_os_error, is_out_of_memory

PATIENCE = 0.4  # seconds that a page waits before it shows the progress
REFRESH = 1.0  # seconds between updates of the progress
NICENESS = 10  # of long work, as in nice(1), so that drawing goes first

Tell = Callable[[str, float], None]  # what is being done, and the fraction done
Work = Callable[[Tell], object]


@dataclass
class Job:
    """A piece of work: what is being done, the fraction done, and how it ended."""

    words: str = "Waiting for other work"
    share: float = 0.0
    error: str = ""
    ended: threading.Event = field(default_factory=threading.Event)

    def tell(self, words: str, share: float) -> None:
        """Report progress; gan_core.util.progress.along calls this."""
        if shutdown.ending.is_set():
            raise InputError("The app is shutting down.")
        map_guard.check()
        self.words, self.share = words, min(max(float(share), 0.0), 1.0)


_lock = threading.Lock()
_jobs: dict[Hashable, Job] = {}


def lower_priority() -> None:
    """Let other threads go first, on systems where a thread has a priority."""
    with contextlib.suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


# Work that somebody is waiting for, and work that takes minutes and has a lower priority.
_workers = {
    False: ThreadPoolExecutor(1, thread_name_prefix="jobs"),
    True: ThreadPoolExecutor(1, thread_name_prefix="long jobs", initializer=lower_priority),
}


def start(key: Hashable, work: Work, long: bool = False, brief: bool = False) -> Job:
    """The Job of a key. If there is none, `work(tell)` is queued behind the other jobs.

    brief: the work takes seconds and is done only once. All other work is started only for trusted
    visitors, or when it has been done before on this computer, so that its results are cached.
    Raises trust.Refused otherwise, and quotas.Full when there are too many jobs.
    """
    with _lock:
        if key not in _jobs:
            if not brief and (long or not prepared(key)):
                trust.check()
            give_back = quotas.take("jobs")
            _jobs[key] = Job()
            _workers[long].submit(run, key, _jobs[key], work, give_back)
        return _jobs[key]


def prepared(key: Hashable) -> bool:
    """Whether the work of a key is in progress or has been done, so that no visitor starts it."""
    return key in _jobs or marker(key).exists()


def marker(key: Hashable) -> Path:
    """An empty file in the cache that marks the work of a key as done."""
    digest = hashlib.sha256(repr(key).encode()).hexdigest()
    return cache_dir.cache_directory() / "prepared" / digest[:32]


def under_way(key: Hashable) -> bool:
    """Whether the work of a key is waiting or running."""
    job = _jobs.get(key)
    return job is not None and not job.ended.is_set()


def succeeded(key: Hashable) -> bool:
    """Whether the work of a key has been done successfully."""
    job = _jobs.get(key)
    return job is not None and job.ended.is_set() and not job.error


def forget(key: Hashable) -> None:
    """Forget a finished job, so that the next request starts the work again."""
    with _lock:
        if key in _jobs and _jobs[key].ended.is_set():
            del _jobs[key]


def forget_all() -> None:
    """Forget all finished jobs after their results were deleted."""
    for key in list(_jobs):
        forget(key)


def run(key: Hashable, job: Job, work: Work, give_back: Callable[[], None]) -> None:
    try:
        with map_guard.watching():
            work(job.tell)
        with contextlib.suppress(OSError):  # the marker is only a convenience
            marker(key).parent.mkdir(parents=True, exist_ok=True)
            marker(key).touch()
    except InputError as error:
        job.error = str(error)
    except OSError as error:  # a full disk, for example
        job.error = str(from_os_error(error))
    except Exception as error:
        job.error = NO_MEMORY
        if not is_out_of_memory(error):
            logging.getLogger("explorer").exception("work in the background failed")
            job.error = "This could not be computed; the log says why."
    finally:
        give_back()
        job.ended.set()


def done(key: Hashable, work: Work, long: bool = False, brief: bool = False) -> bool:
    """Whether the work of a key is done; until then, shows its progress on the page.

    long: the work takes minutes and has a lower priority. brief: as for `start`. The page is
    redrawn when the job ends. Raises InputError when the job failed, after which the next request
    starts it again; otherwise raises as `start`.
    """
    job = start(key, work, long, brief)
    if not job.ended.wait(PATIENCE):
        watch(job)
        return False
    if job.error:
        forget(key)
        raise InputError(job.error)
    return True


@st.fragment(run_every=REFRESH)
def watch(job: Job) -> None:
    """A progress bar that follows a job."""
    if job.ended.is_set():
        page_rerun.request()
    st.progress(job.share, f"{job.words} …")
