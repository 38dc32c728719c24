"""Start the app: python -m explorer [--checkpoints DIR ...] [--data DIR ...] [--port N] …"""

import argparse
import getpass
import os
import re
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from explorer import config
from gan_core.util import preflight

HERE = Path(__file__).resolve().parent
# Read by modules in services/, which would take seconds to import here.
CHECKPOINTS, DATA = "LATENT_EXPLORER_CHECKPOINTS", "LATENT_EXPLORER_DATA"
RUNS = "LATENT_EXPLORER_RUNS"
TRUST, TRAINING = "LATENT_EXPLORER_TRUST", "LATENT_EXPLORER_TRAINING"
PRIVATE = "LATENT_EXPLORER_PRIVATE"
PASSWORD = "LATENT_EXPLORER_PASSWORD"  # where --password looks first
FIRST_PORT = 8501


def main(argv: Sequence[str] | None = None) -> None:
    """Read the command line, check it, and serve until interrupted."""
    arguments = parse(argv)
    preflight.check_command("explorer")
    hand_on(CHECKPOINTS, arguments.checkpoints)
    hand_on(DATA, arguments.data)
    if arguments.runs:
        make_folder(arguments.runs)
        hand_on(RUNS, [arguments.runs])
    address = arguments.address
    # Removed from the environment, so that processes started by the app do not inherit it.
    password: str | None = os.environ.pop(PASSWORD, "")
    # A name other than this computer's belongs to a proxy, through which others reach the app.
    private = all(map(config.private, [address, *arguments.allowed_host]))
    if arguments.password is None:
        password, trusted = None, arguments.trust_visitors or private
    else:
        password, trusted = read_password(arguments.password, password or ""), False
    training = trusted or (arguments.training and password is None)
    os.environ[TRUST], os.environ[TRAINING] = str(int(trusted)), str(int(training))
    os.environ[PRIVATE] = str(int(private))
    hand_on_hosts(address, arguments.allowed_host)
    port = choose_port(arguments.address, arguments.port)
    host = arguments.address if arguments.address not in ("0.0.0.0", "::") else "localhost"
    base_path = arguments.base_path.strip("/")
    if base_path and not re.fullmatch(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", base_path):
        fail(f"--base-path takes letters, digits, - and _ between slashes, not {base_path!r}.")
    threading.Thread(
        target=announce,
        args=(host, port, base_path, arguments.browser),
        name="announce",
        daemon=True,
    ).start()
    if password is not None:
        from explorer.services import trust

        trust.set_password(password)
    most = largest_upload(training or password is not None)
    serve(arguments.address, port, base_path, most)


def hand_on(variable: str, folders: Sequence[str | Path]) -> None:
    """Pass folders to the app in an environment variable; exits when one does not exist."""
    missing = [folder for folder in folders if not Path(folder).is_dir()]
    if missing:
        fail(f"There is no folder {missing[0]}.")
    if folders:
        os.environ[variable] = os.pathsep.join(str(Path(folder).resolve()) for folder in folders)


def hand_on_hosts(address: str, names: Sequence[str]) -> None:
    """Pass the allowed host names to the server; exits on an invalid one."""
    from explorer.services import allowed_hosts

    # The server always allows the IP address at which a connection arrives.
    if allowed_hosts.as_address(address) is None:
        names = [*names, address]
    try:
        names = [allowed_hosts.normalise(name) for name in names]
    except ValueError as error:
        fail(str(error))
    os.environ[allowed_hosts.VARIABLE] = ",".join(names)


def read_password(file: str, given: str) -> str:
    """The password for visitors: from a file, the environment or the terminal.

    Never from the command line, which every user of the computer can read. Exits with a sentence
    when there is no password or it is too short.
    """
    if file:
        try:
            password = Path(file).read_text(encoding="utf-8").partition("\n")[0].strip()
        except (OSError, ValueError):
            fail(
                "The file given with --password cannot be read; its first line must be the "
                "password. Do not put the password itself on the command line."
            )
    elif given:
        password = given
    elif sys.stdin is not None and sys.stdin.isatty():
        password = getpass.getpass("Password for visitors: ")
    else:
        fail(
            f"--password takes the password from the environment variable {PASSWORD}, from a file "
            "(--password FILE) or from the terminal, but none of these provided one."
        )
    if len(password) < config.PASSWORD_LENGTH:
        fail(f"The password is too short; use at least {config.PASSWORD_LENGTH} characters.")
    return password


def largest_upload(trusted: bool) -> int:
    """MB of the largest file that any visitor may upload."""
    kinds = config.UPLOAD_MB if trusted else config.OPEN_UPLOADS
    return max(config.UPLOAD_MB[kind] for kind in kinds)


def make_folder(folder: str) -> None:
    """Make a folder, unless it exists, inside an existing one."""
    try:
        Path(folder).mkdir(exist_ok=True)
    except OSError as error:
        fail(f"The folder {folder} cannot be created: {error.strerror}.")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line as a namespace."""
    parser = argparse.ArgumentParser(
        prog="python -m explorer", description="Explore what a GAN has learned, in a browser."
    )
    parser.add_argument(
        "--checkpoints",
        metavar="DIR",
        nargs="+",
        default=[],
        help="checkpoints, or folders of them, to show instead of the default ones",
    )
    parser.add_argument(
        "--data",
        metavar="DIR",
        nargs="+",
        default=[],
        help="folders of packed training sets (for models that come without their images) and of "
        "pictures to train on",
    )
    parser.add_argument(
        "--port", type=int, help=f"port to listen on (the first free one from {FIRST_PORT})"
    )
    parser.add_argument("--address", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument(
        "--allowed-host",
        metavar="NAME",
        action="append",
        default=[],
        help="an additional host name under which browsers reach the app, such as that of a "
        "proxy; may be given several times",
    )
    parser.add_argument(
        "--base-path",
        metavar="PATH",
        default="",
        help="path below which a proxy serves the app, such as class/gan (none)",
    )
    parser.add_argument(
        "--runs",
        metavar="DIR",
        help="folder of training runs, created if necessary (runs, beside the app)",
    )
    who = parser.add_mutually_exclusive_group()
    who.add_argument(
        "--trust-visitors",
        action="store_true",
        help="let every visitor import, save, measure and train, even though other computers can "
        "reach the app",
    )
    who.add_argument(
        "--password",
        metavar="FILE",
        nargs="?",
        const="",
        help="let visitors do so after entering a password: the first line of FILE, or without "
        f"FILE the environment variable {PASSWORD} or input from the terminal",
    )
    parser.add_argument(
        "--training",
        action="store_true",
        help="let every visitor start and stop training runs, but nothing else, even though other "
        "computers can reach the app; --password takes precedence",
    )
    parser.add_argument("--browser", action="store_true", help="open the page in a browser")
    return parser.parse_args(argv)


def choose_port(address: str, wanted: int | None) -> int:
    """The wanted port, or the first free one. Exits with a sentence when there is none.

    The first one is the same at every start where that is possible, because the storage of a
    browser, which holds the tray, belongs to host and port.
    """
    if wanted is None:
        ports = list(range(FIRST_PORT, FIRST_PORT + 100))
    elif 1 <= wanted <= 65535:
        ports = [wanted]
    else:
        fail(f"The port is {wanted}; it must be from 1 to 65535.")
    for port in ports:
        try:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, port))
            if wanted is None and port != FIRST_PORT:
                print(
                    f"Port {FIRST_PORT} is in use, so this is {port}. What a browser stores of the"
                    " tray belongs to one port; --port chooses it.",
                    file=sys.stderr,
                )
            return port
        except OSError as error:
            reason = error.strerror or str(error)
    fail(f"Nothing can listen on {address} port {ports[0]}: {reason}.")


def fail(sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr)
    sys.exit(2)


def announce(host: str, port: int, base_path: str, browser: bool) -> None:
    """Print the address once the app can answer, then import torch in the background."""
    from explorer.services import server

    server.started.wait()
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    address += f"/{base_path}" if base_path else ""
    print(f"Explorer: {address}", flush=True)
    if browser:
        webbrowser.open(address)
    # The first visitor's page needs this import; here it happens a little earlier.
    from explorer.services import model_registry, model_removal

    model_registry.clear_up()
    model_removal.clean_up()


def serve(address: str, port: int, base_path: str, max_upload: int) -> None:
    """Run the app of services/server.py in this process."""
    # Threads that wait for each other should sleep; spinning would occupy the other's core.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # One core is left for the browser, which paints while the next pictures are drawn.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, min((os.cpu_count() or 1) - 1, 8))))
    # The server re-raises the signal that ended it; this avoids an error and a traceback.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    from explorer.services import server, shutdown

    # Appearance and the rest are in .streamlit/config.toml beside app.py. Options that keep the app
    # private are set here, where no other configuration file can override them.
    options = {
        "server.address": address,
        "server.port": port,
        "server.baseUrlPath": base_path,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "server.maxUploadSize": max_upload,
        "browser.gatherUsageStats": False,
        "runner.fastReruns": False,  # see services/whole_callbacks.py
        # Collecting all garbage after every run stops every thread; with fifty visitors, half of
        # what the interpreter did went into it. Python collects by itself when enough new objects
        # survive.
        "runner.postScriptGC": False,
        # An experimental interface for programs, to which the limits of the app do not apply.
        "server.enableAgentApi": False,
        # Sites that may steer the app from a frame around it: none, not even Streamlit's cloud.
        "client.allowedOrigins": [],
        # Number of runs after which a browser forgets a message. Quick clicks abort many runs; the
        # server does not count those, and would refer to a message that is already forgotten.
        "global.maxCachedMessageAge": 100,
        "client.showErrorDetails": "none",
        "client.toolbarMode": "minimal",
        "logger.hideWelcomeMessage": True,
    }
    # Streamlit reads .streamlit/config.toml beside the program that was started, but a console
    # script is elsewhere.
    sys.argv = [str(HERE / "app.py")]
    try:
        server.app.run(config=options)
    except SystemExit as end:
        shutdown.leave(end.code if isinstance(end.code, int) else 0)
    shutdown.leave()


if __name__ == "__main__":
    main()
