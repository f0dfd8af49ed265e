"""What Python code says of a crew, as data with places: the arguments of its `Agent`, `Task` and `Crew` calls."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from agentc.frontends.importers.crewai.project import Linked
from agentc.frontends.importers.frame import Draft, Names
from agentc.frontends.importers.langgraph.module import Function, Meaning, Module, Scope
from agentc.frontends.importers.source import Part, Path
from agentc.frontends.yaml.document import Overlay
from agentc.support.diagnostics import Span, did_you_mean, shortened

_MEMBERS: Final = {"Agent": "agents", "Task": "tasks", "ConditionalTask": "tasks"}
_MODELS = ("model", "model_name", "model_id", "deployment_name", "azure_deployment")
_TEXT_CALLS = frozenset(("dedent", "cleandoc", "strip", "format"))
_DEEPEST = 25
"""Values within values, and functions that give what functions give."""


def crews(module: Module, draft: Draft, name: str) -> Part:
    """The crew ``name`` of a file: `agents`, `tasks`, `models`, `crew` and the paths of its configuration.

    Raises:
        Refused: the file makes none, or several and none is named.
    """
    module = Linked(module)
    calls = [(call, scope) for call, scope in _calls(module) if module.callee(call, scope) == "Crew"]
    named = {(_name_of(module, call, scope) or "crew"): (call, scope) for call, scope in calls}
    if name and name in named:
        return _Reader(module, *named[name], name).part()
    if not calls:
        message = f"`{module.document.file}` makes no `Crew`"
        raise draft.refuse("import-format", message, module.part(module.tree))
    if name or len(named) > 1:
        known = ", ".join(f"`{each}`" for each in named)
        message = f"there is no crew `{shortened(name, 80)}`" if name else f"the file makes several crews: {known}"
        help = did_you_mean(name, named) or f"name one: `{module.document.file}:{next(iter(named))}`"
        raise draft.refuse("unknown-name", message, module.part(calls[-1][0]), help)
    [(name, found)] = named.items()
    return _Reader(module, *found, name).part()


def crew_names(module: Module) -> dict[ast.Call, str]:
    """The calls that make crews in a file, and what each is called."""
    calls = [(call, scope) for call, scope in _calls(module) if module.callee(call, scope) == "Crew"]
    return {call: _name_of(module, call, scope) or "crew" for call, scope in calls}


def _calls(module: Module) -> Iterator[tuple[ast.Call, Scope]]:
    for node in module.own_nodes() if isinstance(module, Linked) else module.tree_nodes():
        if isinstance(node, ast.Call):
            yield node, module.scope(node)


def _name_of(module: Module, node: ast.AST, scope: Scope) -> str:
    """The class that ``node`` stands in, or the function, or the variable that it is assigned."""
    while not isinstance(scope, ast.Module | ast.ClassDef):
        if not isinstance(module.scope(scope), ast.ClassDef):
            return scope.name
        scope = module.scope(scope)
    if isinstance(scope, ast.ClassDef):
        return scope.name
    for each in module.tree_nodes():
        if isinstance(each, ast.Assign) and each.value is node and isinstance(each.targets[0], ast.Name):
            return each.targets[0].id
    return ""


@dataclass
class _Reader:
    module: Linked
    call: ast.Call
    scope: Scope
    name: str
    places: dict[Path, Span] = field(default_factory=dict[Path, Span])
    members: dict[ast.Call, tuple[str, str]] = field(default_factory=dict[ast.Call, tuple[str, str]])
    """Call of `Agent` or `Task` -> section, name."""
    given: dict[ast.Call, Mapping[str, Meaning]] = field(default_factory=dict[ast.Call, Mapping[str, Meaning]])
    """Call of `Agent` or `Task` within a function -> what its parameters are given."""
    names: dict[str, Names] = field(default_factory=lambda: {"agents": Names(), "tasks": Names()})
    depth: int = 0

    def part(self) -> Part:
        """The crew."""
        self._register()
        crew = self._arguments(self.call, self.scope, ("crew",))
        data: dict[str, Any] = {"name": self.name, "crew": crew, "agents": {}, "tasks": {}, "models": {}}
        done: set[ast.Call] = set()
        while waiting := [call for call in self.members if call not in done]:  # one may name others, of other files
            call = waiting[0]
            done.add(call)
            section, name = self.members[call]
            with self.module.given(self.given.get(call, {})):
                data[section][name] = self._arguments(call, self.module.scope(call), (section, name))
            if self.module.callee(call, self.module.scope(call)) == "ConditionalTask":
                data[section][name]["type"] = "ConditionalTask"
        self._order(data)
        for function in self._decorated("llm"):
            data["models"][function.name] = self._given(function, ("models", function.name))
        for key in ("agents_config", "tasks_config"):
            data[key] = self._config(key)
        self.places[()] = self.module.part(self.call).span
        return Part.of(Overlay(self.module.document, data, self.places))

    def _order(self, data: dict[str, Any]) -> None:
        """Agents and tasks that the crew lists: these, in that order."""
        for section in ("agents", "tasks"):
            listed: Any = data["crew"].get(section)
            wanted = [name for name in cast("list[Any]", listed) if name in data[section]] if listed else []
            used = {row.get("agent") for row in data["tasks"].values()} | {data["crew"].get("manager_agent")}
            if isinstance(listed, list) and wanted:
                kept = wanted if section == "tasks" else [name for name in data[section] if name in {*wanted, *used}]
                data[section] = {name: data[section][name] for name in dict.fromkeys(kept)}

    def _register(self) -> None:
        """Name every agent and task of the file that may be the crew's."""
        owner = self._owner()
        for node in self.module.own_nodes():
            found = self._made(node)
            if found is None or found[1] in self.members or not self._near(found[1], owner):
                continue
            self._add(*found)

    def _add(self, name: str, call: ast.Call) -> None:
        section = _MEMBERS[self.module.callee(call, self.module.scope(call))]
        self.members[call] = (section, self.names[section].new(name))

    def _reached(self, call: ast.Call, name: str) -> str:
        """The name of a member; one of another file is made known now, called ``name`` or as there."""
        if call not in self.members:
            scope = self.module.scope(call)
            inner = scope.name if isinstance(scope, Function) and self._is_returned(call) else name
            self._add(inner or "member", call)
        return self.members[call][1]

    def _made(self, node: ast.AST) -> tuple[str, ast.Call] | None:
        """The name and the call of an agent or task, where ``node`` gives it a name or stands alone."""
        if isinstance(node, Function):
            returned = self._returned(node)
            value = returned[0] if returned else None
            return (node.name, value) if isinstance(value, ast.Call) and self._is_member(value) else None
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and self._is_member(node.value):
            target, value = node.targets[0], cast(ast.Call, node.value)
            name = target.id if isinstance(target, ast.Name) else getattr(target, "attr", "")
            return (name, value) if name and not self._is_returned(value) else None
        if isinstance(node, ast.List):
            inner = next((row for row in node.elts if self._is_member(row) and row not in self.members), None)
            return ("member", cast(ast.Call, inner)) if inner is not None else None
        return None

    def _is_member(self, node: Meaning) -> bool:
        return isinstance(node, ast.Call) and self.module.callee(node, self.module.scope(node)) in _MEMBERS

    def _is_returned(self, call: ast.Call) -> bool:
        scope = self.module.scope(call)
        found = self._returned(scope) if isinstance(scope, Function) else None
        return found is not None and found[0] is call

    def _returned(self, function: Function) -> tuple[Meaning, Scope] | None:
        """What a function gives."""
        for node in ast.walk(function):
            if isinstance(node, ast.Return) and node.value is not None and self.module.scope(node) is function:
                return self.module.meaning(node.value, function)
        return None

    def _owner(self) -> ast.ClassDef | None:
        scope = self.scope
        while not isinstance(scope, ast.Module | ast.ClassDef):
            scope = self.module.scope(scope)
        return scope if isinstance(scope, ast.ClassDef) else None

    def _near(self, call: ast.Call, owner: ast.ClassDef | None) -> bool:
        """Whether a call stands in the crew's class, or in none."""
        scope = self.module.scope(call)
        while not isinstance(scope, ast.Module):
            if isinstance(scope, ast.ClassDef):
                return scope is owner
            scope = self.module.scope(scope)
        return True

    def _decorated(self, word: str) -> Iterator[Function]:
        for node in self.module.tree_nodes():
            if isinstance(node, Function) and any(
                self.module.dotted(each, self.module.scope(node)).rpartition(".")[2] == word
                for each in node.decorator_list
            ):
                yield node

    def _given(self, function: Function, path: Path) -> Any:
        found = self._returned(function)
        return self._value(found[0], found[1], path) if found and isinstance(found[0], ast.expr) else None

    def _config(self, key: str) -> str:
        """The path of a configuration file, as the class states it."""
        owner = self._owner()
        for node in owner.body if owner is not None else ():
            target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            if isinstance(target, ast.Name) and target.id == key and isinstance(node, ast.Assign | ast.AnnAssign):
                value = node.value
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    self.places[key,] = self.module.part(value).span
                    return value.value
        return f"config/{key.partition('_')[0]}.yaml"

    def _arguments(self, call: ast.Call, scope: Scope, path: Path) -> dict[str, Any]:
        """The keyword arguments of a call, as data."""
        self.places[path] = self.module.part(call).span
        found: dict[str, Any] = {}
        for keyword in call.keywords:
            row = _row(keyword.value)
            if row is not None and keyword.arg is not None:  # `tasks_config["look"]["description"]`
                found.setdefault("config", row)
                self.places.setdefault((*path, "config"), self.module.part(keyword.value).span)
            elif keyword.arg in ("guardrail", "guardrails"):
                found[keyword.arg] = self._guards(keyword.value, scope, (*path, keyword.arg))
            elif keyword.arg is not None:
                found[keyword.arg] = self._value(keyword.value, scope, (*path, keyword.arg))
        return found

    def _guards(self, node: ast.expr, scope: Scope, path: Path) -> Any:
        """A check of an answer, or a list of them: the rule that a model checks as text, or a function by its name."""
        self.places[path] = self.module.part(node).span
        found, where = self.module.meaning(node, scope)
        if isinstance(found, ast.List | ast.Tuple):
            return [self._guards(row, where, (*path, i)) for i, row in enumerate(found.elts)]
        if isinstance(found, ast.Constant) and found.value in (None, False):
            return None
        if (text := self.module.text(node, scope)) is not None:
            return {"rule": text}
        if isinstance(found, ast.Call):
            stated = self._arguments(found, where, path)
            rule = stated.get("description") or stated.get("context")
            if isinstance(rule, str) or "Guardrail" in self.module.callee(found, where):
                return {"rule": rule if isinstance(rule, str) else "It follows from what is known."}
        name = found.name if isinstance(found, Function) else self.module.dotted(node, scope).rpartition(".")[2]
        return {"function": name or "check"}

    def _value(self, node: ast.expr, scope: Scope, path: Path) -> Any:
        """``node`` as data: constants as they are, members by their names, other calls by what they call."""
        self.places.setdefault(path, self.module.part(node).span)
        if self.depth > _DEEPEST:
            return None
        self.depth += 1
        try:
            return self._evaluated(node, scope, path)
        finally:
            self.depth -= 1

    def _evaluated(self, node: ast.expr, scope: Scope, path: Path) -> Any:
        found, where = self.module.meaning(node, scope)
        if isinstance(found, Function):
            returned = self._returned(found)
            return self._value(cast(ast.expr, returned[0]), returned[1], path) if returned else found.name
        if isinstance(found, ast.ClassDef):
            return found.name
        if isinstance(found, ast.Constant):
            return found.value if isinstance(found.value, str | int | float | bool | None) else None
        if isinstance(found, ast.List | ast.Tuple | ast.Set):
            return [self._value(row, where, (*path, i)) for i, row in enumerate(found.elts)]
        if isinstance(found, ast.Dict):
            rows = zip(found.keys, found.values, strict=True)
            keyed = ((key.value, value) for key, value in rows if isinstance(key, ast.Constant))
            return {str(key): self._value(value, where, (*path, str(key))) for key, value in keyed}
        if isinstance(found, ast.Call):
            return self._called(found, where, path, node.id if isinstance(node, ast.Name) else str(path[-1]))
        return self._other(found, where, path)

    def _returning(self, function: Function, call: ast.Call, scope: Scope, path: Path) -> Any:
        """What a function gives that is called so."""
        returned = self._returned(function)
        if returned is None:
            return function.name
        names = [each.arg for each in function.args.args if each.arg not in ("self", "cls")]
        stated = dict(zip(names, call.args, strict=False)) | {k.arg: k.value for k in call.keywords if k.arg}
        values = {name: self.module.meaning(value, scope)[0] for name, value in stated.items()}
        if isinstance(returned[0], ast.Call):
            self.given.setdefault(returned[0], values)
        with self.module.given(values):
            return self._value(cast(ast.expr, returned[0]), returned[1], path)

    def _other(self, node: ast.expr, scope: Scope, path: Path) -> Any:
        if isinstance(node, ast.JoinedStr):
            return "".join(_piece(part) for part in node.values)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return _sum(self._value(node.left, scope, path), self._value(node.right, scope, path))
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            return str(node.slice.value)
        if isinstance(node, ast.Attribute):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            return None if own and node.attr in ("agents", "tasks") else node.attr
        return node.id if isinstance(node, ast.Name) else None

    def _called(self, call: ast.Call, scope: Scope, path: Path, name: str) -> Any:
        """A member's name, a model's fields, what a function of the file gives, else the name of what is called."""
        if call in self.members or self._is_member(call):
            return self._reached(call, name)
        callee = self.module.callee(call, scope) or getattr(call.func, "attr", "")
        function = self.module.method(call, scope)
        if function is not None:
            return self._returning(function, call, scope, path)
        if callee in _TEXT_CALLS:
            inner = call.func.value if callee in ("strip", "format") and isinstance(call.func, ast.Attribute) else None
            inner = inner or (call.args[0] if call.args else None)
            return self._value(inner, scope, path) if inner is not None else None
        if callee in ("getenv", "get") and call.args:
            default = call.args[1] if len(call.args) > 1 else None
            return self._value(default, scope, path) if default is not None else None
        stated = self._arguments(call, scope, path)
        model = next((stated[key] for key in _MODELS if isinstance(stated.get(key), str)), None)
        if model is None and (callee == "LLM" or callee.startswith("Chat")) and call.args:
            model = self._value(call.args[0], scope, path)
        return {**stated, "model": model} if model is not None else callee


def _row(node: ast.expr) -> str | None:
    """The row of a table of which ``node`` takes a field."""
    inner = node.value if isinstance(node, ast.Subscript) else None
    if isinstance(inner, ast.Subscript) and isinstance(inner.slice, ast.Constant):
        return inner.slice.value if isinstance(inner.slice.value, str) else None
    return None


def _sum(left: Any, right: Any) -> Any:
    """Two texts or two lists as one; else the one that is known."""
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    if isinstance(left, list) and isinstance(right, list):
        return [*cast("list[Any]", left), *cast("list[Any]", right)]
    return cast(Any, left or right)


def _piece(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    value = part.value if isinstance(part, ast.FormattedValue) else None
    return f"{{{value.id}}}" if isinstance(value, ast.Name) else "…"
