"""The demo as a command: `python -m scripts.live`.

Whoever stops it while it is still being imported sees it end, and no traceback.
"""

import signal
import sys

for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, lambda *_: sys.exit(130))

from .demo import main  # noqa: E402

sys.exit(main())
