"""What a node does: calls of models, tools, retrievers and other graphs in the code that runs there."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from agentc.frontends.importers.langgraph.graph import finished
from agentc.frontends.importers.langgraph.module import Function, Meaning, Module, Scope
from agentc.support.record import record

Kind = Literal["llm", "embed", "retrieve", "tool", "tools", "react", "graph", "wait"]

_DEEPEST = 8
"""Functions that call functions, values that hold values."""


@record
class Tool:
    """A tool by its name, and what it is for."""

    name: str
    description: str
    place: ast.AST


@record
class Use:
    """One thing that code calls, or a value that holds it."""

    kind: Kind
    place: ast.AST
    name: str = ""
    """The model, as the source names it; the graph; the retriever's variable."""
    tools: tuple[Tool, ...] = ()
    """Those that a model may call, or that run here."""
    system: str = ""
    """Instructions that the source states."""
    temperature: float | None = None
    most_tokens: int | None = None
    top: int | None = None
    """Documents that a retriever gives."""


_CHAT = re.compile(
    r"(Azure)?(AI)?Chat[A-Z]\w*|(OpenAI|AzureOpenAI|Ollama|OllamaLLM|Anthropic|Bedrock|BedrockLLM|VertexAI|LlamaCpp)"
)
_EMBEDS = re.compile(r"\w*Embeddings?")
_TOOLS = re.compile(r"\w*(Tool|QueryRun|SearchRun|SearchResults|Search|Toolkit)")
_CLIENTS = re.compile(
    r".*(chat\.completions|responses|messages|completions)\.(create|parse|stream)|(litellm\.)?a?completion"
)
_INVOKES = frozenset("invoke ainvoke stream astream batch abatch generate agenerate predict apredict run arun".split())
_SEARCHES = frozenset(
    "get_relevant_documents aget_relevant_documents similarity_search asimilarity_search similarity_search_with_score"
    " max_marginal_relevance_search".split()
)
_AGENTS = frozenset("create_react_agent create_agent create_tool_calling_agent create_openai_tools_agent".split())
_KEEPS = frozenset(
    "bind_tools bind with_structured_output with_config with_retry with_fallbacks with_types configurable_fields"
    " configurable_alternatives with_listeners".split()
)
_NAMES = ("model", "model_name", "model_id", "azure_deployment", "deployment_name", "repo_id", "llm")


