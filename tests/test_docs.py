"""Every piece of Python in the documentation runs, and says what it is said to say."""

import contextlib
import doctest
import importlib
import io
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

ROOT = Path(__file__).parent.parent
BUILT = ROOT / "docs" / "_build"
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if BUILT not in page.parents),
]
# Python, and what it prints where the page says so: text, or a table.
BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```$"
    r"(?:\n\n```text\n(?P<text>.*?)^```$|\n\n(?P<table>(?:\|[^\n]*\n)+))?",
    flags=re.M | re.S,
)
FOLDERS = ("analysis", "backends", "datasets", "experiments", "learning", "models", "networks")
MODULES = [
    ".".join(["nengo_pc", *path.relative_to(ROOT).with_suffix("").parts])
    for folder in FOLDERS
    for path in sorted((ROOT / folder).glob("**/*.py"))
    if path.stem != "__init__"
]


def name_of(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page(page, tmp_path, monkeypatch):
    """The Python blocks of a page run one after another, in one namespace."""
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for block in BLOCK.finditer(page.read_text()):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block["code"], str(page), "exec"), namespace)
        said = block["text"] or block["table"]
        if said is not None and "print(" in block["code"]:
            assert printed.getvalue().strip() == said.strip()
    for made in tmp_path.glob("*.png"):
        shown = imread(ROOT / "docs" / "images" / made.name)
        # Another digit gives 0.5, another seed 0.7; rounding may move a spike.
        assert np.corrcoef(imread(made).ravel(), shown.ravel())[0, 1] > 0.8


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target


def test_there_is_something_to_test():
    assert len(MODULES) > 20


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name):
    if name.startswith("nengo_pc.models."):
        pytest.skip("models are run by their own tests")
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
