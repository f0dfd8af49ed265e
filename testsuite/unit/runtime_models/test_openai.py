"""The chat client against a real HTTP server on the loopback, well behaved and otherwise."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from agentc.runtime.models.fields import parse_fields
from agentc.runtime.models.openai import Chat, ChatClient, Request, base_url
from agentc.support.diagnostics import Refused

Answer = Callable[[BaseHTTPRequestHandler], None]
HELLO = Request([{"role": "user", "content": "hello"}])


class Server:
    """Answers with whatever the test puts into ``answers``, one after the other; the last one stays."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.requests.append((self.path, dict(self.headers), json.loads(body) if body else None))
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                try:
                    answer(self)
                except BrokenPipeError:
                    pass

            do_GET = do_POST

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


def send(data: bytes, kind: str = "text/event-stream", status: int = 200, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def event(payload: Any) -> bytes:
    return b"data: " + (payload if isinstance(payload, bytes) else json.dumps(payload).encode()) + b"\n\n"


def delta(text: str | None, finish: str | None = None) -> bytes:
    return event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]})


def said(*texts: str) -> Answer:
    usage = event({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": len(texts)}})
    return send(b"".join(map(delta, texts)) + delta(None, "stop") + usage + event(b"[DONE]"))


def client(server: Server, **options: Any) -> ChatClient:
    return ChatClient(server.url, "m", **({"timeout": 2.0, "retries": 0} | options))


def refusal(call: Callable[[], Any]) -> Any:
    with pytest.raises(Refused) as refused:
        call()
    (found,) = refused.value.diagnostics
    return found


def test_an_answer_streams(server: Server) -> None:
    server.answers = [said("Hel", "lo ", "wörld")]
    chat = Chat()
    assert list(client(server).stream(HELLO, chat)) == ["Hel", "lo ", "wörld"]
    assert chat == Chat("Hello wörld", "stop", 5, 3)


def test_the_request_is_what_the_api_wants(server: Server) -> None:
    server.answers = [said("x")]
    request = Request(HELLO.messages, max_tokens=7, temperature=0.5, seed=3)
    client(server, api_key="sesame").complete(request)
    ((path, headers, body),) = server.requests
    assert path == "/v1/chat/completions" and headers["Authorization"] == "Bearer sesame"
    assert body == {
        "model": "m",
        "messages": [{"role": "user", "content": "hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 7,
        "temperature": 0.5,
        "seed": 3,
    }


def test_pieces_come_when_they_are_said(server: Server) -> None:
    go_on = threading.Event()

    def slowly(handler: BaseHTTPRequestHandler) -> None:
        send(delta("first"))(handler)
        handler.wfile.flush()
        assert go_on.wait(5)
        handler.wfile.write(delta("second", "stop") + event(b"[DONE]"))

    server.answers = [slowly]
    stream = client(server, timeout=5.0).stream(HELLO)
    assert next(stream) == "first"
    go_on.set()
    assert list(stream) == ["second"]


def test_the_model_is_asked_for_if_none_is_named(server: Server) -> None:
    server.answers = [send(b'{"data": [{"id": "llama"}, {"id": "b"}]}', "application/json"), said("x")]
    talker = ChatClient(server.url + "/v1", None, timeout=2.0, retries=0)
    talker.complete(HELLO)
    assert [path for path, _, _ in server.requests] == ["/v1/models", "/v1/chat/completions"]
    assert server.requests[1][2]["model"] == talker.model == "llama"


def test_a_server_that_does_not_stream(server: Server) -> None:
    whole = {"choices": [{"message": {"content": "all"}, "finish_reason": "stop"}], "usage": None}
    server.answers = [send(json.dumps(whole).encode(), "application/json")]
    assert client(server).complete(HELLO) == Chat("all", "stop")


def test_fields_travel_as_a_schema_and_come_back_checked(server: Server) -> None:
    fields = parse_fields({"go": "bool", "mood": ["good", "bad"]})
    server.answers = [said('{"go": tr', 'ue, "mood": "bad"}')]
    assert client(server).fill(Request(HELLO.messages, fields=fields)) == {"go": True, "mood": "bad"}
    form = server.requests[0][2]["response_format"]
    assert form["type"] == "json_schema" and form["json_schema"]["strict"] is True
    assert form["json_schema"]["schema"]["required"] == ["go", "mood"]
    for wrong in ("not json", "[]", '{"go": 1, "mood": "bad"}', '{"go": true}'):
        server.answers = [said(wrong)]
        found = refusal(lambda: client(server).fill(Request(HELLO.messages, fields=fields)))
        assert found.slug == "endpoint-answer" and found.notes[0] == wrong


def test_overload_is_tried_again(server: Server) -> None:
    busy = send(b"busy", status=503, Retry_After="0")
    server.answers = [busy, busy, said("x")]
    assert client(server, retries=2).complete(HELLO).text == "x"
    server.answers = [busy]
    found = refusal(lambda: client(server, retries=1).complete(HELLO))
    assert (found.slug, found.notes) == ("endpoint-error", ("busy",)) and "503" in found.message
    assert len(server.requests) == 5


def test_an_error_status_is_told_in_the_servers_words_without_the_key(server: Server) -> None:
    server.answers = [send(b'{"error": "no\x1b[31m such model"}', "application/json", 404)]
    found = refusal(lambda: client(server, api_key="sesame", retries=2).complete(HELLO))
    assert found.slug == "endpoint-error" and "404" in found.message and "such model" in found.notes[0]
    assert "\x1b" not in found.notes[0] and "sesame" not in str(found) and len(server.requests) == 1
    assert "sesame" not in repr(client(server, api_key="sesame")._endpoint)  # pyright: ignore[reportPrivateUsage]


def test_a_redirect_is_refused_so_that_the_key_stays_here(server: Server) -> None:
    server.answers = [send(b"", status=302, Location="http://127.0.0.1:1/")]
    found = refusal(lambda: client(server, api_key="sesame").complete(HELLO))
    assert found.slug == "endpoint-error" and "302" in found.message


def _hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.close()


def _break_off(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices"')


@pytest.mark.parametrize(
    ("answer", "slug", "message"),
    [
        (send(delta("half")), "endpoint-answer", "ended before it was finished"),
        (send(event(b"{")), "endpoint-answer", "not JSON"),
        (send(b"data: \xff\n\n"), "endpoint-answer", "no event stream"),
        (send(event([1])), "endpoint-answer", "the form of a chat completion"),
        (send(event({"choices": 3})), "endpoint-answer", "the form of a chat completion"),
        (send(event({"choices": [{"delta": "x"}]})), "endpoint-answer", "the form of a chat completion"),
        (send(event({"usage": {"prompt_tokens": "?"}})), "endpoint-answer", "the form of a chat completion"),
        (send(b"<html>", "text/html"), "endpoint-answer", "not JSON"),
        (send(b"[" * 100_000, "application/json"), "endpoint-answer", "not JSON"),
        (send(event({"error": {"message": "out of memory"}})), "endpoint-error", "out of memory"),
        (send(event({"error": "out of memory"})), "endpoint-error", "out of memory"),
        (_break_off, "endpoint-answer", ""),
        (_hang_up, "endpoint-unreachable", "cannot be reached"),
    ],
)
def test_a_wrong_answer_is_refused(server: Server, answer: Answer, slug: str, message: str) -> None:
    server.answers = [answer]
    found = refusal(lambda: client(server).complete(HELLO))
    assert found.slug == slug and message in found.message and server.url in found.message


def test_silence_is_not_waited_for(server: Server) -> None:
    quiet = threading.Event()

    def wait(_: BaseHTTPRequestHandler) -> None:
        quiet.wait(5)

    server.answers = [wait]
    found = refusal(lambda: client(server, timeout=0.1, retries=3).complete(HELLO))
    quiet.set()
    assert found.slug == "endpoint-timeout" and len(server.requests) == 1


def test_a_server_that_drips_is_cut_off_at_the_deadline(server: Server) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        send(b"")(handler)
        try:
            for _ in range(200):
                handler.wfile.write(b":\n")
                handler.wfile.flush()
                time.sleep(0.02)
        except OSError:
            pass

    server.answers = [drip]
    assert refusal(lambda: client(server, deadline=0.2).complete(HELLO)).slug == "endpoint-timeout"


def test_nobody_there() -> None:
    found = refusal(lambda: ChatClient("http://127.0.0.1:9", "m", retries=0).complete(HELLO))
    assert found.slug == "endpoint-unreachable" and "http://127.0.0.1:9" in found.message


def test_a_password_in_an_address_is_not_shown() -> None:
    found = refusal(lambda: ChatClient("http://me:sesame@127.0.0.1:9/v1", "m", retries=0).complete(HELLO))
    assert found.slug == "endpoint-unreachable" and "sesame" not in str(found) and "127.0.0.1:9/v1" in str(found)


@pytest.mark.parametrize("url", ["", "localhost:8000", "file:///etc/passwd", "http://", "http://h:port", "http://[x"])
def test_what_is_no_address_is_refused(url: str) -> None:
    assert refusal(lambda: ChatClient(url)).slug == "endpoint-unreachable"


@pytest.mark.parametrize("key", ["se\nsame", "sésame"])
def test_a_key_that_is_no_header_is_refused_without_being_shown(key: str, server: Server) -> None:
    found = refusal(lambda: client(server, api_key=key).complete(HELLO))
    assert found.slug == "endpoint-unreachable" and "same" not in str(found)


@pytest.mark.parametrize(
    "url", ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/v1/", "http://h:1/v1/chat/completions"]
)
def test_addresses_as_people_write_them(url: str) -> None:
    assert base_url(url) == "http://h:1/v1"
    assert base_url("https://h/api/openai/v1") == "https://h/api/openai/v1"
