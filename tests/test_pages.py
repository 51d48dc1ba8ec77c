"""The programs of the pages in docs/ run, one after another, and print what the page says they print."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
PAGES = [page for page in sorted(DOCS.glob("*.md")) if "```python" in page.read_text(encoding="utf-8")]

# A program, with what it prints if that comes next.
PROGRAM = re.compile(r"```python\n(.*?)```(?:\n+```text\n(.*?)```)?", flags=re.DOTALL)
PICTURE = re.compile(r"!\[[^\]]*\]\(images/([^)]+)\)")


def test_there_are_pages() -> None:
    assert PAGES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_programs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    namespace: dict[str, object] = {}
    for program, output in PROGRAM.findall(text):
        exec(program, namespace)
        assert capsys.readouterr().out == output, program
    assert {path.name for path in tmp_path.glob("*.svg")} == set(PICTURE.findall(text))


@pytest.mark.parametrize("page", [DOCS.parent / "README.md", *PAGES], ids=lambda page: page.stem)
def test_links(page: Path) -> None:
    """What a page links to in the repository is there."""
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target]
    assert local
    for target in local:
        assert (page.parent / target).exists(), target
