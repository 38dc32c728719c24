"""Pictures of a page are drawn by two threads, each of them once."""

import threading

import numpy as np
import pytest

from explorer.services import renderer


class Doubles:
    """A Drawer that notes who draws what."""

    def __init__(self, name):
        self.hash, self.calls = name, []

    def generate(self, z):
        self.calls.append((threading.current_thread() is threading.main_thread(), len(z)))
        return (z[:, :1, None, None] * 2).astype(np.uint8)


LATENTS = np.arange(20, dtype=np.float32)[:, None].repeat(3, 1)


def drawn(model, z, **options):
    assert (renderer.pictures(model, z, **options).ravel() == z[:, 0] * 2).all()
    return sorted(model.calls)


def test_a_page_is_drawn_by_two_threads_and_comes_from_the_cache_afterwards():
    model = Doubles("two threads")
    assert drawn(model, LATENTS) == [(False, 10), (True, 10)]
    assert drawn(model, LATENTS[::-1]) == [(False, 10), (True, 10)]


@pytest.mark.parametrize(("n", "options"), [(11, {}), (20, {"spare": True})])
def test_few_pictures_and_those_of_a_drag_leave_a_core_to_the_browser(n, options):
    model = Doubles(f"one thread, {n}")
    assert drawn(model, LATENTS[:n], **options) == [(True, n)]


def test_two_visitors_do_not_wait_for_the_same_second_thread():
    model = Doubles("busy")
    with renderer._second_is_free:
        assert drawn(model, LATENTS) == [(True, 20)]
    assert renderer._second_is_free.acquire(blocking=False)
    renderer._second_is_free.release()


def test_a_failure_leaves_the_second_thread_free():
    class Fails(Doubles):
        def generate(self, z):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        renderer.pictures(Fails("fails"), LATENTS)
    assert drawn(Doubles("afterwards"), LATENTS) == [(False, 10), (True, 10)]
