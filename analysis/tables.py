"""Plain tables, readable on a terminal and valid Markdown."""

import numbers

MISSING = "–"


def table(rows, columns):
    """Give an aligned Markdown table.

    Parameters
    ----------
    rows : sequence of dict
        One per line. A value that is absent or None shows as a dash; text is shown as it is,
        numbers with four significant digits or all before the point.
    columns : sequence of str, or dict of str to str
        Keys to show, in order; a dict gives each key its heading.

    Returns
    -------
    str
        The table, without a newline at the end. Columns of numbers, be they given as
        text, are aligned to the right.

    Raises
    ------
    ValueError
        If there are no columns.
    """
    headings = dict(columns) if hasattr(columns, "keys") else {key: key for key in columns}
    if not headings:
        raise ValueError("columns is empty; wanted at least one key")
    lines, rules = [], []
    for key, heading in headings.items():
        values = [row.get(key) for row in rows]
        cells = [_cell(heading), *(_cell(value) for value in values)]
        width = max(3, *map(len, cells))
        given = [value for value in values if value is not None]
        right = bool(given) and all(map(_is_numeric, given))
        lines.append([cell.rjust(width) if right else cell.ljust(width) for cell in cells])
        rules.append("-" * (width - 1) + (":" if right else "-"))
    heading, *body = zip(*lines, strict=True)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (heading, rules, *body))


def _is_numeric(value):
    """Tell whether ``value`` reads as a number."""
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _cell(value):
    """Give the text of one cell."""
    if value is None:
        return MISSING
    if isinstance(value, numbers.Integral):
        return str(value)
    if isinstance(value, numbers.Real):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"
    return str(value).replace("|", "\\|").replace("\n", " ")
