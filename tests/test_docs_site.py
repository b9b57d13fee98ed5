"""The site is built without a warning, without a network, and has a place for every public name."""

import ast
import importlib
import os
import posixpath
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("sphinx")
from sphinx.util.inventory import InventoryFile  # noqa: E402

ROOT = Path(__file__).parent.parent
# All that have an ``__all__``.
PACKAGES = ("analysis", "backends", "backends.xla", "datasets", "learning", "learning.rules")
PACKAGES += ("analysis.plots", "networks")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built pages."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "-q"]
    # A network would be used through a proxy that is not there.
    nowhere = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    done = subprocess.run(
        [*command, "-d", folder / "doctrees", ROOT / "docs", folder / "html"],
        env={**os.environ, **nowhere, "PYTHONWARNINGS": "ignore", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def documented(site):
    """Names of Python objects and of scripts' options, as the site's inventory has them."""
    with open(site / "objects.inv", "rb") as stream:
        inventory = InventoryFile.load(stream, "", posixpath.join)
    python = [names for kind, names in inventory.items() if kind.startswith("py:")]
    return {"python": set().union(*python), "options": set(inventory["std:cmdoption"])}


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_are_in_the_reference(package, documented):
    public = importlib.import_module(f"nengo_pc.{package}").__all__
    assert {f"nengo_pc.{package}.{name}" for name in public} <= documented["python"]


def test_experiments_are_in_the_reference(documented):
    """What each module defines, as Python's parser reads it from the file."""
    for path in (ROOT / "experiments").rglob("*.py"):
        module = ".".join(["nengo_pc", *path.relative_to(ROOT).with_suffix("").parts])
        defined = {
            f"{module}.{node.name}"
            for node in ast.parse(path.read_text()).body
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
        }
        assert defined <= documented["python"], path


def test_scripts_are_documented_with_their_options(documented):
    for script in ROOT.glob("run_*.py"):
        # What argparse itself says of them.
        done = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True)
        options = set(re.findall(r"^  (--[a-z][a-z0-9-]*)", done.stdout, flags=re.M))
        assert options
        missing = {f"{script.name}.{option}" for option in options} - documented["options"]
        assert not missing


def test_links_within_the_site_lead_somewhere(site):
    ids = {}
    pages = [page for page in site.rglob("*.html") if "_modules" not in page.parts]
    for page in pages:
        ids[page.resolve()] = set(re.findall(r'\bid="([^"]*)"', page.read_text()))
    assert len(pages) > 20
    for page in pages:
        for link in re.findall(r'<(?:a|img)\b[^>]*?(?:href|src)="([^"]*)"', page.read_text()):
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page.resolve()
            assert target.exists(), (page, link)
            if parts.fragment and target in ids:
                assert unquote(parts.fragment) in ids[target], (page, link)


def test_pages_need_nothing_from_elsewhere(site):
    for page in site.rglob("*.html"):
        for tag in re.findall(r"<(?:script|link|img)\b[^>]*>", page.read_text()):
            assert not re.search(r'(?:src|href)="(?:https?:)?//', tag), (page, tag)


def test_equations_are_mathml(site):
    page = (site / "concepts" / "neurons.html").read_text()
    assert page.count('<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">') >= 3
    assert "\\frac" not in page and "$$" not in page
