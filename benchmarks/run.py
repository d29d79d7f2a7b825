"""Measure this provider side by side with what else one would use: ``python benchmarks/run.py``.

Every subject runs its contenders in turns, in one go, on the same machine: what counts is the ratio,
not the milliseconds. Ends with 1 when a target does not hold, with 2 when something could not be
measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from comparison import Plan, Subject
from machine import describe_load, describe_machine
from peers import PeerError
from processes import ProbeError
from subjects import SUBJECTS
from table import render_subject, render_summary


def main() -> int:
    """Run the chosen subjects, print their tables and return the exit status."""
    arguments = _parse_arguments()
    command = f"python {Path(sys.argv[0])} {' '.join(sys.argv[1:])}".rstrip()
    machine = describe_machine()
    print("\n".join(f"{name:>9}: {value}" for name, value in {"command": command, **machine}.items()), flush=True)
    plan = Plan(arguments.rounds, arguments.peers)
    done: list[Subject] = []
    loads = {"before": describe_load()}
    for name in arguments.only or SUBJECTS:
        print(f"\nMeasuring {name} …", flush=True)
        started = time.monotonic()
        try:
            subject = SUBJECTS[name](plan)
        except (PeerError, ProbeError) as error:
            print(f"\n{name} could not be measured: {error}")
            return 2
        done.append(subject)
        print(render_subject(subject))
        print(f"took {time.monotonic() - started:.0f} s", flush=True)
    loads["after"] = describe_load()
    print(f"\n{render_summary(done)}")
    print(f"load of the machine (1, 5, 15 min): {loads['before']} before, {loads['after']} after")
    if arguments.json:
        record = {"command": command, "machine": machine, "load": loads, "subjects": [item.as_json() for item in done]}
        arguments.json.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"written to {arguments.json}")
    return 0 if all(row.holds is not False for subject in done for row in subject.rows) else 1


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=list(SUBJECTS), help="one subject; may be given again")
    parser.add_argument("--rounds", type=int, default=7, help="measurements of each contender (>= 5; %(default)s)")
    parser.add_argument(
        "--no-peers", dest="peers", action="store_false", help="leave out projects that are installed for it"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured there too")
    arguments = parser.parse_args()
    if arguments.rounds < 5:
        parser.error("--rounds must be at least 5: a median of fewer says little")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
