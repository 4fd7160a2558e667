"""The tree in docs/ARCHITECTURE.md is the tree of src/tradepool."""

from __future__ import annotations

import re

from tests.tidy.source import PACKAGE, ROOT, package_files

PAGE = ROOT / "docs" / "ARCHITECTURE.md"
_FOLDER = re.compile(r"^([\s│├└─]*)([\w.-]+(?:/[\w.-]+)*)/(?:\s|$)")


def drawn_folders(page: str) -> set[str]:
    """Folders of the fenced block that begins with src/tradepool/: each line's first word that ends with /.

    A folder belongs to the nearest line above it that is indented less.
    """
    blocks = re.findall(r"```[^\n]*\n(.*?)```", page, re.DOTALL)
    block = next((text for text in blocks if PACKAGE in text), "")
    folders: set[str] = set()
    above: list[tuple[int, str]] = []
    for line in block.splitlines():
        drawn = _FOLDER.match(line)
        if drawn is None:
            continue
        depth, name = len(drawn[1]), drawn[2]
        above = [(other, path) for other, path in above if other < depth]
        path = f"{above[-1][1]}{name}/" if above else f"{name}/"
        above.append((depth, path))
        folders.add(path)
    return {path for path in folders if path.startswith(PACKAGE) and path != PACKAGE}


def test_the_drawn_tree_is_the_real_one() -> None:
    real = {source.path.rsplit("/", 1)[0] + "/" for source in package_files()} - {PACKAGE}
    drawn = drawn_folders(PAGE.read_text(encoding="utf-8"))
    assert sorted(real - drawn) == [], "folders that the page does not draw, each on a line of its own"
    assert sorted(drawn - real) == [], "folders that the page draws and that are not there"


def test_a_tree_is_read_by_its_indentation() -> None:
    page = "```\nsrc/tradepool/\n  core/     VERBS: and/or\n    graph/  expr\n            more text\n  ports/\nweb/  x\n```\n"
    names = ("core/", "core/graph/", "ports/")
    assert drawn_folders(page) == {PACKAGE + name for name in names}
    boxes = "```text\nsrc/tradepool/\n├── core/\n│   └── graph/\n└── ports/\n```\n"
    assert drawn_folders(boxes) == {PACKAGE + name for name in names}