class Reader:
    """Finds what code calls; values are followed by name, functions of the file are looked into."""

    def __init__(self, module: Module, graphs: dict[str, str]) -> None:
        """``graphs``: name of a variable or function -> the graph that it holds or makes."""
        self.module = module
        self.graphs = graphs

    def runs(self, what: Meaning | None, scope: Scope) -> list[Use]:
        """What a node that runs ``what`` does, in order."""
        if isinstance(what, ast.FunctionDef | ast.AsyncFunctionDef):
            return self.function(what)
        if isinstance(what, ast.Lambda):
            return list(self._calls(what.body, scope, frozenset(), 0))
        if (
            isinstance(what, ast.Call)
            and self.module.callee(what, scope) in ("partial", "RunnableLambda")
            and what.args
        ):
            return self.runs(*self.module.meaning(what.args[0], scope))
        held = self.value(what, scope) if isinstance(what, ast.expr) else None
        return [held] if held else []

    def function(self, function: Function, seen: frozenset[Function] = frozenset(), depth: int = 0) -> list[Use]:
        """What a function calls, in the order of its code."""
        if function in seen or depth > _DEEPEST:
            return []
        found: list[Use] = []
        for statement in function.body:
            found += self._calls(statement, function, seen | {function}, depth)
        system = self._system(function)
        return [replace(use, system=use.system or system) if use.kind == "llm" else use for use in found]

    def _calls(self, node: ast.AST, scope: Scope, seen: frozenset[Function], depth: int) -> Iterator[Use]:
        calls = [inner for inner in ast.walk(node) if isinstance(inner, ast.Call)]
        for call in sorted(calls, key=finished):
            use = self.call(call, self.module.scope(call))
            if use:
                yield use
                continue
            target, _ = self.module.meaning(call.func, self.module.scope(call))
            if isinstance(target, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from self.function(target, seen, depth + 1)

    def call(self, call: ast.Call, scope: Scope) -> Use | None:
        """What one call does, if it is of a model, a tool, a retriever or a graph."""
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if self.module.callee(call, scope) == "interrupt":
            return Use("wait", call)
        if _CLIENTS.fullmatch(self.module.dotted(call.func, scope)):
            return self._model(call, scope)
        if method in _SEARCHES:
            return Use("retrieve", call, self._words(call.func, scope), top=self._number(call, "k", scope))
        if method in ("embed_query", "embed_documents", "aembed_query", "aembed_documents"):
            held = self._base(call, scope)
            return Use("embed", call, held.name if held else "")
        if method in _INVOKES:
            held = self._base(call, scope)
            return replace(held, place=call) if held else None
        target, home = self.module.meaning(call.func, scope)
        if isinstance(target, ast.FunctionDef | ast.AsyncFunctionDef):
            return Use("tool", call, tools=(self.tool(target),)) if self._is_tool(target) else None
        held = self.value(target, home) if isinstance(target, ast.expr) and target is not call.func else None
        return replace(held, place=call) if held and held.kind in ("llm", "tool") else None

    def value(self, node: ast.expr, scope: Scope, depth: int = 0) -> Use | None:
        """What an expression holds."""
        if depth > _DEEPEST:
            return None
        name = self.module.dotted(node, scope)
        if name in self.graphs:
            return Use("graph", node, self.graphs[name])
        found, home = self.module.meaning(node, scope)
        if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef):
            return Use("tool", found, tools=(self.tool(found),)) if self._is_tool(found) else None
        if isinstance(found, ast.BinOp) and isinstance(found.op, ast.BitOr):
            return self._chain(found, home, depth)
        if isinstance(found, ast.Await):
            return self.value(found.value, home, depth + 1)
        return self._made(found, home, depth) if isinstance(found, ast.Call) else None

    def _chain(self, node: ast.BinOp, scope: Scope, depth: int) -> Use | None:
        """``prompt | model | parser``: the model, with what the prompt says."""
        pieces = [piece for piece in (self.value(side, scope, depth + 1) for side in (node.left, node.right)) if piece]
        held = next((piece for piece in pieces if piece.kind == "llm"), next(iter(pieces), None))
        sides = [node, *(self.module.meaning(side, scope)[0] for side in (node.left, node.right))]
        system = next((text for side in sides if (text := self._system(side))), "")
        return replace(held, system=held.system or system) if held else None

    def _made(self, call: ast.Call, scope: Scope, depth: int) -> Use | None:
        """What a call makes: a model, a retriever, an agent, …"""
        word = self.module.callee(call, scope)
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        args = {**dict(enumerate(call.args)), **{k.arg: k.value for k in call.keywords if k.arg}}
        if method == "compile" and isinstance(call.func, ast.Attribute):
            graph = self.graphs.get(self.module.dotted(call.func.value, scope))
            return Use("graph", call, graph) if graph else None
        if method in _KEEPS and isinstance(call.func, ast.Attribute):
            held = self.value(call.func.value, scope, depth + 1)
            tools = self.tools(args.get(0) or args.get("tools"), scope) if method == "bind_tools" else ()
            return replace(held, tools=(*held.tools, *tools)) if held else None
        if method == "as_retriever" or word.endswith("Retriever"):
            return Use("retrieve", call, self._words(call.func, scope), top=self._top(call))
        if word == "ToolNode":
            return Use("tools", call, tools=self.tools(args.get(0) or args.get("tools"), scope))
        if word in _AGENTS:
            return self._agent(call, args, scope, depth)
        if _CHAT.fullmatch(word) or word == "init_chat_model":
            return self._model(call, scope)
        if _EMBEDS.fullmatch(word):
            return Use("embed", call, self._named(call, scope))
        if _TOOLS.fullmatch(word) or word == "from_function":
            return Use("tool", call, tools=(self._tool_of(call, scope),))
        if word in self.graphs:
            return Use("graph", call, self.graphs[word])
        target, _ = self.module.meaning(call.func, scope)
        if isinstance(target, ast.FunctionDef | ast.AsyncFunctionDef):
            returned = [n.value for n in ast.walk(target) if isinstance(n, ast.Return) and n.value is not None]
            return next((held for value in returned if (held := self.value(value, target, depth + 1))), None)
        return None

    def _agent(self, call: ast.Call, args: dict[int | str, ast.expr], scope: Scope, depth: int) -> Use:
        """A model and its tools in a loop."""
        model = args.get("model") or args.get("llm") or args.get(0)
        held = self.value(model, scope, depth + 1) if model is not None else None
        name = held.name if held else self.module.text(model, scope) or ""
        says = args.get("prompt") or args.get("system_prompt") or args.get("state_modifier")
        system = self.module.text(says, scope) or (self._system(says) if says is not None else "")
        tools = self.tools(args.get("tools") or args.get(1), scope) or (held.tools if held else ())
        return Use("react", call, name, tools, system or "")

    def _model(self, call: ast.Call, scope: Scope) -> Use:
        """A model by the words that its constructor, or a client's call, is given."""
        given = {word.arg: word.value for word in call.keywords if word.arg}
        most = next(
            (given[key] for key in ("max_tokens", "max_completion_tokens", "max_output_tokens") if key in given), None
        )
        temperature = given.get("temperature")
        return Use(
            "llm",
            call,
            self._named(call, scope),
            temperature=_number(temperature),
            most_tokens=int(_number(most) or 0) or None,
            system=self._system(call) if given.get("messages") else "",
        )

    def _named(self, call: ast.Call, scope: Scope) -> str:
        """The model that a call names: by one of the usual words, or first."""
        given = {word.arg: word.value for word in call.keywords if word.arg}
        value = next((given[key] for key in _NAMES if key in given), call.args[0] if call.args else None)
        text = self.module.text(value, scope)
        if text is None and isinstance(value, ast.Call) and len(value.args) == 2:  # os.getenv("MODEL", "gpt-4o")
            text = self.module.text(value.args[1], scope)
        return (
            (text or "").rpartition(":")[2] if (text or "").count(":") == 1 and "/" not in (text or "") else text or ""
        )

    def tools(self, node: ast.expr | None, scope: Scope) -> tuple[Tool, ...]:
        """The tools of a list, also of lists that are joined."""
        if node is None:
            return ()
        found, scope = self.module.meaning(node, scope)
        if isinstance(found, ast.BinOp):
            return (*self.tools(found.left, scope), *self.tools(found.right, scope))
        if not isinstance(found, ast.List | ast.Tuple | ast.Set):
            return ()
        made: list[Tool] = []
        for item in found.elts:
            runs, home = self.module.meaning(item.value if isinstance(item, ast.Starred) else item, scope)
            if isinstance(item, ast.Starred):
                made += self.tools(item.value, scope)
            elif isinstance(runs, ast.FunctionDef | ast.AsyncFunctionDef):
                made.append(self.tool(runs))
            elif isinstance(runs, ast.Call):
                made.append(self._tool_of(runs, home))
            elif name := self.module.dotted(item, scope).rpartition(".")[2]:
                made.append(Tool(name, "", item))
        return tuple(made)

    def tool(self, function: Function) -> Tool:
        """A function as a tool."""
        text = (ast.get_docstring(function) or "").strip().partition("\n\n")[0]
        return Tool(function.name, " ".join(text.split())[:500], function)

    def _tool_of(self, call: ast.Call, scope: Scope) -> Tool:
        given = {word.arg: word.value for word in call.keywords if word.arg}
        name = self.module.text(given.get("name"), scope)
        function = given.get("func") or (call.args[0] if call.args else None)
        runs = self.module.meaning(function, scope)[0] if function is not None else None
        if isinstance(runs, ast.FunctionDef | ast.AsyncFunctionDef):
            made = self.tool(runs)
            return replace(made, name=name or made.name)
        word = self.module.callee(call, scope)
        return Tool(name or word, self.module.text(given.get("description"), scope) or "", call)

    def _is_tool(self, function: Function) -> bool:
        words = [
            self.module.dotted(d.func if isinstance(d, ast.Call) else d, self.module.scope(function))
            for d in function.decorator_list
        ]
        return any(word.rpartition(".")[2] == "tool" for word in words)

    def _base(self, call: ast.Call, scope: Scope) -> Use | None:
        return self.value(call.func.value, scope) if isinstance(call.func, ast.Attribute) else None

    def _words(self, node: ast.expr, scope: Scope) -> str:
        """What a retriever is called: the variable before its method."""
        owner = node.value if isinstance(node, ast.Attribute) else node
        return self.module.dotted(owner, scope).rpartition(".")[2] or "documents"

    def _number(self, call: ast.Call, word: str, scope: Scope) -> int | None:
        value = next((k.value for k in call.keywords if k.arg == word), None)
        found = self.module.meaning(value, scope)[0] if value is not None else None
        number = _number(found)
        return int(number) if number else None

    def _top(self, call: ast.Call) -> int | None:
        """``k`` of ``search_kwargs={"k": 4}``."""
        for row in (k.value for k in call.keywords if k.arg == "search_kwargs" and isinstance(k.value, ast.Dict)):
            for key, value in zip(row.keys, row.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "k" and (number := _number(value)):
                    return int(number)
        return None

    def _system(self, node: ast.AST) -> str:
        """The instructions that stand in a piece of code: a system message, or the system part of a prompt."""
        for inner in ast.walk(node):
            if isinstance(inner, ast.Call) and self.module.callee(inner, self.module.scope(inner)) == "SystemMessage":
                value = next(
                    (k.value for k in inner.keywords if k.arg == "content"), inner.args[0] if inner.args else None
                )
                if text := self.module.text(value, self.module.scope(inner)):
                    return text
            if isinstance(inner, ast.Tuple) and len(inner.elts) == 2 and _constant(inner.elts[0]) == "system":
                return self.module.text(inner.elts[1], self.module.scope(inner)) or ""
            if isinstance(inner, ast.Dict):
                rows = {_constant(key): value for key, value in zip(inner.keys, inner.values, strict=True) if key}
                if "role" in rows and _constant(rows["role"]) == "system" and "content" in rows:
                    return self.module.text(rows["content"], self.module.scope(inner)) or ""
        return ""


def _constant(node: ast.expr | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _number(node: Meaning | None) -> float | None:
    value = node.value if isinstance(node, ast.Constant) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
