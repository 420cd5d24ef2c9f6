"""The pages as a site: nothing is broken, nothing is missing, nothing comes from elsewhere."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import trellis_process

from .conftest import DOCS, build

ROOT = DOCS.parent


class Page(HTMLParser):
    """What a page of the site fetches, links to, and can be linked to at."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.fetched: set[str] = set()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if "id" in found:
            self.anchors.add(found["id"])
        if "src" in found or (tag == "link" and found.get("rel") == "stylesheet"):
            self.fetched.add(found.get("src") or found["href"])
        if tag == "a" and "href" in found:
            self.links.add(found["href"])

    def handle_data(self, data: str) -> None:
        self.text += data


@cache
def page(path: Path) -> Page:
    return Page(path)


def pages(site: Path) -> list[Path]:
    return sorted(site.rglob("*.html"))


def test_every_link_leads_to_a_page_and_a_place_on_it(site: Path) -> None:
    broken = []
    for path in pages(site):
        for link in page(path).links:
            parts = urlsplit(link)
            if parts.scheme or link == "#":
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = unquote(parts.fragment)
            if not target.is_file() or (
                place and target.suffix == ".html" and place not in page(target).anchors
            ):
                broken.append(f"{path.relative_to(site)}: {link}")
    assert not broken


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for path in pages(site):
        for address in page(path).fetched:
            assert not urlsplit(address).netloc, f"{path.relative_to(site)} fetches {address}"
            assert (path.parent / unquote(urlsplit(address).path)).is_file(), address
    for path in [*site.rglob("*.css"), *site.rglob("*.svg")]:
        assert not re.search(
            r"(url\(|@import |href=)[\"']?(https?:)?//", path.read_text(encoding="utf-8")
        ), path


def test_every_page_is_in_the_navigation(site: Path) -> None:
    listed = page(site / "index.html").links
    for path in DOCS.glob("**/*.md"):
        name = path.relative_to(DOCS).with_suffix(".html").as_posix()
        assert name in listed or name == "index.html", f"nothing leads to {name}"


def test_every_picture_is_drawn(site: Path) -> None:
    sources = {"index.html": ROOT / "README.md"}
    sources |= {f"{path.stem}.html": path for path in DOCS.glob("*.md") if path.stem != "index"}
    drawn = 0
    for name, source in sources.items():
        blocks = source.read_text(encoding="utf-8").count("\n```mermaid\n")
        images = [address for address in page(site / name).fetched if address.endswith(".svg")]
        assert len(images) == blocks, name
        for image in images:
            assert (site / image).read_text(encoding="utf-8").startswith("<svg")
        drawn += blocks
    assert drawn >= 3


def test_every_operation_of_the_api_is_in_its_reference(site: Path) -> None:
    document = json.loads((ROOT / "trellis_process" / "http" / "openapi.json").read_text())
    shown = page(site / "reference" / "http.html")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert f"{method.upper()} {path} HTTP/1.1" in shown.text
            assert operation["summary"].replace("'", "’") in shown.text  # as it is set
            for name in (each["name"] for each in operation.get("parameters", ())):
                assert name in shown.text
    for name in document["components"]["schemas"]:
        assert f"http-{name.lower()}" in shown.anchors


@pytest.mark.parametrize("kind", ["events", "commands"])
def test_every_message_and_its_fields_are_in_the_reference(site: Path, kind: str) -> None:
    schema = json.loads((DOCS / f"{kind}.schema.json").read_text(encoding="utf-8"))
    shown = page(site / "reference" / f"{kind}.html")
    for each in schema["oneOf"]:
        name = each["$ref"].rsplit("/", 1)[-1]
        assert f"{kind.removesuffix('s')}-{name.lower()}" in shown.anchors
        for field in schema["$defs"][name]["properties"]:
            assert field in shown.text


def public_names() -> dict[str, list[str]]:
    found = {"trellis_process": trellis_process.__all__}
    for each in pkgutil.iter_modules(trellis_process.__path__):
        name = f"trellis_process.{each.name}"
        text = "" if not each.ispkg else (ROOT / name.replace(".", "/") / "__init__.py").read_text()
        if listed := re.search(r"^__all__ = (\[.*?\])$", text, re.MULTILINE | re.DOTALL):
            found[name] = re.findall(r'"(\w+)"', listed[1])
    return found


@pytest.mark.parametrize("module", public_names())
def test_every_public_name_is_in_the_python_reference(site: Path, module: str) -> None:
    known = set(trellis_process.__all__) if module != "trellis_process" else set()
    own = set(public_names()[module]) - known
    for name in own:
        shown = page(site / "reference" / "python" / f"{module}.html")
        assert f"{module}.{name}" in shown.anchors, f"{module}.{name}"


def test_every_error_is_in_the_python_reference(site: Path) -> None:
    errors = importlib.import_module("trellis_process.errors")
    shown = page(site / "reference" / "python" / "trellis_process.errors.html").anchors
    for name, each in vars(errors).items():
        if isinstance(each, type) and issubclass(each, errors.TrellisError):
            assert {f"{errors.__name__}.{name}", f"trellis_process.{name}"} & {
                *shown,
                *page(site / "reference" / "python" / "trellis_process.html").anchors,
            }


def test_every_command_of_the_command_line_is_in_the_reference(site: Path) -> None:
    shown = page(site / "reference" / "command-line.html")
    for name in ("demo", "dev", "template", "start", "list", "show", "complete", "cancel"):
        assert f"trellis-{name}" in shown.anchors
        assert f"Usage: trellis {name} " in shown.text


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("[gone](gone.md)", "gone.md"),
        ("[gone](start.md#gone)", "gone"),
        ("[gone](../lambdas/gone.py)", "gone.py"),
        ("```{eval-rst}\n:py:class:`trellis_process.Gone`\n```", "trellis_process.Gone"),
    ],
    ids=["page", "heading", "file", "class"],
)
def test_what_leads_nowhere_fails_the_build(tmp_path: Path, line: str, told: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "index.md").write_text("# Index\n\n## Guides\n\n- [Start](start.md)\n")
    (source / "start.md").write_text(f"# Start\n\n{line}\n")

    done = build(source, tmp_path / "site")

    assert done.returncode != 0
    assert told in done.stderr
