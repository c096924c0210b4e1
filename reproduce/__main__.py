"""``python -m reproduce``."""

import signal
import sys

from reproduce.base.lacks import lack_message

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until main() can report Ctrl-C, it just ends the process
try:
    from reproduce.cli import main
except ImportError as error:
    lacking = lack_message(error)
    if lacking is None:
        raise
    print(f"error: {lacking}", file=sys.stderr)
    sys.exit(2)
if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
    signal.signal(signal.SIGINT, signal.default_int_handler)

sys.exit(main())
