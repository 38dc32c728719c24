"""Every limit that the app sets for its visitors, in one place; no library is imported here.

docs/privacy-and-hosting.md shows the same tables.
"""

import ipaddress
from dataclasses import dataclass

# The largest file that each uploader accepts, in MB. Pages show these; the server enforces them.
UPLOAD_MB = {
    # Zip of pictures, page Train. The upload field would show 512 MB as "1GB".
    "training": 480,
    "weights": 480,  # a checkpoint with a generator or a discriminator, page Import
    "photo": 10,  # page Your photo; gan_core.data.photo_alignment.MAX_BYTES
    "picture": 5,  # page Neighbours
    "directions": 5,
    "arithmetic": 5,  # page Arithmetic
    "tray": 5,
    "lesson": 1,  # page Lessons
    "points": 1,  # CSV, page The game; gan_core.game.command.MOST_BYTES
}
# Uploaders that neither write files nor start long work: available to untrusted visitors.
OPEN_UPLOADS = ("picture", "arithmetic", "tray", "points", "lesson")


@dataclass(frozen=True)
class Limit:
    """How many of something may exist at the same time.

    visitor: per visitor, that is per browser tab. total: for all visitors together. what: the
    thing, in the plural. advice: what a visitor who has reached the limit can do.
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
    "trainings": Limit(
        2, 4, "training runs in progress", "stop one of yours, or wait until it ends"
    ),
    "jobs": Limit(8, 32, "running or waiting measurements", "wait until one of yours is done"),
    "probes": Limit(2, 4, "files being imported", "wait until one of yours has been read"),
}

UPLOADS_KEPT = 120  # seconds that uploads outlive the connection, like Streamlit's sessions
PASSWORD_LENGTH = 8  # minimum number of characters
# Wrong passwords allowed for all visitors together within this many seconds.
PASSWORD_ATTEMPTS, PASSWORD_SECONDS = 10, 300


def private(address: str) -> bool:
    """Whether only this computer can reach an app that listens on an address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:  # a name, or "", which means every address
        return address == "localhost"
