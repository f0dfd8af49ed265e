"""The repository as house tests see it."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "agentc"


@cache
def tracked() -> tuple[Path, ...]:
    """Files that are, or would be, committed; without links. Falls back to the tree where there is no git."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    names = done.stdout.split("\0") if done.returncode == 0 else []
    paths = [ROOT / name for name in names if name] or [p for p in ROOT.rglob("*") if ".venv" not in p.parts]
    return tuple(sorted(p for p in paths if p.is_file() and not p.is_symlink()))


def modules() -> list[Path]:
    """The package's Python files."""
    return [path for path in tracked() if path.suffix == ".py" and path.is_relative_to(PACKAGE)]


@cache
def syntax(path: Path) -> ast.Module:
    """The syntax tree of a Python file."""
    return ast.parse(path.read_text("utf-8"), str(path))


def name_of(path: Path) -> str:
    """``agentc/cli/root.py`` -> ``agentc.cli.root``."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """Modules that a file imports anywhere, also inside functions; not those for type checking only."""
    found: set[str] = set()
    pending: list[ast.AST] = [syntax(path)]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending += node.orelse
        else:
            pending += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def kebab(name: str) -> str:
    """``SplitLlm`` and ``split_llm`` -> ``split-llm``."""
    spaced = "".join(f"-{c.lower()}" if c.isupper() else c for c in name)
    return spaced.strip("-").replace("_", "-")
