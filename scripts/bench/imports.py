"""Time imports: `python -m scripts.bench.imports first,second third`.

Each argument is a group of modules. Prints the CPU seconds of each group, in this order, and whether MSAL was imported.
"""

import gc
import importlib
import json
import sys
from time import process_time


def main() -> None:
    """Import the groups and print the result."""
    seconds = []
    for group in sys.argv[1:]:
        # No garbage collection visits the objects of the groups before.
        gc.freeze()
        begin = process_time()
        for module in group.split(","):
            importlib.import_module(module)
        seconds.append(process_time() - begin)
    sys.stdout.write(json.dumps({"seconds": seconds, "msal": "msal" in sys.modules}) + "\n")


if __name__ == "__main__":
    main()
