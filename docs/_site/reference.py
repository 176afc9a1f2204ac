"""Makes the entries of the reference out of the package itself, and sees to it that each public name has one."""

from __future__ import annotations

import ast
import enum
import importlib
import inspect
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.ext import intersphinx
from sphinx.transforms.post_transforms import ReferencesResolver, SphinxPostTransform
from sphinx.util import logging
from sphinx.util.nodes import make_refnode

from _site.names import BLOCK, PACKAGES, TOP, Block, all_names, imports_of, names_of, own_names

logger = logging.getLogger(__name__)
ERRORS = re.compile(r" {4}(\w+(?:, \w+)*): (.*)")
"""A line of the section "Raises" that names errors, and when they come."""

CAPITALS = re.compile(r"(\w+\.)*[A-Z]\w*(\.\w+)?")
"""A class, or a member of one, with or without the module before it."""

PRIVATE = re.compile(r"_[A-Z_]+")
"""A constant of a module as the source of a signature names it."""

ALIASES = {"Connection": "psycopg.AsyncConnection"}
"""What our modules call something of others."""

WITHOUT_MEMBERS = {"Instrumentation"}
"""Classes that users hold and only this package calls."""

FORMAT = "# Sphinx inventory version 2"
INVENTORIES = Path(__file__).parent / "inventories"


def setup(app: Sphinx) -> dict[str, bool]:
    """Be an extension of Sphinx."""
    app.connect("source-read", write_entries)
    app.connect("autodoc-process-docstring", write_sections)
    app.connect("autodoc-before-process-signature", show_defaults, priority=900)  # after autodoc's own
    app.connect("autodoc-process-bases", leave_out_hidden_bases)
    app.add_post_transform(ShortNames)
    app.connect("env-check-consistency", compare_with_public_names)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


# Entries ----------------------------------------------------------------------------------------------------------


