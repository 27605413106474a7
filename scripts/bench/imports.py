"""One import, timed in a fresh interpreter: `python -m scripts.bench.imports first,second third`.

Each argument is a group of modules. Prints the seconds of CPU time that each group took after those
before it, and whether MSAL came with them.
"""

import importlib
import json
import sys
from time import process_time


def main() -> None:
    """Import the groups."""
    seconds = []
    for group in sys.argv[1:]:
        begin = process_time()
        for module in group.split(","):
            importlib.import_module(module)
        seconds.append(process_time() - begin)
    sys.stdout.write(json.dumps({"seconds": seconds, "msal": "msal" in sys.modules}) + "\n")


if __name__ == "__main__":
    main()
