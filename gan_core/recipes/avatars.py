"""To be chosen by the sweep."""


def options(count, size, channels):
    return {}
