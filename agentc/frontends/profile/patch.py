"""From a profile and a definition to edits of the definition: each figure where the definition would state it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from agentc.frontends.profile import figures
from agentc.frontends.profile.figures import Slot
from agentc.frontends.profile.revised import Edits, Revised
from agentc.frontends.profile.sites import Files, Graph, Outline, Site, Unit, nodes_of, tree
from agentc.frontends.yaml.document import Path
from agentc.frontends.yaml.figures import check_document
from agentc.support.diagnostics import Diagnostics, Span, did_you_mean

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from agentc.frontends.profile import Profile
    from agentc.support.yaml_source import Document


@dataclass
class Patch:
    """What a profile changes in a definition."""

    name: str
    """Of the profile, for reports."""
    edits: dict[str, Edits] = field(default_factory=dict[str, Edits])
    """By the label of the definition's file; that of the main one is empty."""
    told: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Figure -> the parts whose it is, for reports."""
    found: Diagnostics = field(default_factory=Diagnostics)
    """What is wrong with the profile."""

    def revise(self, label: str, document: "Document") -> "Document":
        """The document of a file of the definition, with the profile's figures."""
        edits = self.edits.get(label)
        return Revised(document, edits) if edits is not None and isinstance(document.data, dict) else document

    def states(self, path: Path) -> bool:
        """Whether the profile says what stands at ``path`` of the main file."""
        edits = self.edits.get("")
        return edits is not None and any(path[:length] in edits.leaves for length in range(len(path) + 1))

    def mark(self, module: "ModuleOp") -> None:
        """Write into ``module`` what of it is the profile's."""
        from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, StringAttr

        if self.told:
            figures = ArrayAttr([StringAttr(line) for line in self.lines()])
            module.attributes["agent.profile"] = DictionaryAttr({"name": StringAttr(self.name), "figures": figures})

    def lines(self) -> tuple[str, ...]:
        """One line a figure, with the parts whose it is."""
        return tuple(f"{figure}: {', '.join(names)}" for figure, names in self.told.items())


def bind(profile: "Profile", document: "Document", directory: FilePath) -> Patch:
    """The edits of ``document`` and of the files that it includes; problems go to the patch's ``found``."""
    patch = Patch(profile.name)
    patch.found.extend(profile.problems)
    if not isinstance(document.data, dict):
        return patch
    files = Files(Unit("", document, directory))
    check_document(profile.document, patch.found)
    binder = _Binder(profile, patch, files)
    binder.terms()
    binder.sections()
    binder.nodes()
    return patch


