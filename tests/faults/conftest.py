"""The long forms of `tests/broker`: run by ``make faults`` alone, for they take the better part of an hour."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("INTEGRY_FAULTS") else ["test_*.py"]
