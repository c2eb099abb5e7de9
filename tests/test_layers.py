"""Who may import whom, which modules the engine stays away from, and how long a file may be."""

import ast
import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE_ROOTS = (ROOT, ROOT / "cli", ROOT / "config")
PACKAGES = ("pyssh", "pyssh_cli", "pyssh_config")
LINE_LIMIT = 500

BOTTOM = ("pyssh.errors", "pyssh.about", "pyssh.record")
"""What every module may import; these import only one another."""

_ENGINE = ("options", "events", "messages", "wire", "state", "keys", "algorithms")

LAYERS: dict[str, tuple[str, ...]] = {
    "errors": (),
    "about": (),
    "record": (),
    "wire": (),
    "state": ("wire",),
    "messages": ("wire",),
    "keys": ("wire",),
    "agent": ("keys", "messages", "wire"),
    "algorithms": ("keys", "messages", "wire"),
    "options": ("algorithms", "keys", "wire"),
    "events": ("keys", "messages", "wire"),
    "transport": ("algorithms", "options", "events", "messages", "keys", "wire", "state"),
    "userauth": ("keys", "options", "events", "messages", "wire", "state"),
    "connection": ("options", "events", "messages", "wire", "state"),
    "mux": ("engine", "connection", *_ENGINE),
    "engine": ("transport", "userauth", "connection", *_ENGINE),
    "relay": ("engine", "transport", "userauth", "connection", *_ENGINE),
    "aio": (
        "engine",
        "agent",
        "connection.kinds",
        "connection.requests",
        "events",
        "options",
        "keys",
        "wire",
    ),
    "__init__": ("aio", "engine", "relay", "options", "events", "keys", "algorithms"),
}
"""The layers of `pyssh` and which other ones each may import; a name with a dot is that module alone."""

OUTER_LAYERS = {
    "pyssh.__main__": ("pyssh_cli",),  # a launcher
    "pyssh_config": ("pyssh.algorithms", "pyssh.keys", "pyssh.options", "pyssh.wire"),
    "pyssh_cli": ("pyssh", "pyssh_config"),
}

DEPENDENCIES = {
    "pyssh": ("cryptography", "bcrypt"),
    "pyssh_config": (),
    "pyssh_cli": ("click", "rich", "ptyprocess", "dns"),
}
"""The packages of others that each of ours may import."""

FORBIDDEN = (
    "asyncio", "socket", "ssl", "threading", "subprocess", "pathlib", "time", "logging", "os",
    # they cost more start-up time than all of the engine's declarations
    "dataclasses", "inspect",
)  # fmt: skip
"""What no module of `pyssh` outside the adapter imports: the engine does no input or output."""

FORBIDDEN_EXEMPT = {
    "os": ("pyssh.options",),  # the default random source
}
WITHOUT_LIMITS = ("pyssh.aio", "pyssh.__main__")


class Import(NamedTuple):
    """One module that another one names."""

    target: str
    line: int
    runs: bool
    """False where it is only for type checkers, or a string that may be imported when it is needed."""


@functools.cache
def modules() -> dict[str, Path]:
    """The modules of the three packages and their files."""
    found = {}
    for root in SOURCE_ROOTS:
        for package in PACKAGES:
            for path in sorted((root / package).rglob("*.py")):
                parts = path.relative_to(root).with_suffix("").parts
                found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def _walk(node: ast.AST, runs: bool) -> Iterator[tuple[ast.AST, bool]]:
    for child in ast.iter_child_nodes(node):
        inside = runs and not (_is_type_checking(node) and child in getattr(node, "body", ()))
        yield child, inside
        yield from _walk(child, inside)


def _from_targets(module: str, node: ast.ImportFrom) -> Iterator[str]:
    base = node.module or ""
    if node.level:
        parts = module.split(".")
        if modules()[module].name != "__init__.py":
            parts.pop()
        package = parts[: len(parts) - node.level + 1]
        base = ".".join([*package, base] if base else package)
    for alias in node.names:
        inner = f"{base}.{alias.name}"
        yield inner if inner in modules() else base


