"""Is the built documentation whole, and does it keep to itself?

python scripts/check_docs.py docs/_build/html

Every link within it leads to a page and a place that are there, and every reference to a name of fanin is a link;
nothing is loaded from elsewhere; every public name, and what its class can do, has a place of its own.
"""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from types import GetSetDescriptorType
from urllib.parse import unquote, urlsplit

STYLE_LOADS = re.compile(r"""(?:url\(|@import\s)\s*["']?([^"')\s;]+)""")
LOADS = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}


@dataclass
class Page(HTMLParser):
    """What a page has and asks for."""

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    # References that Sphinx found no place for: it leaves their text, marked as one, without a link around it.
    unresolved: list[str] = field(default_factory=list)
    in_link: bool = False
    in_reference: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes it."""
        found = {name: str(value) for name, value in attrs if value}
        if "id" in found:
            self.ids.add(found["id"])
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag in LOADS and LOADS[tag] in found and found.get("rel") not in ("canonical", "next", "prev"):
            self.loads.append(found[LOADS[tag]])
        self.in_link |= tag == "a"
        self.in_reference |= tag == "code" and "xref" in found.get("class", "").split()

    def handle_endtag(self, tag: str) -> None:
        """Notes where a link and a reference end."""
        self.in_link &= tag != "a"
        self.in_reference &= tag != "code"

    def handle_data(self, data: str) -> None:
        """Notes a reference that leads nowhere."""
        if self.in_reference and not self.in_link and data.startswith(("fanin.", "pytest_fanin.")):
            self.unresolved.append(data)


def read(path: Path) -> Page:
    """A page's parts."""
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def problems(folder: Path, names: list[str]) -> list[str]:
    """What is wrong, a line each."""
    pages = {path.resolve(): read(path) for path in sorted(folder.rglob("*.html")) if "_static" not in path.parts}
    found = [] if pages else [f"{folder}: no pages"]
    for path, page in pages.items():
        where = path.relative_to(folder.resolve())
        found += [f"{where}: loads {load}" for load in page.loads if is_elsewhere(load)]
        dead = [link for link in (*page.links, *page.loads) if not leads_somewhere(link, path, pages)]
        found += [f"{where}: nothing at {link}" for link in dict.fromkeys(dead)]
        found += [f"{where}: no such name as {name}" for name in page.unresolved]
    for path in sorted(folder.rglob("*.css")):
        loads = STYLE_LOADS.findall(path.read_text(encoding="utf-8"))
        found += [f"{path.relative_to(folder)}: loads {load}" for load in loads if is_elsewhere(load)]
    ids = {name for page in pages.values() for name in page.ids}
    return found + [f"no place for fanin.{name}" for name in names if f"fanin.{name}" not in ids]


def is_elsewhere(link: str) -> bool:
    """Whether it asks for another host."""
    return bool(urlsplit(link).netloc)


def leads_somewhere(link: str, path: Path, pages: dict[Path, Page]) -> bool:
    """Whether a link within the documentation has an end; others are not followed."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target not in pages:
        return target.is_file()
    return not parts.fragment or unquote(parts.fragment) in pages[target].ids


def public() -> list[str]:
    """The names of the package, and what its classes can do; what another public class lends has its place there."""
    import fanin

    found = [name for name in fanin.__all__ if not name.startswith("__")]
    classes = {name: item for name in found if isinstance(item := getattr(fanin, name), type)}
    for name, item in classes.items():
        lenders = [base for base in item.__mro__ if base is item or base not in classes.values()]
        members = {member for base in lenders if base.__module__.startswith("fanin") for member in vars(base)}
        found += [f"{name}.{member}" for member in sorted(members) if is_ability(item, member)]
    return found


def is_ability(item: type, member: str) -> bool:
    """Whether a member is a method or a property; fields have their words in the docstring of the class."""
    value = inspect.getattr_static(item, member)
    kinds = (classmethod, staticmethod, property, GetSetDescriptorType)
    return not member.startswith("_") and (callable(value) or isinstance(value, kinds))


def main(folder: str) -> int:
    """Prints what is wrong; 1 if anything is."""
    found = problems(Path(folder), public())
    print(*found, sep="\n" if found else "", end="\n" if found else "", file=sys.stderr)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
