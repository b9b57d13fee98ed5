"""Nengo GUI in a browser that nobody sees: opened, played, read and photographed."""

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

MODELS = Path(__file__).parent.parent / "models"
NAMES = (
    "mnist_snn",
    "predictive_coding",
    "spiking_pc_learning",
    "lif_neuron",
    "poisson_coding",
)
SIZE = (1600, 900)  # of the window, in pixels
# Modules that open a model, by the command that a user gives.
COMMANDS = {"python -m nengo_pc.models": "nengo_pc.models", "nengo": "nengo_gui.main"}
# Without a display, a GPU, or anything that looks for a network.
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def missing():
    """What lacks for a browser without a window, in words; None if nothing does."""
    for package in ("nengo_gui", "selenium"):
        if importlib.util.find_spec(package) is None:
            return f"needs {package}: pip install nengo-gui selenium"
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            return f"needs {program}: apt-get install chromium chromium-driver"
    return None


MISSING = missing()


def copied(name, folder):
    """A copy of a model and its layout, since Nengo GUI writes layouts when something moves.

    It is ``models/<name>.py`` in the folder, as in the repository.
    """
    target = Path(folder) / "models"
    target.mkdir(exist_ok=True)
    for suffix in (".py", ".py.cfg"):
        shutil.copy(MODELS / f"{name}{suffix}", target)
    return target / f"{name}.py"


@contextlib.contextmanager
def browser(size=SIZE):
    """Chromium without a window, driven by Selenium."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    with tempfile.TemporaryDirectory(prefix="chromium-") as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
        driver = webdriver.Chrome(options=options, service=service)
        try:
            driver.set_window_size(*size)
            yield driver
        finally:
            driver.quit()


@contextlib.contextmanager
def started(path, command="python -m nengo_pc.models"):
    """Nengo GUI with a model, on this machine alone; its process, and its address with the token.

    ``command`` is one of `COMMANDS`.
    """
    # Where the page shows the path, it is that from the repository.
    folder, name = path.parent.parent, f"{path.parent.name}/{path.name}"
    process = subprocess.Popen(
        [sys.executable, "-m", COMMANDS[command], name, "--no-browser", "--port", "0"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    printed = []
    try:
        yield process, _address(process, printed)
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def served(path):
    """The address of `started`."""
    with started(path) as (_, address):
        yield address


def _address(process, printed):
    """The address that Nengo GUI prints; what it prints afterwards is read and kept."""
    for line in process.stdout:
        printed.append(line)
        if found := re.search(r"http://\S+", line):
            threading.Thread(target=lambda: printed.extend(process.stdout), daemon=True).start()
            return found.group()
    raise RuntimeError(f"Nengo GUI did not start:\n{''.join(printed)}")


# What Nengo GUI 0.6 makes Chromium complain of while it fits the axes of any plot.
OF_NENGO_GUI = 'attribute transform: Trailing garbage, "translate(0,NaN)"'
# What each component of the page has drawn: nothing but lines without points, where it has not.
DRAWN = """
return Nengo.Component.components.map(c => [
    c.label.textContent,
    Array.from(c.div.querySelectorAll('path.line, path.spikes'))
        .map(p => p.getAttribute('d') || '').join(';')
        + (c.pdiv ? c.pdiv.innerHTML : '')
        + (c.sliders ? c.sliders.map(s => s.value).join(';') : '')
]);
"""
BOXES = """
return Nengo.Component.components.map(c => {
    const box = c.div.getBoundingClientRect();
    return [c.label.textContent, box.left, box.top, box.right, box.bottom];
});
"""
READY = """
return typeof sim !== 'undefined' && Nengo.Component.components.length > 0
    && sim.ws.readyState === 1
    && Nengo.Component.components.every(c => c.ws.readyState === 1);
"""


class Page:
    """A model's page.

    Parameters
    ----------
    driver : selenium.webdriver.Chrome
    address : str
    timeout : float
        In s, for whatever is waited for.
    """

    def __init__(self, driver, address, timeout=120.0):
        self.driver, self.timeout = driver, timeout
        driver.get("about:blank")
        driver.get_log("browser")  # of the page before
        driver.get(address)
        self.wait(lambda: driver.execute_script(READY), "components that are connected")

    def wait(self, holds, what):
        """Wait until something holds, and return what it gave."""
        end = time.monotonic() + self.timeout
        while time.monotonic() < end:
            if result := holds():
                return result
            time.sleep(0.05)
        raise TimeoutError(f"waited {self.timeout:g} s for {what}: {self.errors()}")

    def play(self):
        """Press play and wait until the simulation runs, or runs on."""
        before = self.time
        self.driver.find_element("id", "pause_button").click()
        self.wait(lambda: self.time > before, "the simulation to run")

    def unthrottle(self):
        """Let the simulation run as fast as it goes, not at the pace of real time."""
        self.driver.execute_script("sim.ws.send('target_scale:1')")

    def set_slider(self, label, value):
        """Drag the slider of that name to a value."""
        self.driver.execute_script(
            "const [label, value] = arguments;"
            "const named = c => c.sliders && c.label.textContent === label;"
            "Nengo.Component.components.find(named).sliders[0].set_value(value);",
            label,
            value,
        )

    def pause_at(self, seconds):
        """Stop when so much is simulated, and wait until all that was sent is drawn."""
        self.driver.execute_script(
            "const at = arguments[0];"
            "const watch = setInterval(() => "
            "{ if (sim.time >= at) { sim.pause(); clearInterval(watch); } }, 5);",
            seconds,
        )
        self.wait(
            lambda: self.driver.execute_script("return sim.paused"), f"{seconds:g} simulated s"
        )
        before = None
        while before != (now := (self.time, self.drawn())):
            before = now
            time.sleep(0.5)
            # A plot that got its last data before the page knew the time has yet to draw them.
            self.driver.execute_script("Nengo.Component.components.forEach(c => c.update())")

    @property
    def time(self):
        """Simulated time in s."""
        return self.driver.execute_script("return sim.time")

    @property
    def speed(self):
        """Simulated over real time, as the page says."""
        return self.driver.execute_script("return sim.rate")

    def run_until(self, seconds):
        """Wait until so much is simulated."""
        self.wait(lambda: self.time >= seconds, f"{seconds:g} simulated s")

    def drawn(self):
        """What each plot, display and slider shows, by its label: a list of pairs."""
        return [tuple(pair) for pair in self.driver.execute_script(DRAWN)]

    def boxes(self):
        """Label, left, top, right and bottom of each, in pixels."""
        return self.driver.execute_script(BOXES)

    def errors(self):
        """Whatever the page says is wrong."""
        found = [
            element.text
            for css in ("#console_error", ".modal.in .modal-body")
            for element in self.driver.find_elements("css selector", css)
            if element.text
        ]
        log = [line for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]
        return found + [line["message"] for line in log if OF_NENGO_GUI not in line["message"]]

    def photograph(self, path):
        """A picture of the page, written whole."""
        from nengo_pc.networks.files import whole_file

        with whole_file(path) as temporary:
            self.driver.save_screenshot(str(temporary))