@functools.cache
def imports(module: str) -> tuple[Import, ...]:
    """Everything that a module imports, also inside functions and by a name in a string."""
    found = []
    for node, runs in _walk(ast.parse(modules()[module].read_text()), True):
        match node:
            case ast.Import(names=names):
                found += [Import(alias.name, node.lineno, runs) for alias in names]
            case ast.ImportFrom():
                found += [Import(target, node.lineno, runs) for target in _from_targets(module, node)]
            case ast.Constant(value=str(text)) if text in modules() and "." in text:
                found.append(Import(text, node.lineno, False))
    return tuple(found)


def is_within(module: str, *packages: str) -> bool:
    """True if the module is one of these or lies in one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def layer_of(module: str) -> str:
    """The row that holds for a module."""
    if module == "pyssh":
        return "pyssh.__init__"
    if outer := [row for row in OUTER_LAYERS if is_within(module, row)]:
        return outer[0]
    return ".".join(module.split(".")[:2])


def allowed_for(layer: str) -> tuple[str, ...]:
    """The prefixes that a layer may import; KeyError for a layer that has no row."""
    if layer in OUTER_LAYERS:
        return (layer, *BOTTOM, *OUTER_LAYERS[layer])
    named = LAYERS[layer.removeprefix("pyssh.")]
    return (layer, *BOTTOM, *(f"pyssh.{name}" for name in named))


def is_allowed(module: str, target: str) -> bool:
    """True if the table lets a module import another one of ours."""
    if target == "pyssh":
        # a layer that imports the root closes a circle, for the root imports the layers
        return is_within(module, "pyssh_cli")
    return is_within(target, *allowed_for(layer_of(module)))


@pytest.mark.parametrize("module", modules())
def test_imports_follow_the_table(module: str) -> None:
    layer = layer_of(module)
    assert layer in OUTER_LAYERS or layer.removeprefix("pyssh.") in LAYERS, f"{layer} has no row in the table"
    ours = [found for found in imports(module) if is_within(found.target, *PACKAGES)]
    wrong = [found for found in ours if not is_allowed(module, found.target)]
    assert not wrong, [f"{modules()[module]}:{found.line} imports {found.target}" for found in wrong]


@pytest.mark.parametrize("module", modules())
def test_only_declared_dependencies(module: str) -> None:
    own = module.split(".", maxsplit=1)[0]
    known = (*PACKAGES, *sys.stdlib_module_names, *DEPENDENCIES[own])
    # standard library of newer Python versions than the one that runs this
    known += ("annotationlib", "compression")
    wrong = [found for found in imports(module) if not is_within(found.target, *known)]
    assert not wrong, [f"{modules()[module]}:{found.line} imports {found.target}" for found in wrong]


@pytest.mark.parametrize(
    "module",
    [name for name in modules() if is_within(name, "pyssh") and not is_within(name, *WITHOUT_LIMITS)],
)
def test_engine_does_no_input_or_output(module: str) -> None:
    forbidden = [name for name in FORBIDDEN if module not in FORBIDDEN_EXEMPT.get(name, ())]
    wrong = [found for found in imports(module) if is_within(found.target, *forbidden)]
    assert not wrong, [f"{modules()[module]}:{found.line} imports {found.target}" for found in wrong]


def test_imports_form_no_circle() -> None:
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module in done:
            return
        for found in imports(module):
            if found.runs and found.target in modules() and found.target != module:
                visit(found.target, (*path, module))
        done.add(module)

    for module in modules():
        visit(module, ())


def test_table_names_only_layers() -> None:
    rows = {name.split(".")[0] for allowed in LAYERS.values() for name in allowed}
    assert rows <= LAYERS.keys()


def test_files_stay_short() -> None:
    folders = ("pyssh", "cli", "config", "tests", "scripts")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    texts = [path for path in files if path.suffix == ".py" or path.parent == ROOT / "scripts"]
    lengths = {path: len(path.read_bytes().splitlines()) for path in texts}
    long = {str(path): length for path, length in lengths.items() if length > LINE_LIMIT}
    assert not long


def test_source_roots_are_no_packages() -> None:
    # an import package named `cli` or `config` would clash with those of others
    assert not [path for path in SOURCE_ROOTS if (path / "__init__.py").exists()]
