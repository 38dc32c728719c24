"""The header of a safetensors file, looked at before anything in it is believed."""

from gan_core.util import regular_files

MAX_HEADER = 4 * 2**20  # bytes: the description of some 40,000 tensors


def header(path):
    """The bytes of the JSON header of a regular file; ValueError when it is longer than files have.

    Readers take headers of 100 MB, which become gigabytes of names and shapes.
    """
    with regular_files.open_regular(path) as file:
        length = int.from_bytes(file.read(8), "little")
        if length > MAX_HEADER:
            raise ValueError(f"a header of {length:,} bytes, far more than weights need")
        return file.read(length)
