"""What a column of a view is made of: its tables and views as boxes, their columns joined by lines, for Graphviz."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from runyard.charts.theme import palette

Link = tuple[str, str, str, str]  # view, its column, the relation it is made of, that one's column


def lineage_graph(links: Iterable[Link], *, asked: tuple[str, str], dark: bool) -> str:
    """Return a DOT text that reads from the tables, left, to the asked column of a view, right.

    Args:
        links: the steps from the asked column to the columns of tables.
        asked: view and column, which stand out; a column that is made of nothing stands alone.
    """
    colours = palette(dark)
    links = list(links)
    made = {link[0] for link in links} | {asked[0]}
    columns: dict[str, list[str]] = {asked[0]: [asked[1]]}
    for view, column, relation, source in links:
        columns.setdefault(view, []).append(column)
        columns.setdefault(relation, []).append(source)
    lines = [
        "digraph lineage {",
        'graph [rankdir=LR, bgcolor=transparent, nodesep=0.25, ranksep=0.9, fontname="sans-serif"];',
        'node [shape=plain, fontname="sans-serif", fontsize=12];',
        f'edge [color="{colours.muted}", arrowsize=0.6, penwidth=1.2];',
    ]
    for relation, names in columns.items():
        fill = colours.surface if relation in made else colours.sequential[1]
        cells = [f'<TR><TD BGCOLOR="{fill}"><FONT COLOR="{colours.text}"><B>{escape(relation)}</B></FONT></TD></TR>']
        for name in sorted(set(names)):
            is_asked = (relation, name) == asked
            ink, ground = (colours.background, colours.best) if is_asked else (colours.text, colours.background)
            cells.append(
                f'<TR><TD ALIGN="LEFT" PORT="{escape(name)}" BGCOLOR="{ground}">'
                f'<FONT COLOR="{ink}">{escape(name)}</FONT></TD></TR>'
            )
        table = f'<TABLE BORDER="0" CELLBORDER="1" CELLSPACING="0" CELLPADDING="5" COLOR="{colours.border}">'
        lines.append(f'"{relation}" [label=<{table}{"".join(cells)}</TABLE>>];')
    lines += [f'"{relation}":"{source}":e -> "{view}":"{column}":w;' for view, column, relation, source in links]
    return "\n".join([*lines, "}"])
