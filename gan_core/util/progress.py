"""Progress of long work, shown as a bar or reported to a function."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
# True for a bar on stderr, False or None for silence, or a function of a label and of the fraction
# done, in [0, 1].
Progress = bool | Callable[[str, float], object] | None


def along(items: Sequence[Item], label: str, progress: Progress) -> Iterator[Item]:
    """Yield the items one by one and report progress before each.

    label: what is being done, shown beside the bar or passed to the function.
    """
    if not callable(progress):
        yield from tqdm(items, label, disable=not progress, leave=False)
        return
    for done, item in enumerate(items):
        progress(label, done / len(items))
        yield item
