"""The state graphs that a file builds: their nodes, edges and routers, as the builder's calls state them."""

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from agentc.frontends.importers.langgraph.module import POINTS, Function, Meaning, Module, Scope
from agentc.support.record import record

START, END = POINTS["START"], POINTS["END"]

_BUILDERS = ("StateGraph", "MessageGraph", "Graph")


@record
class Node:
    """A node, and what runs there."""

    name: str
    runs: Meaning | None
    """None where the file does not say: it comes from elsewhere."""
    scope: Scope
    place: ast.AST


@record
class Router:
    """How a node chooses what runs next."""

    name: str
    function: Function | None
    targets: dict[str, str]
    """What it returns -> the node that this leads to."""
    place: ast.AST
    fans_out: bool = False
    """Whether it sends each part of its state to a run of its own (``Send``)."""
    sure: bool = True
    """Whether the file states the targets; else they are all nodes."""


@dataclass(eq=False)
class Graph:
    """One state graph."""

    name: str
    """The variable of its builder."""
    place: ast.AST
    scope: Scope
    nodes: dict[str, Node] = field(default_factory=dict[str, Node])
    edges: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    routers: dict[str, list[Router]] = field(default_factory=dict[str, list[Router]])
    compiled: list[str] = field(default_factory=list[str])
    """The variables that hold it when it is compiled, and the functions that return it."""


def graphs(module: Module) -> list[Graph]:
    """The graphs of a file, in order."""
    found: dict[tuple[Scope, str], Graph] = {}
    for node in module.tree_nodes():
        if not isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr):
            continue
        root = _root(node.value) if node.value else None
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        if root is not None and module.callee(root, module.scope(node)) in _BUILDERS and (name := _variable(target)):
            found[_owner(module, name, module.scope(node)), name] = Graph(name, node, module.scope(node))
    turned: set[ast.AST] = set()
    for loop in module.turns():
        turned |= _built(loop, module, found)
    _built(module.tree, module, found, turned)
    for graph in found.values():
        _commands(graph, module)
    return list(found.values())


def _built(
    node: ast.AST, module: Module, found: dict[tuple[Scope, str], Graph], but: Collection[ast.AST] = ()
) -> set[ast.AST]:
    """Do what the calls of builders within ``node`` do, in their order, ``but`` those; the calls that were."""
    calls = [inner for inner in ast.walk(node) if isinstance(inner, ast.Call) and inner not in but]
    done: set[ast.AST] = set()
    for call in sorted(calls, key=finished):
        if isinstance(call.func, ast.Attribute) and (graph := _of(call, module, found)):
            _apply(graph, call, module)
            done.add(call)
    return done


def finished(call: ast.Call) -> tuple[int, int]:
    """Where a call ends: calls in this order run one after the other, those of a chain from its start."""
    return call.end_lineno or 0, call.end_col_offset or 0


def _root(node: ast.expr) -> ast.expr:
    """What a chain of calls starts with: of ``StateGraph(S).add_node(…).compile()`` the first call."""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Call):
        node = node.func.value
    return node


