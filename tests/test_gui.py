"""Each model opened in Nengo GUI, in a browser without a window: no error, plots that move."""

from itertools import combinations

import pytest
from gui_page import MISSING, NAMES, Page, browser, copied, served

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))


@pytest.fixture(scope="module")
def driver():
    with browser() as driver:
        yield driver


@pytest.mark.parametrize("name", NAMES)
def test_model_plays(name, driver, tmp_path):
    """It opens, draws all that is on the page, goes on drawing, and says no error."""
    with served(copied(name, tmp_path)) as address:
        page = Page(driver, address)
        boxes = page.boxes()
        page.play()
        page.pause_at(0.6)
        before = page.drawn()
        page.play()
        page.pause_at(page.time + 0.5)
        after = page.drawn()
        assert page.errors() == []

    assert len(before) == len(after) == len(boxes) >= 5
    assert all(content for _, content in before)
    changed = {label for (label, old), (_, new) in zip(before, after) if old != new}
    # What stands still is a slider that nobody moves, or a display of what has not changed.
    assert len(changed) >= len(boxes) / 2
    # On the page, in front of nothing else.
    for _, left, top, right, bottom in boxes:
        assert right - left > 50 and bottom - top > 50
    for (_, *a), (_, *b) in combinations(boxes, 2):
        assert a[0] >= b[2] - 1 or b[0] >= a[2] - 1 or a[1] >= b[3] - 1 or b[1] >= a[3] - 1


def test_slider(driver, tmp_path):
    """A current below the threshold silences the neuron."""
    with served(copied("lif_neuron", tmp_path)) as address:
        page = Page(driver, address)
        page.play()
        page.pause_at(0.3)
        display = dict(page.drawn()[:2])["rate (Hz)"]
        assert "r(1.50) = 38.5 Hz" in display
        page.set_slider("current", 0.5)
        page.play()
        page.pause_at(page.time + 0.5)
        display = dict(page.drawn()[:2])["rate (Hz)"]
        assert page.errors() == []
    assert "r(0.50) = 0.0 Hz" in display and "counted: 0 in" in display


def test_an_error_is_seen(driver, tmp_path):
    """What the other tests look for is there when a model is broken."""
    path = copied("lif_neuron", tmp_path)
    path.write_text(path.read_text().replace("size_in=2, size_out=2", "size_in=2, size_out=5"))
    with served(path) as address:
        page = Page(driver, address)
        driver.find_element("id", "pause_button").click()
        errors = page.wait(page.errors, "an error")
    assert any("Error" in error for error in errors)
