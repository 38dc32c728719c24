"""Long work, step by step, and how far it has come: on a bar, or told to a function."""

from tqdm import tqdm


def along(items, words, progress):
    """The items, one by one.

    words: what is being done. progress: False or None for silence, True for a bar on stderr, or a
    function progress(words, share), called before every item with the share done, 0 to 1.
    """
    if not callable(progress):
        yield from tqdm(items, words, disable=not progress, leave=False)
        return
    for done, item in enumerate(items):
        progress(words, done / len(items))
        yield item
