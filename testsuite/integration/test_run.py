"""Runs with real servers on the loopback, real SQLite, real ONNX graphs, real machine code and real threads."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from runtime_sample import SHAPE, SPECS, FakeEngines, graph, program, write_build

from agentc.cli import main
from agentc.plan.models import ModelShape
from agentc.runtime import execute, load
from agentc.runtime.build import open_build
from agentc.runtime.events import Event
from agentc.runtime.kernels import Kernels
from agentc.runtime.models.audio import Audio
from agentc.runtime.program import Program
from agentc.support.diagnostics import Refused

Reply = tuple[int, str, bytes]
Route = Callable[[Any], Reply]


class Server:
    """A real HTTP server whose answers a test gives."""

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.seen: list[tuple[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                is_json = self.headers.get_content_type() == "application/json"
                data = json.loads(body) if is_json else body
                outer.seen.append((self.path, data))
                status, kind, answer = outer.routes[self.path](data)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


def as_json(data: Any) -> Reply:
    return 200, "application/json", json.dumps(data).encode()


def chat(request: Any) -> Reply:
    """Streams the last message backwards, word by word; fills fields where a schema is asked for."""
    content = request["messages"][-1]["content"]
    if isinstance(content, list):
        seen = sum(part["type"] == "image_url" for part in content)
        return as_json({"choices": [{"message": {"content": f"{seen} pictures"}, "finish_reason": "stop"}]})
    if schema := request.get("response_format"):
        names = schema["json_schema"]["schema"]["properties"]
        words = [json.dumps(dict.fromkeys(names, "filled"))]
    else:
        words = [f"{word} " for word in reversed(content.split())]
    parts: list[Any] = [{"choices": [{"delta": {"content": word}}]} for word in words]
    parts.append({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    parts.append({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": len(words)}})
    lines = [f"data: {json.dumps(part)}\n\n" for part in parts] + ["data: [DONE]\n\n"]
    return 200, "text/event-stream", "".join(lines).encode()


ANSWER = f"""
%q = agent.input "q" : !agent.text
%c = llm.prefill @mind(%q) system "Be brief" prompt "{{0}} please" {SHAPE} : (!agent.text) -> !kv.cache<@mind>
%a = llm.decode @mind(%c) {SHAPE} {{agent.node = "reply"}} : !kv.cache<@mind> -> !agent.text
%d = llm.decode @mind(%c) fields {{mood = "text"}} {SHAPE} : !kv.cache<@mind> -> !agent.record
agent.output ["a", "d"](%a, %d) : !agent.text, !agent.record"""


def test_bound_endpoint_answers_and_streams(server: Server, tmp_path: Path) -> None:
    server.routes["/v1/chat/completions"] = chat
    events: list[Event] = []
    agent = load(write_build(tmp_path / "b", graph(ANSWER)), state=tmp_path / "s")
    result = agent.run({"q": "one two"}, bind={"mind": f"{server.url}#tiny"}, on_event=events.append, seed=3)
    assert result.outputs == {"a": "please two one ", "d": {"mood": "filled"}}
    said = [event.data for event in events if event.kind == "token" and event.node == "reply"]
    assert said == ["please ", "two ", "one "]
    request = next(data for _, data in server.seen if "response_format" not in data)
    assert request["model"] == "tiny" and request["max_tokens"] == 16
    assert [message["role"] for message in request["messages"]] == ["system", "user"]
    reply = next(step for step in result.trace.steps if step.node == "reply")
    assert reply.tokens == 3 and reply.first_token_seconds is not None and not result.trace.notes


def test_every_kind_of_model_can_be_served(server: Server, tmp_path: Path) -> None:
    sound = Audio(np.array([0, 0.5], np.float32), 8000)
    server.routes |= {
        "/v1/chat/completions": chat,
        "/v1/embeddings": lambda r: as_json(
            {"data": [{"index": n, "embedding": [len(t), 1.0]} for n, t in enumerate(r["input"])][::-1]}
        ),
        "/v1/rerank": lambda r: as_json(
            {"results": [{"index": n, "relevance_score": len(t)} for n, t in enumerate(r["documents"])]}
        ),
        "/v1/audio/transcriptions": lambda body: as_json({"text": f" heard {b'RIFF' in body} "}),
        "/v1/audio/speech": lambda r: (200, "audio/wav", sound.wav()),
        "/v1/images/generations": lambda r: as_json({"data": [{"b64_json": "iVBORw=="}]}),
    }
    body = """
    %s = agent.input "s" : !agent.audio
    %w = model.transcribe @ears(%s) shape {} : (!agent.audio) -> !agent.text
    %v = model.embed @encoder(%w) shape {} : (!agent.text) -> !agent.embedding
    %l = compute.builtin "split"(%w) {options = {separator = " "}} : (!agent.text) -> !agent.documents
    %r = model.rerank @judge(%w, %l) shape {} options {top = 1 : i64}
       : (!agent.text, !agent.documents) -> !agent.documents
    %p = model.diffuse @painter(%w) shape {} : (!agent.text) -> !agent.image
    %d = model.describe @eyes(%p) shape {} : (!agent.image) -> !agent.text
    %o = model.synthesize @voice(%d) shape {} : (!agent.text) -> !agent.audio
    agent.output ["w", "v", "r", "d", "o"](%w, %v, %r, %d, %o)
       : !agent.text, !agent.embedding, !agent.documents, !agent.text, !agent.audio"""
    agent = load(write_build(tmp_path / "b", graph(body)), state=tmp_path / "s")
    names = ("mind", "encoder", "judge", "ears", "voice", "painter", "eyes")
    outputs = agent.run({"s": sound}, bind=dict.fromkeys(names, f"{server.url}#m")).outputs
    assert outputs["w"] == "heard True" and outputs["v"].tolist() == [10.0, 1.0]
    assert [one["text"] for one in outputs["r"]] == ["heard"] and outputs["r"][0]["score"] == 5.0
    assert outputs["d"] == "1 pictures" and outputs["o"].rate == 8000


@pytest.mark.parametrize(
    ("kind", "expected"), [("down", "endpoint-unreachable"), ("error", "endpoint-error"), ("junk", "endpoint-answer")]
)
def test_endpoint_that_fails(server: Server, tmp_path: Path, kind: str, expected: str) -> None:
    answers: dict[str, Reply] = {"error": (400, "text/plain", b"no"), "junk": (200, "application/json", b"{]")}
    server.routes["/v1/chat/completions"] = lambda request: answers[kind]
    url = "http://127.0.0.1:9" if kind == "down" else server.url
    with pytest.raises(Refused) as refused:
        load(write_build(tmp_path / "b", graph(ANSWER)), state=tmp_path / "s").run(
            {"q": "x"}, bind={"mind": f"{url}#m"}
        )
    assert refused.value.diagnostics[0].slug == expected


def test_models_that_nothing_runs_name_the_remedy(tmp_path: Path) -> None:
    agent = load(write_build(tmp_path / "b", graph(ANSWER)), state=tmp_path / "s")
    with pytest.raises(Refused) as refused:
        agent.run({"q": "x"})
    assert refused.value.diagnostics[0].slug == "model-not-bound" and "--bind mind=URL" in str(
        refused.value.diagnostics[0].help
    )
    with pytest.raises(Refused) as refused:
        agent.run({"q": "x"}, bind={"mnd": "http://x"})
    assert refused.value.diagnostics[0].help == "did you mean `mind`?"


def test_http_and_mcp_tools(server: Server, tmp_path: Path) -> None:
    server.routes["/lookup?v=1"] = lambda body: as_json({"found": body["word"].upper()})

    def mcp(body: Any) -> Reply:
        result: Any = {"protocolVersion": "2025-03-26"}
        if body["method"] == "tools/call":
            result = {"content": [{"type": "text", "text": f"{body['params']['name']} {body['params']['arguments']}"}]}
        message = json.dumps({"jsonrpc": "2.0", "id": body["id"], "result": result})
        return 200, "text/event-stream", f"event: message\ndata: {message}\n\n".encode()

    server.routes["/mcp"] = mcp
    text = f"""
    tool.spec @web latency <0.0> cpu <0.0> {{http = "{server.url}/lookup?v=1"}}
    tool.spec @far latency <0.0> cpu <0.0> {{mcp = "{server.url}/mcp#echo"}}
    tool.spec @off latency <0.0> cpu <0.0> {{http = "{server.url}/off"}}
    agent.graph entry @sample {{
      %q = agent.input "q" : !agent.text
      %a = tool.invoke @web(%q) {{arguments = ["word"]}} : (!agent.text) -> !agent.record
      %b = tool.invoke @far(%q) {{arguments = ["word"]}} : (!agent.text) -> !agent.text
      agent.output ["a", "b"](%a, %b) : !agent.record, !agent.text
    }}"""
    agent = load(write_build(tmp_path / "b", text), state=tmp_path / "s")
    assert agent.run({"q": "x"}).outputs == {"a": {"found": "X"}, "b": "echo {'word': 'x'}"}
    server.routes["/lookup?v=1"] = lambda body: (500, "text/plain", b"broken")
    with pytest.raises(Refused) as refused:
        agent.run({"q": "x"})
    assert refused.value.diagnostics[0].slug == "endpoint-error"
    assert sum(path == "/lookup?v=1" for path, _ in server.seen) == 2, "a call with effects is not sent twice"


MEMORY = """
memory.spec @handbook kind "vector" documents 3 dimension 64 {path = "docs"}
memory.spec @facts kind "keyvalue" documents 0 dimension 0
memory.spec @episodes kind "log" documents 0 dimension 0
agent.graph entry @sample {
  %u = agent.input "user" : !agent.text
  %q = agent.input "q" : !agent.text
  %before = memory.load @facts(%u) : (!agent.text) -> !agent.text
  %found = memory.lookup @handbook(%q) k 2 : !agent.text -> !agent.documents
  memory.store @facts(%u, %q) : !agent.text, !agent.text
  memory.observe @episodes(%u, %q) {agent.async} : !agent.text, !agent.text
  %log = memory.load @episodes() : () -> !agent.text
  agent.output ["before", "found", "log"](%before, %found, %log) : !agent.text, !agent.documents, !agent.text
}"""
DOCUMENTS: dict[str, str | bytes] = {
    "data/docs/cats.md": "Cats sleep in the sun.",
    "data/docs/cars.md": "Cars burn fuel on roads.",
    "data/docs/tea.md": "Tea is brewed with water.",
}


def test_memories_last_and_know_their_conversation(tmp_path: Path) -> None:
    build = write_build(tmp_path / "b", MEMORY, DOCUMENTS)
    with load(build, state=tmp_path / "s") as agent:
        first = agent.run({"user": "ada", "q": "who sleeps in the sun?"}, session="one").outputs
    with load(build, state=tmp_path / "s") as agent:
        second = agent.run({"user": "ada", "q": "water for tea"}, session="one").outputs
        other = agent.run({"user": "bob", "q": "fuel"}, session="two").outputs
    assert first["before"] is None and second["before"] == "who sleeps in the sun?" and other["before"] is None
    assert [run["found"][0]["id"] for run in (first, second, other)] == ["cats.md", "tea.md", "cars.md"]
    assert len(first["found"]) == 2 and first["found"][0]["score"] > first["found"][1]["score"]
    assert second["log"] == "ada | who sleeps in the sun?\nada | water for tea" and other["log"] == "bob | fuel"
    assert not list(build.rglob("*.sqlite*"))


def test_runs_of_one_program_may_overlap(tmp_path: Path) -> None:
    with load(write_build(tmp_path / "b", MEMORY, DOCUMENTS), state=tmp_path / "s") as agent:

        def ask(number: int) -> Any:
            return agent.run({"user": f"u{number}", "q": f"tea {number}"}, session=str(number)).outputs

        with ThreadPoolExecutor(6) as pool:
            results = list(pool.map(ask, range(18)))
    assert [one["log"] for one in results] == [f"u{n} | tea {n}" for n in range(18)]


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from agentc.backends.onnx import emit_model

    folder = tmp_path_factory.mktemp("models") / "mind"
    shape = ModelShape(
        "tiny", "decoder", layers=2, hidden=64, heads=4, kv_heads=2, head_dim=16, intermediate=128, vocab=1000
    )
    emit_model(shape, folder, role="decoder", weights=None)
    return folder


def with_model(folder: Path, model: Path, text: str) -> Path:
    files: dict[str, str | bytes] = {f"artifacts/onnx/mind/{path.name}": path.read_bytes() for path in model.iterdir()}
    return write_build(folder, text, files)


def test_stand_in_runs_through_prefill_and_decode_and_says_so(stand_in: Path, tmp_path: Path) -> None:
    build = with_model(tmp_path / "b", stand_in, graph(ANSWER))
    first, again = (load(build, state=tmp_path / "s").run({"q": "hello"}, seed=5) for _ in range(2))
    assert first.outputs == again.outputs and first.outputs["a"].isprintable()
    assert set(first.outputs["d"]) == {"mood"}
    assert any("words mean nothing" in note for note in first.trace.notes)
    prefill = next(step for step in first.trace.steps if step.op == "llm.prefill")
    assert prefill.tokens > 10 and prefill.bytes_ > 0


def test_corrupt_model_is_refused_before_anything_runs(stand_in: Path, tmp_path: Path) -> None:
    build = with_model(tmp_path / "b", stand_in, graph(ANSWER))
    path = build / "artifacts/onnx/mind/decode.onnx"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(Refused) as refused:
        load(build)
    assert [found.slug for found in refused.value.diagnostics] == ["artifact-corrupt"]


def test_kernel_runs_as_machine_code(tmp_path: Path) -> None:
    from agentc.backends.llvm import emit
    from agentc.frontends.kernels import builtin
    from agentc.pipelines.kernels import lower_kernel

    folder = tmp_path / "b" / "artifacts" / "llvm"
    emit({"cosine_scores": lower_kernel(builtin("cosine_scores"))}, folder, targets=["x86-64", "aarch64"])
    text = """
    agent.graph entry @sample {
      %q = agent.input "q" : !agent.embedding
      %d = agent.input "d" : !agent.list<!agent.embedding>
      %s = compute.kernel @cosine_scores(%q, %d) : (!agent.embedding, !agent.list<!agent.embedding>) -> !agent.list<f64>
      agent.output ["s"](%s) : !agent.list<f64>
    }"""
    files: dict[str, str | bytes] = {
        path.relative_to(tmp_path / "b").as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    build = write_build(tmp_path / "b", text, files, of="cosine_scores")
    agent = load(build, state=tmp_path / "s")
    scores = agent.run({"q": [1.0, 0.0], "d": [[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]]}).outputs["s"]
    assert np.allclose(scores, [1.0, 0.0, np.sqrt(0.5)], atol=1e-5)
    with pytest.raises(Refused) as refused:
        agent.run({"q": [1.0], "d": [[1.0, 0.0]]})
    assert refused.value.diagnostics[0].slug == "kernel-arguments"
    with pytest.raises(Refused) as refused:
        Kernels(open_build(build)).call("other", [])
    assert refused.value.diagnostics[0].slug == "kernel-missing"


def test_spoken_words_go_round(tmp_path: Path) -> None:
    pytest.importorskip("pocketsphinx")
    pytest.importorskip("espeakng_loader")
    body = """
    %t = agent.input "t" : !agent.text
    %s = model.synthesize @voice(%t) shape {} : (!agent.text) -> !agent.audio
    %w = model.transcribe @ears(%s) shape {} : (!agent.audio) -> !agent.text
    agent.output ["w"](%w) : !agent.text"""
    result = load(write_build(tmp_path / "b", graph(body)), state=tmp_path / "s").run({"t": "hello"})
    assert isinstance(result.outputs["w"], str) and len(result.trace.notes) == 2


def test_outcome_for_people_and_scripts(server: Server, tmp_path: Path) -> None:
    import io

    server.routes["/v1/chat/completions"] = chat
    build, shown = write_build(tmp_path / "b", graph(ANSWER)), io.StringIO()
    bind = [f"mind={server.url}#tiny"]
    outcome = execute(build, {"q": "one\x1b[31m"}, bind=bind, state=tmp_path / "s", stream=shown)
    data = json.loads(outcome.json())
    assert data["schema"] == 1 and data["outputs"]["d"] == {"mood": "filled"} and len(data["trace"]) == 3
    assert "llm.prefill" in outcome.text() and "\x1b" not in outcome.text() + shown.getvalue()
    assert "[reply] please " in shown.getvalue()
    with pytest.raises(Refused) as refused:
        execute(build, {"q": "x"}, bind=["mind"])
    assert refused.value.diagnostics[0].slug == "bad-binding"


def test_failure_in_a_loop_ends_the_run_and_its_siblings(tmp_path: Path) -> None:
    def answer(prompt: str, ask: Any) -> str:
        if prompt == "bad":
            raise ValueError("bad item")
        return prompt

    body = f"""
    %l = agent.input "l" : !agent.list<!agent.text>
    %r = agent.map %l width <4.0> concurrency 2 : !agent.list<!agent.text> -> !agent.list<!agent.text> {{
    ^bb0(%i: !agent.text):
      %x = llm.call @mind(%i) {SHAPE} {{agent.node = "each.ask"}} : (!agent.text) -> !agent.text
      agent.yield %x : !agent.text
    }}
    agent.output ["r"](%r) : !agent.list<!agent.text>"""
    agent: Program = program(body, tmp_path, FakeEngines(answer), specs=SPECS)
    with pytest.raises(Refused, match="bad item") as refused:
        agent.run({"l": ["a", "bad", "c", "d"]})
    assert refused.value.diagnostics[0].notes == ("in `each.ask` (llm.call)",)


TALK = """
memory.spec @log kind "log" documents 0 dimension 0
agent.graph entry @sample {
  %q = agent.input "q" : !agent.text
  %before = memory.load @log() : () -> !agent.text
  memory.observe @log(%q) : !agent.text
  agent.output ["before"](%before) : !agent.text
}"""


def test_a_conversation_goes_on_in_the_next_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the command line, each run opening the build anew."""
    build = write_build(tmp_path / "b", TALK)

    def say(text: str, *options: str) -> Any:
        request = json.dumps({"q": text})
        state = str(tmp_path / "state")
        assert main(["run", str(build), "--input", request, "--state", state, "--format", "json", *options]) == 0
        return json.loads(capsys.readouterr().out)["outputs"]["before"]

    assert say("one", "--session", "ann") in (None, "")
    assert say("two", "--session", "ann") == "one"
    assert say("three", "--session", "bob") in (None, "")
    assert say("four") in (None, "")
    assert say("five") == "four"
    assert say("six", "--session", "ann") == "one\ntwo"