def write_entries(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Put directives of autodoc where a page asks for names."""
    source[0] = BLOCK.sub(lambda found: _entries(Block(found[1], tuple(found[2].split()))), source[0])


def _entries(block: Block) -> str:
    lines = [line for name in names_of(block) for line in (*_entry(block.package, name), "")]
    return "\n".join(["```{eval-rst}", f".. py:currentmodule:: {block.package}", "", *lines, "```"])


def _entry(package: str, full_name: str) -> Iterator[str]:
    name = full_name.removeprefix(f"{package}.")
    value = _value(package, name)
    if isinstance(value, ModuleType):
        yield f".. py:module:: {full_name}"
    elif inspect.isclass(value) and value.__name__ == name:
        yield f".. auto{'exception' if issubclass(value, BaseException) else 'class'}:: {full_name}"
        yield from (f"   {option}" for option in _options(value))
    elif inspect.isroutine(value):
        yield f".. autofunction:: {full_name}"
    else:
        yield from _assignment(own_names(package)[name], full_name)


def _value(package: str, name: str) -> Any:
    """Import a name; a package may be a public name that is a module itself."""
    if package in PACKAGES:
        package = ".".join(("vonage_messages", *Path(PACKAGES[package]).with_suffix("").parts)).removesuffix(
            ".__init__"
        )
    return getattr(importlib.import_module(package), name)


def _options(cls: type) -> Iterator[str]:
    if cls.__name__ in WITHOUT_MEMBERS:
        return
    yield ":members:"
    if issubclass(cls, enum.Enum):
        yield ":undoc-members:"
        yield ":member-order: bysource"
    if _shown_bases(cls.__bases__):
        yield ":show-inheritance:"
    hidden = [base for base in cls.__mro__[1:] if _is_hidden(base)]
    if any(_does_something(value) for base in hidden for name, value in vars(base).items() if not name.startswith("_")):
        others = [base.__name__ for base in cls.__mro__[1:] if base not in hidden]
        yield f":inherited-members: {', '.join(others)}"


def _does_something(value: object) -> bool:
    return inspect.isfunction(value) or isinstance(value, property | classmethod | staticmethod)


def _is_hidden(cls: Any) -> bool:
    return getattr(cls, "__module__", "").startswith("vonage_messages") and not _is_public(cls)


def _is_public(cls: type) -> bool:
    return any(own_names(package).get(cls.__name__) == cls.__module__ for package in PACKAGES)


def leave_out_hidden_bases(_app: Sphinx, _name: str, _cls: type, _options: Any, bases: list[Any]) -> None:
    """Name the nearest bases that are public, or of somebody else."""
    bases[:] = _shown_bases(bases)


def _shown_bases(bases: Iterable[Any]) -> list[Any]:
    waiting, found = list(bases), []
    while waiting:  # ends: each class is replaced by its own bases, up to object
        base = waiting.pop(0)
        if _is_hidden(base):
            waiting[:0] = base.__bases__
        elif base is not object and base not in found:
            found.append(base)
    return found


def show_defaults(_app: Sphinx, function: Any, _bound: bool) -> None:
    """
    Show what an argument is when it is left out, where the source has a name for it that nobody knows.

    The source of an attrs class is generated, and names a table of attrs; others name constants of their module.
    """
    if not inspect.isfunction(function):
        return
    if function.__code__.co_filename.startswith("<attrs"):
        vars(function).pop("__signature__", None)
    shown = inspect.signature(function)
    given = shown.parameters.values()
    changed = [each.replace(default=Made()) if _says_nothing(each.default) else each for each in given]
    function.__signature__ = shown.replace(parameters=changed)  # type: ignore[attr-defined]


def _says_nothing(default: object) -> bool:
    return default is attrs.NOTHING or PRIVATE.fullmatch(repr(default)) is not None


class Made:
    """A default that is made anew for each object."""

    def __repr__(self) -> str:
        return "..."


def write_sections(_app: Sphinx, kind: str, _name: str, value: Any, _options: Any, lines: list[str]) -> None:
    """Link the errors that a docstring lists, and add where facts come from when the module says it for all of it."""
    written = list(_with_linked_errors(lines))
    module = inspect.getdoc(inspect.getmodule(value)) or "" if kind == "class" else ""
    source = re.search(r"^Reference: .*?\.(?=\s|\Z)", module, re.DOTALL | re.MULTILINE)
    if source and not any(line.startswith("Reference: ") for line in written):
        written += ["", *source[0].splitlines(), ""]
    lines[:] = written


def _with_linked_errors(lines: list[str]) -> Iterator[str]:
    inside = False
    for line in lines:
        if line == "Raises:":
            inside = True
            yield from ("**Raises**", "")
            continue
        inside = inside and (not line or line.startswith(" "))
        error = ERRORS.match(line) if inside else None
        if error:
            yield from (", ".join(f":py:exc:`{name}`" for name in error[1].split(", ")), f"    {error[2]}")
        else:
            yield f"    {line.strip()}" if inside and line else line


def _assignment(module: str, full_name: str) -> Iterator[str]:
    """Describe an alias of a type, or a constant, by its source: at run time it does not know its own name."""
    name = full_name.rpartition(".")[2]
    value, text, is_type = _assigned(module, name)
    yield f".. py:{'type' if is_type else 'data'}:: {name}"
    yield f"   :{'canonical' if is_type else 'value'}: {value}"
    yield ""
    yield from (f"   {line}" for line in inspect.cleandoc(text).splitlines())


def _assigned(module: str, name: str) -> tuple[str, str, bool]:
    path = Path(importlib.import_module(module).__file__ or "")
    body = ast.parse(path.read_text(encoding="utf-8")).body
    for number, node in enumerate(body):
        target = (
            node.target
            if isinstance(node, ast.AnnAssign)
            else node.targets[0]
            if isinstance(node, ast.Assign)
            else None
        )
        if not isinstance(target, ast.Name) or target.id != name:
            continue
        after = body[number + 1] if number + 1 < len(body) else None
        text = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
        return ast.unparse(node.value), str(text), not name.isupper()
    raise LookupError(f"{module} assigns no {name}")


# Links ------------------------------------------------------------------------------------------------------------


class ShortNames(SphinxPostTransform):
    """Finds what an annotation or a docstring names as its own module does: by its last word."""

    default_priority = ReferencesResolver.default_priority - 1

    def run(self, **_options: Any) -> None:
        """Resolve what Sphinx would not find, or find twice."""
        for node in list(self.document.findall(pending_xref)):
            if node.get("refdomain") == "py" and (resolved := self._resolved(node)) is not None:
                node.replace_self(resolved)

        for literal in list(self.document.findall(nodes.literal)):
            if (name := self._named_by(literal)) is not None:
                entry = self.env.domains.python_domain.objects[name]
                shown, docname = literal.deepcopy(), self.env.docname
                literal.replace_self(make_refnode(self.app.builder, docname, entry.docname, entry.node_id, shown, name))

    def _named_by(self, literal: nodes.literal) -> str | None:
        """Tell which entry a word in code type is the name of; words in small letters mean other things as well."""
        word = literal.astext().removesuffix("()").removeprefix(f"{TOP}.")
        if not re.fullmatch(r"(\w+\.)*[A-Z]\w*(\.\w+)?", word) or isinstance(
            literal.parent, nodes.reference | nodes.title
        ):
            return None
        entries = self.env.domains.python_domain.objects
        names = [name for name in (f"{package}.{word}" for package in (TOP, *PACKAGES)) if name in entries]
        here = {name for name in names if entries[name].docname == self.env.docname}
        return next(iter(here), names[0] if names else None)

    def _resolved(self, node: pending_xref) -> nodes.reference | None:
        target, shown = node["reftarget"], node[0].deepcopy()
        if target in self.env.domains.python_domain.objects:
            return None
        if name := self._full_name(target.rpartition(".")[2], node.get("py:module") or TOP, node.get("py:class")):
            entry = self.env.domains.python_domain.objects[name]
            return make_refnode(
                self.app.builder, node.get("refdoc", self.env.docname), entry.docname, entry.node_id, shown, name
            )
        if elsewhere := _names_elsewhere().get(target.rpartition(".")[2]):
            node["reftarget"] = elsewhere
            return intersphinx.resolve_reference_detect_inventory(self.env, node, shown)
        return None

    def _full_name(self, word: str, module: str, cls: str | None) -> str | None:
        entries = self.env.domains.python_domain.objects
        written_in = own_names(module).get(cls or "", module)
        for home in (module, imports_of(written_in).get(word), TOP):
            if f"{home}.{word}" in entries:
                return f"{home}.{word}"
        kinds = {"class", "exception", "type", "function", "data"}
        found = [name for name, entry in entries.items() if name.rpartition(".")[2] == word and entry.objtype in kinds]
        found = [name for name in found if not entries[name].aliased]
        return found[0] if len(found) == 1 else None


@cache
def _names_elsewhere() -> Mapping[str, str]:
    lines = [
        line for path in sorted(INVENTORIES.glob("*.txt")) for line in path.read_text(encoding="utf-8").splitlines()
    ]
    names = [line.split()[0] for line in lines if line and not line.startswith("#")]
    return {name.rpartition(".")[2]: name for name in names} | ALIASES


def pack_inventory(name: str, folder: Path) -> str:
    """Make of a list in this folder the file that intersphinx reads, so that no build asks a network for it."""
    lines = (INVENTORIES / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    body = "".join(f"{line}\n" for line in lines if line and not line.startswith("#"))
    head = (FORMAT, f"# Project: {name}", "# Version: ", "# The remainder of this file is compressed using zlib.", "")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.inv"
    path.write_bytes("\n".join(head).encode() + zlib.compress(body.encode()))
    return str(path)


# Consistency ------------------------------------------------------------------------------------------------------


def compare_with_public_names(_app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of a public name without an entry. Sphinx itself warns of a name that has two."""
    entries = env.domains.python_domain.objects
    for name in all_names():
        if name not in entries or entries[name].aliased:
            logger.warning("the public name %s has no entry in the reference", name)