def _variable(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return f"self.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _owner(module: Module, name: str, scope: Scope) -> Scope:
    """The class of ``self.x``, else the scope itself."""
    while name.startswith("self.") and not isinstance(scope, ast.ClassDef | ast.Module):
        scope = module.scope(scope)
    return scope


def _of(call: ast.Call, module: Module, found: dict[tuple[Scope, str], Graph]) -> Graph | None:
    """The graph whose method ``call`` calls."""
    scope, root = module.scope(call), _root(call)
    if isinstance(root, ast.Call) and module.callee(root, scope) in _BUILDERS:
        return next((graph for graph in found.values() if any(n is root for n in ast.walk(graph.place))), None)
    owner = root.func.value if isinstance(root, ast.Call) and isinstance(root.func, ast.Attribute) else root
    name = _variable(owner)
    while name:
        graph = found.get((_owner(module, name, scope), name))
        if graph or isinstance(scope, ast.Module):
            return graph
        scope = module.scope(scope)
    return None


def _apply(graph: Graph, call: ast.Call, module: Module) -> None:
    """Do what a method of the builder does."""
    assert isinstance(call.func, ast.Attribute)
    scope, args = module.scope(call), _arguments(call)
    match call.func.attr:
        case "add_node":
            _node(graph, call, args, module, scope)
        case "add_edge":
            _edge(graph, args, module, scope)
        case "add_conditional_edges":
            _conditional(graph, call, args, module, scope)
        case "add_sequence":
            _sequence(graph, args, module, scope)
        case "set_entry_point" | "set_finish_point":
            name = module.text(args.get(0) or args.get("key"), scope)
            if name:
                graph.edges.append((START, name) if call.func.attr == "set_entry_point" else (name, END))
        case "set_conditional_entry_point":
            shifted = {key + 1 if isinstance(key, int) else key: value for key, value in args.items()}
            _conditional(graph, call, {0: ast.Constant(START), **shifted}, module, scope)
        case "compile":
            graph.compiled += _compiled(call, module)
        case _:
            pass


def _arguments(call: ast.Call) -> dict[int | str, ast.expr]:
    """Arguments by position and by name."""
    named = {word.arg: word.value for word in call.keywords if word.arg}
    return {**dict(enumerate(call.args)), **named}


def _node(graph: Graph, call: ast.Call, args: dict[int | str, ast.expr], module: Module, scope: Scope) -> None:
    first, second = args.get(0) or args.get("node"), args.get(1) or args.get("action")
    if first is None:
        return
    name = module.text(first, scope)
    runs, home = module.meaning(second or first, scope)
    if name is None:
        name = getattr(runs, "name", None) or (module.dotted(first, scope).rpartition(".")[2] if not second else "")
    if not name:
        name = f"node_{len(graph.nodes) + 1}"
    graph.nodes[name] = Node(name, runs if second or not module.text(first, scope) else None, home, call)


def _edge(graph: Graph, args: dict[int | str, ast.expr], module: Module, scope: Scope) -> None:
    sources = module.texts(args.get(0) or args.get("start_key"), scope)
    target = module.text(args.get(1) or args.get("end_key"), scope)
    graph.edges += [(source, target) for source in sources or () if target]


def _sequence(graph: Graph, args: dict[int | str, ast.expr], module: Module, scope: Scope) -> None:
    rows = args.get(0) or args.get("nodes")
    previous = ""
    for row in rows.elts if isinstance(rows, ast.List | ast.Tuple) else ():
        pair = row.elts if isinstance(row, ast.Tuple) and len(row.elts) == 2 else [row]
        runs, home = module.meaning(pair[-1], scope)
        name = module.text(pair[0], scope) or getattr(runs, "name", f"node_{len(graph.nodes) + 1}")
        graph.nodes[name] = Node(name, runs, home, row)
        if previous:
            graph.edges.append((previous, name))
        previous = name


def _conditional(graph: Graph, call: ast.Call, args: dict[int | str, ast.expr], module: Module, scope: Scope) -> None:
    source = module.text(args.get(0) or args.get("source"), scope)
    path = args.get(1) or args.get("path")
    if source is None or path is None:
        return
    runs, home = module.meaning(path, scope)
    name = module.dotted(path, scope).rpartition(".")[2] or f"{source}_route"
    function = runs if isinstance(runs, ast.FunctionDef | ast.AsyncFunctionDef) else None
    stated = _path_map(args.get(2) or args.get("path_map"), module, scope)
    if not stated and name == "tools_condition":
        stated = {"tools": "tools", END: END}
    sends, returned = _returned(runs, module, home)
    targets = stated or {label: label for label in (*returned, *sends)}
    router = Router(
        name, function, targets, call, fans_out=bool(sends) or _sends(runs, module, home), sure=bool(targets)
    )
    graph.routers.setdefault(source, []).append(router)


def _path_map(node: ast.expr | None, module: Module, scope: Scope) -> dict[str, str]:
    """Label -> node, of a mapping or a list of names."""
    if node is None:
        return {}
    found, scope = module.meaning(node, scope)
    if isinstance(found, ast.Dict):
        rows = [
            (_label(key, module, scope), module.text(value, scope))
            for key, value in zip(found.keys, found.values, strict=True)
        ]
        return {label: target for label, target in rows if label is not None and target is not None}
    names = module.texts(found, scope) if isinstance(found, ast.expr) else None
    return {name: name for name in names or ()}


def _label(node: ast.expr | None, module: Module, scope: Scope) -> str | None:
    """What a router returns, as text: also true, false and numbers."""
    if isinstance(node, ast.Constant) and not isinstance(node.value, str):
        return str(node.value)
    return module.text(node, scope)


def _returned(runs: Meaning | None, module: Module, scope: Scope) -> tuple[list[str], list[str]]:
    """The nodes that a router sends to, and the labels that it returns, by its annotation or else by its body."""
    if isinstance(runs, ast.Lambda):
        return [], list(dict.fromkeys(_texts_of(runs.body, module, scope)))
    if not isinstance(runs, ast.FunctionDef | ast.AsyncFunctionDef):
        return [], []
    sends = [name for call in _calls(runs, "Send", module) if (name := _target(call, module, runs))]
    labels = module.literals(runs.returns, scope)
    for node in ast.walk(runs) if not labels else ():
        if isinstance(node, ast.Return) and node.value is not None and module.scope(node) is runs:
            labels += _texts_of(node.value, module, runs)
    return list(dict.fromkeys(sends)), [label for label in dict.fromkeys(labels) if label not in sends]


def _texts_of(node: ast.expr, module: Module, scope: Scope) -> Iterator[str]:
    """The texts that an expression may have: both arms of a choice, the entries of a list."""
    if isinstance(node, ast.IfExp):
        yield from _texts_of(node.body, module, scope)
        yield from _texts_of(node.orelse, module, scope)
    elif isinstance(node, ast.BoolOp | ast.List | ast.Tuple):
        for value in node.values if isinstance(node, ast.BoolOp) else node.elts:
            yield from _texts_of(value, module, scope)
    elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Dict):
        for value in node.value.values:
            yield from _texts_of(value, module, scope)
    elif (text := module.text(node, scope)) is not None:
        yield text


