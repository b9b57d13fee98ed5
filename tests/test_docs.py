"""Every piece of Python in the documentation runs, and says what it is said to say."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FOLDERS = ("analysis", "backends", "datasets", "experiments", "learning", "models", "networks")
MODULES = [
    ".".join(["nengo_pc", *path.relative_to(ROOT).with_suffix("").parts])
    for folder in FOLDERS
    for path in sorted((ROOT / folder).glob("**/*.py"))
    if path.stem != "__init__"
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page(page, tmp_path, monkeypatch):
    """The Python blocks of a page run one after another, in one namespace."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), flags=re.M | re.S)
    namespace = {}
    for block in blocks:
        exec(compile(block, str(page), "exec"), namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
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
