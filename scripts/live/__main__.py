"""Run the demo: `python -m scripts.live`."""

import signal
import sys

for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, lambda *_: sys.exit(130))

from .demo import main  # noqa: E402

sys.exit(main())
