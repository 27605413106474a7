"""Command line of scripts/demo; also runs on Python 3.11."""

import argparse


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="Run a Home Assistant with a lamp beside a simulated Microsoft tenant.",
    )
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument(
        "--check", action="store_true", help="run unattended and report whether it works"
    )
    kinds.add_argument("--fresh", action="store_true", help="discard the last demo's configuration")
    return parser.parse_args()