def _calls(function: Function, word: str, module: Module) -> list[ast.Call]:
    """The calls of ``word`` in a function."""
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    return [call for call in calls if module.callee(call, module.scope(call)) == word]


def _sends(runs: Meaning | None, module: Module, scope: Scope) -> bool:
    inner = [n for n in ast.walk(runs) if isinstance(n, ast.Call)] if runs is not None else []
    return any(module.callee(call, scope) == "Send" for call in inner)


def _target(call: ast.Call, module: Module, scope: Scope) -> str | None:
    args = _arguments(call)
    return module.text(args.get(0) or args.get("node"), scope)


def _commands(graph: Graph, module: Module) -> None:
    """The edges of nodes that return ``Command(goto=…)``: by annotation, or else by what their bodies say."""
    for node in graph.nodes.values():
        runs = node.runs
        if not isinstance(runs, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        targets = module.literals(runs.returns, node.scope, of="Command")
        calls = _calls(runs, "Command", module)
        gotos = [value for call in calls if (value := _arguments(call).get("goto")) is not None]
        sends = any(
            isinstance(n, ast.Call) and module.callee(n, runs) == "Send" for goto in gotos for n in ast.walk(goto)
        )
        if not targets:
            targets = [text for goto in gotos for text in _texts_of(goto, module, runs)]
            targets += [name for call in _calls(runs, "Send", module) if (name := _target(call, module, runs))]
        if targets or gotos:
            rows = {target: target for target in dict.fromkeys(targets)}
            router = Router(f"{node.name}_goto", runs, rows, runs, fans_out=sends, sure=bool(rows))
            graph.routers.setdefault(node.name, []).append(router)


def _compiled(call: ast.Call, module: Module) -> list[str]:
    """The names under which a compiled graph is known."""
    found: list[str] = []
    for node in module.tree_nodes():
        if isinstance(node, ast.Return) and node.value is call:
            scope = module.scope(node)
            found += [scope.name] if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef) else []
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is call:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found += [name for target in targets if (name := _variable(target))]
    return found
