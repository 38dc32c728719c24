"""One command line: python -m gan_core VERB. Each verb is a few lines over the package."""

import argparse
import inspect
import re
import shlex
import signal
import sys
from pathlib import Path

from gan_core.errors import InputError


def main(arguments=None):
    """Run one verb; returns the exit status. Bad input is one sentence on stderr and status 2."""
    parser = build_parser()
    options = vars(parser.parse_args(arguments))
    verb = options.pop("verb")
    # A polite kill ends a run as Ctrl-C does: with a snapshot.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        verb(**options)
    except (InputError, OSError) as error:
        print(f"gan_core: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("gan_core: interrupted.", file=sys.stderr)
        return 130
    return 0


def build_parser():
    parser = argparse.ArgumentParser(prog="python -m gan_core", description=__doc__.split(":")[0])
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for name, function, source in VERBS:
        summary = inspect.getdoc(function).split("\n")[0]
        verb = verbs.add_parser(
            name,
            help=summary,
            description=summary,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        verb.set_defaults(verb=function)
        add_options(verb, source)
    return parser


def add_options(parser, function):
    """Turn a function's signature into options: its defaults are theirs, its comments their help."""
    comments = dict(re.findall(r"^    (\w+)[=,].*?#\s*(.+)$", inspect.getsource(function), re.M))
    for name, parameter in inspect.signature(function).parameters.items():
        words = comments.get(name, "").replace("%", "%%")
        default = parameter.default
        flag = "--" + name.replace("_", "-")
        if parameter.kind is parameter.VAR_KEYWORD:
            continue
        if default is parameter.empty and parameter.kind is not parameter.KEYWORD_ONLY:
            parser.add_argument(name, help=words)
        elif default is parameter.empty:
            parser.add_argument(flag, required=True, help=words)
        elif isinstance(default, bool):
            parser.add_argument(flag, action="store_true", help=words)
        else:
            kind = str if default is None else type(default)
            parser.add_argument(flag, type=kind, default=default, help=words)


def pack(**options):
    """Pack images from a folder, a zip or a torchvision data set into a training set."""
    from gan_core import sources

    train, held_out, skipped = sources.pack(**options)
    for file, reason in skipped[:20]:
        print(f"skipped {file}: {reason}", file=sys.stderr)
    if len(skipped) > 20:
        print(f"… and {len(skipped) - 20} more", file=sys.stderr)
    print(f"{options['out']}: {train} training images, {held_out} held out, {len(skipped)} skipped")


from gan_core import sources  # noqa: E402

VERBS = [("pack", pack, sources.pack)]

if __name__ == "__main__":
    sys.exit(main())
