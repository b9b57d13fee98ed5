"""Pieces of SVG for displays. Nengo GUI sends a display in every step, so they are kept short."""

import base64
import io

import numpy as np
from PIL import Image

# Okabe and Ito's colours (analysis/style.py, which would need matplotlib).
BLUE, GREEN, VERMILLION, GREY = "#0072B2", "#009E73", "#D55E00", "#999999"


def drawing(content, width=100, height=100):
    """An SVG image that fills its box as far as its proportions allow."""
    return (
        f'<svg viewBox="0 0 {width} {height}" width="100%" height="100%" '
        f'font-family="sans-serif" text-anchor="middle">{content}</svg>'
    )


def text(x, y, words, size=10, color="#000", anchor=None):
    """A line of text at the left, or around x."""
    anchor = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{color}"{anchor}>{words}</text>'


def picture(image, x, y, size):
    """An image, bright where its pixels are 1.

    Parameters
    ----------
    image : (height, width) ndarray
        Pixels in [0, 1].
    x, y, size : float
        Its left upper corner, and its width and height.
    """
    stream = io.BytesIO()
    pixels = np.round(255 * np.clip(image, 0, 1)).astype(np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    data = base64.b64encode(stream.getvalue()).decode()
    return (
        f'<image x="{x:g}" y="{y:g}" width="{size:g}" height="{size:g}" '
        f'style="image-rendering:pixelated" href="data:image/png;base64,{data}"/>'
    )


def bars(values, x, y, width, height, marked=None):
    """Horizontal bars, one below the other, each with its number before it.

    Parameters
    ----------
    values : (n,) ndarray
        In [0, 1], as parts of the width; the rest is cut off. At most ten.
    x, y, width, height : float
        Left upper corner, greatest length of a bar, and height of all.
    marked : int, optional
        A bar that gets a frame of the greatest length: the right one.
    """
    step = height / len(values)
    tops = y + step * (np.arange(len(values)) + 0.1)
    boxes = [
        f"M{x:g} {top:.1f}h{value * width:.1f}v{0.8 * step:.1f}H{x:g}"
        for top, value in zip(tops, np.clip(values, 0, 1))
        if value * width >= 0.1
    ]
    result = f'<path d="{"".join(boxes)}" fill="{BLUE}"/>'
    if marked is not None:
        result += (
            f'<rect x="{x:g}" y="{tops[marked]:.1f}" width="{width:g}" height="{0.8 * step:.1f}" '
            'fill="none" stroke="#000" stroke-width=".6"/>'
        )
    # One element for all numbers, which has places for each of its letters.
    letters = "".join(map(str, range(len(values))))
    across = " ".join([f"{x - 4:g}"] * len(values))
    down = " ".join(f"{top + 0.65 * step:.1f}" for top in tops)
    return result + f'<text font-size="{0.8 * step:.3g}" x="{across}" y="{down}">{letters}</text>'
