"""The command line of scripts/demo, which reads it before there is a Python 3.14."""

import argparse


def parse() -> argparse.Namespace:
    """Read the command line, or print its help."""
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="Run a Home Assistant with a lamp beside a simulated Microsoft tenant.",
    )
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument(
        "--check", action="store_true", help="run unattended and tell whether it works"
    )
    kinds.add_argument("--fresh", action="store_true", help="forget what the last demo left")
    return parser.parse_args()
