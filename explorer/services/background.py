"""Long work in the background: one job at a time, shared by all sessions, progress in words."""

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

from explorer.services import quotas, shutdown, trust
from gan_core.util import cache_dir, map_guard
from gan_core.util.errors import NO_MEMORY, InputError, from_os_error, is_out_of_memory

PATIENCE = 0.4  # seconds that a page waits before it shows how far the work is
AGAIN = 1.0  # seconds between two looks at it
KIND = 10  # how much the work stands back behind drawing, as in nice(1)

Tell = Callable[[str, float], None]  # what is being done, and the share done
Work = Callable[[Tell], object]


@dataclass
class Job:
    """A piece of work: what is being done, the share done, and how it ended."""

    words: str = "Waiting for other work"
    share: float = 0.0
    error: str = ""
    ended: threading.Event = field(default_factory=threading.Event)

    def tell(self, words: str, share: float) -> None:
        """What `gan_core.util.progress.along` calls."""
        if shutdown.ending.is_set():
            raise InputError("The app is ending.")
        map_guard.check()
        self.words, self.share = words, min(max(float(share), 0.0), 1.0)


_lock = threading.Lock()
_jobs: dict[Hashable, Job] = {}


def stand_back() -> None:
    """Let other threads go first, where the system knows of such a thing."""
    with contextlib.suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), KIND)


# What somebody waits for, and what takes minutes and stands back.
_workers = {
    False: ThreadPoolExecutor(1, thread_name_prefix="jobs"),
    True: ThreadPoolExecutor(1, thread_name_prefix="long jobs", initializer=stand_back),
}


def start(key: Hashable, work: Work, long: bool = False, brief: bool = False) -> Job:
    """The Job of a key. `work(tell)` begins when none is there, as soon as the others are done.

    brief: it takes seconds, and what it makes is made once. Any other work is begun for visitors
    who are trusted, and for others where it has been done before on this computer and its results
    lie in the cache. Raises trust.Refused otherwise, and quotas.Full for too many at once.
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
    """Whether the work of a key is under way or has been done, so that no visitor starts it."""
    return key in _jobs or marker(key).exists()


def marker(key: Hashable) -> Path:
    """An empty file in the cache that says that the work of a key has been done."""
    digest = hashlib.sha256(repr(key).encode()).hexdigest()
    return cache_dir.cache_directory() / "prepared" / digest[:32]


def under_way(key: Hashable) -> bool:
    """Whether the work of a key has begun, or waits, and has not ended."""
    job = _jobs.get(key)
    return job is not None and not job.ended.is_set()


def succeeded(key: Hashable) -> bool:
    """Whether the work of a key has been done."""
    job = _jobs.get(key)
    return job is not None and job.ended.is_set() and not job.error


def forget(key: Hashable) -> None:
    """Forget a finished job, so that the next request starts it again."""
    with _lock:
        if key in _jobs and _jobs[key].ended.is_set():
            del _jobs[key]


def forget_all() -> None:
    """Forget all finished jobs, whose results were deleted; the next request starts them again."""
    for key in list(_jobs):
        forget(key)


def run(key: Hashable, job: Job, work: Work, give_back: Callable[[], None]) -> None:
    try:
        with map_guard.watching():
            work(job.tell)
        with contextlib.suppress(OSError):  # no more than a convenience is lost
            marker(key).parent.mkdir(parents=True, exist_ok=True)
            marker(key).touch()
    except InputError as error:
        job.error = str(error)
    except OSError as error:  # a full disk, say
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
    """Whether the work of a key is done; until then this shows how far it is.

    long: it takes minutes, and lets other work and all drawing go first. brief: as for `start`.
    The page is redrawn when the job ends. Raises InputError when it failed, and the
    next request starts it again; trust.Refused as `start`.
    """
    job = start(key, work, long, brief)
    if not job.ended.wait(PATIENCE):
        watch(job)
        return False
    if job.error:
        forget(key)
        raise InputError(job.error)
    return True


@st.fragment(run_every=AGAIN)
def watch(job: Job) -> None:
    """A bar that follows a job."""
    if job.ended.is_set():
        st.session_state.touched = True  # as in panels.redraw
        st.rerun()
    st.progress(job.share, f"{job.words} …")
