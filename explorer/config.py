"""Every limit that the app sets to its visitors, in one place; no library is imported here.

docs/privacy-and-hosting.md shows the same tables.
"""

import ipaddress
from dataclasses import dataclass

# Largest file that each uploader takes, MB. Pages show these and the server accepts no more.
UPLOAD_MB = {
    # Zip of pictures, page Train. The field of a browser would round 512 MB to "1GB".
    "training": 480,
    "weights": 150,  # of a generator or a discriminator, page Import
    "photo": 10,  # page Your photo; gan_core.data.photo_alignment.MAX_BYTES
    "picture": 5,  # page Neighbours
    "directions": 5,
    "recipe": 5,  # page Arithmetic
    "tray": 5,
}
# Uploaders that write nothing and start nothing long: open to visitors who are not trusted.
OPEN_UPLOADS = ("picture", "recipe", "tray")


@dataclass(frozen=True)
class Limit:
    """How much of a thing there may be at the same time.

    visitor: of one visitor, that is one browser tab. total: of all visitors together. what: the
    thing in the plural. advice: what a visitor who has reached the limit can do.
    """

    visitor: int
    total: int
    what: str
    advice: str


LIMITS = {
    "uploads": Limit(20, 200, "uploaded files", "remove one of yours, or reload the page"),
    "upload_mb": Limit(
        1024, 2048, "MB of uploaded files", "remove one of yours, or reload the page"
    ),
    "trainings": Limit(2, 4, "running trainings", "stop one of yours, or wait for its end"),
    "jobs": Limit(8, 32, "measurements, running or waiting,", "wait until one of yours is done"),
    "probes": Limit(2, 4, "files being imported", "wait until one of yours has been read"),
}

UPLOADS_KEPT = 120  # seconds that uploads outlive the connection; as long as Streamlit's sessions
PASSWORD_LENGTH = 8  # characters of a password, at least
# Wrong passwords of all visitors together, and within how many seconds.
PASSWORD_ATTEMPTS, PASSWORD_SECONDS = 10, 300


def private(address: str) -> bool:
    """Whether nothing but this computer reaches an app that listens on an address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:  # a name, or nothing, which stands for every address
        return address == "localhost"