@dataclass
class _Binder:
    profile: "Profile"
    patch: Patch
    files: Files
    _outline: Outline = field(default_factory=Outline)
    """``uses`` goes down by each copy of a sub-agent."""
    _calls: "dict[tuple[str, str], list[tuple[Site, dict[Slot, Any]]]]" = field(
        default_factory=dict[tuple[str, str], list[tuple[Site, dict[Slot, Any]]]]
    )
    """File and tool -> the nodes that call it, each with what the profile says of it."""

    @property
    def data(self) -> Mapping[str, Any]:
        """The profile as plain data."""
        return tree(self.profile.document.data)

    def span(self, path: Path, key: bool = False) -> Span:
        """A place in the profile."""
        return self.profile.document.span(path, key)

    def put(self, label: str, path: Path, value: Any, at: Path, what: str, of: str) -> None:
        """State a figure of the profile's ``at`` at ``path`` of a file."""
        places: dict[Path, Span] = {(): self.span(at)}
        places |= {(key,): self.span((*at, key)) for key in tree(value)}
        self.patch.edits.setdefault(label, Edits()).put(path, value, places)
        self.tell(what, of)

    def tell(self, what: str, of: str) -> None:
        """Remember for reports that ``what`` of a part is the profile's."""
        self.patch.told.setdefault(what, []).append(of)

    def terms(self) -> None:
        """Load and service levels: each that is stated."""
        agent = str(tree(self.files.main.document.data).get("name", "agent"))
        if self.data.get("load") is not None:
            self.put("", ("load",), self.data["load"], ("load",), "load", agent)
        for metric, limit in tree(self.data.get("sla")).items():
            if limit is not None:
                self.put("", ("sla", metric), limit, ("sla", metric), metric, agent)

    def sections(self) -> None:
        """Inputs, tools, memories, models of the main file."""
        main = tree(self.files.main.document.data)
        for section in ("inputs", "tools", "memories", "models"):
            known = tree(main.get(section))
            for name, entry in tree(self.data.get(section)).items():
                if name not in known:
                    self._missing(section, name, known)
                else:
                    self._entry(section, name, tree(entry), known[name])

    def _missing(self, section: str, name: str, known: Mapping[str, Any]) -> None:
        what = {"memories": "memory"}.get(section, section.removesuffix("s"))
        message = f"the agent has no {what} `{name}`"
        help = did_you_mean(name, known) or f"its definition has no `{section}`"
        self.patch.found.error("profile-name", message, self.span((section, name), key=True), help=help)

    def _entry(self, section: str, name: str, entry: Mapping[str, Any], stated: Any) -> None:
        path: Path = (section, name)
        if section == "memories" and isinstance(stated, str):  # the short form: its kind alone
            self.patch.edits.setdefault("", Edits()).values.append((path, {"kind": stated}))
        for figure, value in entry.items():
            if value is None:
                continue
            at, place = (*path, figure), (*path, figure)
            if section == "models":
                part = "draft" if figure == "acceptance" else "hosted"
                if not isinstance(stated, dict) or part not in stated:
                    message = f"`{figure}` is a figure of models with `{part}`, which `{name}` is not"
                    self.patch.found.error("profile-figure", message, self.span(at, key=True))
                    continue
                place = (*path, part, figure)
            self.put("", place, value, at, figure, name)

    def nodes(self) -> None:
        """Figures of nodes, in the order of the definition."""
        self._outline = self.files.written_out()
        kinds = self._outline.kinds
        entries = tree(self.data.get("nodes"))
        for name in entries:
            if name not in kinds:
                self._unknown(name, kinds)
        self._graph(Graph(self.files.main, ()), "", {name: tree(entries[name]) for name in entries if name in kinds})
        self._tools()

    def _unknown(self, name: str, kinds: Mapping[str, str]) -> None:
        owner = name.rpartition(".")[0]
        help = did_you_mean(name, kinds)
        if owner in kinds and kinds[owner] not in ("loop", "map", "branch", "agent"):
            help = f"`{owner}` is one node, whatever stages the plan parts it into: state the figures of `{owner}`"
        elif name in tree(tree(self.files.main.document.data).get("inputs")):
            help = f"`{name}` is an input: state it under `inputs:`"
        self.patch.found.error("profile-name", f"the agent has no node `{name}`", self._at(name), help=help)

    def _at(self, name: str) -> Span:
        return self.span(("nodes", name), key=True)

    def _graph(self, graph: Graph, prefix: str, entries: Mapping[str, Mapping[str, Any]], made_of: Path = ()) -> None:
        """The nodes of an agent, and of the sub-agents that the profile speaks of. ``made_of``: of a copy."""
        for site in nodes_of(graph, prefix):
            path = _moved(site.path, graph.path, made_of) if made_of else site.path
            here = Site(site.dotted, site.kind, path, site.data, graph)
            if site.kind == "tool":
                tool, entry = str(site.data["tool"]), figures.stated(entries.get(site.dotted, {}))
                self._calls.setdefault((graph.unit.label, tool), []).append((here, entry))
            if site.dotted in entries:
                self._node(here, entries[site.dotted])
            inner = {name: entry for name, entry in entries.items() if name.startswith(f"{site.dotted}.")}
            if site.kind == "agent" and inner:
                self._call(here, inner)

    def _call(self, site: Site, entries: Mapping[str, Mapping[str, Any]]) -> None:
        """A sub-agent that others call too gets a copy for this call, so that the figures are this call's alone."""
        callee = self.files.callee(site)
        if callee is None:
            return
        prefix = f"{site.dotted}."
        if self._outline.uses[callee.key] <= 1:
            self._graph(callee, prefix, entries)
            return
        self._outline.uses[callee.key] -= 1
        unit, name = site.graph.unit, str(site.data["agent"])
        new = _free(f"{name}_{site.dotted.replace('.', '_')}"[:100], {**unit.agents, **self._copies(unit.label)})
        edits = self.patch.edits.setdefault(unit.label, Edits())
        edits.copy(("agents", name), ("agents", new), unit.agents[name])
        edits.values.append(((*site.path, "agent"), new))
        if callee.unit is unit:
            self._graph(callee, prefix, entries, ("agents", new))
        else:
            label = f"{unit.label}.{new}" if unit.label else new
            again = Unit(label, callee.unit.document, callee.unit.directory, callee.unit.label)
            self._graph(Graph(again, ()), prefix, entries)

    def _copies(self, label: str) -> dict[str, Any]:
        edits = self.patch.edits.get(label, Edits())
        return {str(path[1]): None for path in edits.copies if path[0] == "agents"}

    def _node(self, site: Site, entry: Mapping[str, Any]) -> None:
        for slot, value in figures.stated(entry).items():
            at: Path = ("nodes", site.dotted, *slot)
            if slot == ("probability",):
                self._probability(site, value, at)
            elif slot not in figures.SLOTS.get(figures.kind_in_full(site), {}):
                self._misplaced(site, slot, at)
            elif slot == ("cases",):
                self._cases(site, tree(value), at)
            elif site.kind != "tool":
                self._figure(site, slot, value, at)

    def _figure(self, site: Site, slot: Slot, value: Any, at: Path) -> None:
        place = (*site.path, *figures.SLOTS[figures.kind_in_full(site)][slot])
        label = site.graph.unit.label
        if slot == ("trips",):
            self.put(label, place, figures.mean(value), at, "trips", site.dotted)
        elif slot == ("sizes",):
            for name, size in tree(value).items():
                self.put(label, (*place, name), size, (*at, name), name, site.dotted)
        else:
            self.put(label, place, value, at, _called(slot), site.dotted)

    def _probability(self, site: Site, value: Any, at: Path) -> None:
        key = figures.condition(site)
        if key is None:
            message = f"`{site.dotted}` always runs: it has neither `when` nor `unless`"
            help = "the share of a branch's case is stated with the branch: `cases: {LABEL: 0.3}`"
            self.patch.found.error("profile-figure", message, self.span(at, key=True), help=help)
            return
        stated = site.data[key]
        if isinstance(stated, str):
            self.patch.edits.setdefault(site.graph.unit.label, Edits()).values.append(((*site.path, key, "if"), stated))
        self.put(site.graph.unit.label, (*site.path, key, "probability"), value, at, "probability", site.dotted)

    def _cases(self, site: Site, cases: Mapping[str, Any], at: Path) -> None:
        known = tree(tree(site.data["branch"]).get("cases"))
        for label in [label for label in cases if label not in known]:
            message = f"the branch `{site.dotted}` has no case `{label}`"
            help = did_you_mean(label, known)
            self.patch.found.error("unknown-case", message, self.span((*at, label), key=True), help=help)
        stated = {label: float(share) for label, share in cases.items() if label in known}
        if sum(stated.values()) > 1 + 1e-6:
            message = f"the cases of `{site.dotted}` have {sum(stated.values()):g} between them, more than 1"
            self.patch.found.error("bad-probabilities", message, self.span(at, key=True))
            return
        before = {label: _share(case) for label, case in known.items()}
        place = (*site.path, "branch", "cases")
        unit = site.graph.unit.label
        others = [label for label in known if label not in stated]
        for label, share in figures.shares(stated, before).items():
            where = (*at, label) if label in stated else at
            self.put(unit, (*place, label, "probability"), share, where, "probabilities", site.dotted)
            if label in others and len(others) > 1:
                self.patch.edits[unit].derived.add((*place, label, "probability"))
        self.patch.told["probabilities"] = list(dict.fromkeys(self.patch.told.get("probabilities", [])))
        self.patch.edits[unit].exact[place] = self.span(at, key=True)

    def _misplaced(self, site: Site, slot: Slot, at: Path) -> None:
        kind = figures.kind_in_full(site)
        own = [".".join(each) for each in figures.SLOTS.get(kind, {})]
        if figures.condition(site) is not None:
            own.append("probability")
        help = f"it has {', '.join(f'`{name}`' for name in own)}" if own else "its own nodes have figures"
        what = "a sub-agent" if kind == "agent" else f"a node of type `{site.kind}`" if site.kind else "of no type"
        message = f"`{'.'.join(slot)}` is no figure of `{site.dotted}`, which is {what}"
        self.patch.found.error("profile-figure", message, self.span(at, key=True), help=help)

    def _tools(self) -> None:
        """Figures of calls go to the tool. Where calls of one tool differ, those that the profile speaks of get copies
        of it."""
        for (label, tool), calls in self._calls.items():
            stated = {site.dotted: {k: v for k, v in entry.items() if k in _OF_TOOLS} for site, entry in calls}
            kinds = list(stated.values())
            if not any(kinds):
                continue
            unit = calls[0][0].graph.unit
            known = tree(tree(unit.document.data).get("tools"))
            if not isinstance(known.get(tool), dict):
                continue  # the frontend tells
            every = len(calls) == self._outline.calls[unit.origin or label, tool]
            if every and all(kind == kinds[0] for kind in kinds):
                self._tool(label, tool, calls[0][0].dotted, kinds[0])
                for site, _ in calls[1:]:
                    for slot in kinds[0]:
                        self.tell(_called(slot), site.dotted)
                continue
            for site, _ in calls:
                if stated[site.dotted]:
                    self._own_tool(site, tool, stated[site.dotted], known)

    def _tool(self, label: str, tool: str, dotted: str, entry: Mapping[Slot, Any]) -> None:
        for slot, value in entry.items():
            self.put(label, ("tools", tool, *slot), value, ("nodes", dotted, *slot), _called(slot), dotted)

    def _own_tool(self, site: Site, tool: str, entry: Mapping[Slot, Any], known: Mapping[str, Any]) -> None:
        label = site.graph.unit.label
        edits = self.patch.edits.setdefault(label, Edits())
        copies = {str(path[1]): None for path in edits.copies if path[0] == "tools"}
        new = _free(f"{tool}_{site.dotted.replace('.', '_')}"[:100], {**known, **copies})
        edits.copy(("tools", tool), ("tools", new), known[tool])
        edits.values.append(((*site.path, "tool"), new))
        if not label:
            for figure, value in tree(tree(self.data.get("tools")).get(tool)).items():
                edits.put(("tools", new, figure), value, {(): self.span(("tools", tool, figure))})
        self._tool(label, new, site.dotted, entry)


_OF_TOOLS = (("latency_ms",), ("cpu_ms",))


def _called(slot: Slot) -> str:
    """A figure as IR and reports call it."""
    return f"{slot[1]}_tokens" if slot[0] == "tokens" else slot[0]


def _share(case: Any) -> float:
    stated = tree(case).get("probability")
    return float(stated) if isinstance(stated, int | float) and stated > 0 else 0.0


def _moved(path: Path, root: Path, new: Path) -> Path:
    return (*new, *path[len(root) :])


def _free(wanted: str, taken: Mapping[str, Any]) -> str:
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted[:90]}_{number}", number + 1
    return name
