"""Each model in Nengo GUI: seconds until a plot is drawn, and its speed against real time.

    python benchmarks/models.py [--names mnist_snn ...] [--seconds 5] [--photographs FOLDER]

The model is opened in Chromium without a window, as the tests do (tests/gui_page.py), and played.
Seconds count from the start of Nengo GUI's process to the first point of a plot, with
``python -m nengo_pc.models`` and with Nengo GUI's own command, which imports every simulator that
is installed. The speed is that of running as fast as it goes; Nengo GUI otherwise keeps it near 1.
The last column is the processor time of Nengo GUI's process, without the browser, for a simulated
second: it says what to expect where other work goes on.
``--photographs docs/images/models`` remakes the pictures of docs/models.md.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import psutil
from gui_page import COMMANDS, MISSING, NAMES, Page, browser, copied, served, started

# Simulated time in s at which there is something to see.
WORTH_SEEING = {"predictive_coding": 3.53, "spiking_pc_learning": 25.03, "poisson_coding": 6.0}


def until_drawn(driver, path, command):
    """Seconds from the start of the process until a plot has a point."""
    start = time.monotonic()
    with started(path, command) as (_, address):
        page = Page(driver, address)
        page.play()
        page.wait(lambda: any("L" in drawn for _, drawn in page.drawn()), "a plot")
        return time.monotonic() - start


def speed(driver, path, seconds):
    """Simulated over real time, and processor time of Nengo GUI over simulated time."""
    with started(path) as (process, address):
        page = Page(driver, address)
        page.unthrottle()
        page.play()
        page.run_until(0.5)
        clock = psutil.Process(process.pid).cpu_times
        start, before, busy = time.monotonic(), page.time, sum(clock()[:2])
        page.run_until(before + seconds)
        simulated = page.time - before
        return simulated / (time.monotonic() - start), (sum(clock()[:2]) - busy) / simulated


def photograph(driver, path, name, folder):
    """Play a model until there is something to see, and keep a picture."""
    with served(path) as address:
        page = Page(driver, address, timeout=600.0)
        page.play()
        page.pause_at(WORTH_SEEING.get(name, 3.0))
        page.photograph(Path(folder) / f"{name}.png")


def main():
    """Print a table, or remake the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--names", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--seconds", type=float, default=5.0, help="simulated, for the speed")
    parser.add_argument("--photographs", metavar="FOLDER", help="only take pictures, into FOLDER")
    arguments = parser.parse_args()
    if MISSING is not None:
        sys.exit(f"benchmarks/models.py {MISSING}")
    if not arguments.photographs:
        cores, (load, *_) = os.cpu_count(), os.getloadavg()
        print(f"{cores} cores, load {load:.1f} at the start")
        print(
            f"| model | {' | '.join(f'{c} (s)' for c in COMMANDS)} "
            "| simulated / real time | processor s / simulated s |"
        )
        print("|---|" + "---:|" * (len(COMMANDS) + 2))
    with browser() as driver, tempfile.TemporaryDirectory() as folder:
        for name in arguments.names:
            path = copied(name, folder)
            if arguments.photographs:
                photograph(driver, path, name, arguments.photographs)
                continue
            opened = [until_drawn(driver, path, command) for command in COMMANDS]
            cells = [*(f"{seconds:.1f}" for seconds in opened)]
            cells += [f"{ratio:.2f}" for ratio in speed(driver, path, arguments.seconds)]
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
