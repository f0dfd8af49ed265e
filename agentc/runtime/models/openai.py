"""A language model behind an OpenAI-compatible endpoint (vLLM, SGLang, TensorRT-LLM, Ollama, a hosted service).

https://platform.openai.com/docs/api-reference/chat
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast
from urllib.parse import urlsplit

from agentc.runtime.models.fields import Field, FieldValue, check_answer, object_schema
from agentc.runtime.models.http import Answering, Endpoint, clean, parse_json
from agentc.runtime.models.sse import TooMuch, events
from agentc.support.record import record

Message: TypeAlias = dict[str, str]
"""``{"role": "system" | "user" | "assistant", "content": text}``."""


@dataclass(slots=True)
class Chat:
    """What is known of an answer beside its text; filled while it streams."""

    text: str = ""
    finish: str = ""
    """``stop``, ``length``, … as the server says."""
    prompt_tokens: int | None = None
    output_tokens: int | None = None


@record(slots=True)
class Request:
    """What to ask. Options that are ``None`` are left to the server."""

    messages: Sequence[Message]
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    fields: Sequence[Field] = field(default=())

    def body(self, model: str, *, stream: bool) -> dict[str, Any]:
        """The request's JSON."""
        options = {name: getattr(self, name) for name in ("max_tokens", "temperature", "top_p", "seed")}
        body: dict[str, Any] = {"model": model, "messages": list(self.messages), "stream": stream}
        body |= {name: value for name, value in options.items() if value is not None}
        if stream:
            body["stream_options"] = {"include_usage": True}
        if self.fields:
            schema = {"name": "answer", "strict": True, "schema": object_schema(self.fields)}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body


class ChatClient:
    """Talks to one endpoint.

    Raises:
        Refused: ``endpoint-unreachable``, if ``url`` is no http(s) address.
    """

    def __init__(
        self,
        url: str,
        model: str | None = None,
        *,
        api_key: str | None = None,
        timeout: float = 60.0,
        deadline: float = 600.0,
        retries: int = 2,
    ) -> None:
        """``url`` as people write it: ``http://host:8000``, ``…/v1`` or ``…/v1/chat/completions``. Without
        ``model`` the endpoint is asked what it serves and the first one is taken. Times are in seconds."""
        self._endpoint = Endpoint(base_url(url), api_key, timeout, deadline, retries)
        self._model = model

    @property
    def model(self) -> str:
        """The name of the model that is asked.

        Raises:
            Refused: an ``endpoint-…`` slug, if it has to be looked up and cannot.
        """
        if self._model is None:
            self._model = self._first_served()
        return self._model

    def stream(self, request: Request, chat: Chat | None = None) -> Iterator[str]:
        """The answer's text, piece by piece; ``chat`` is filled on the way.

        Raises:
            Refused: ``endpoint-unreachable``, ``endpoint-timeout``, ``endpoint-error`` or ``endpoint-answer``.
        """
        chat = chat if chat is not None else Chat()
        with self._endpoint.open("/chat/completions", request.body(self.model, stream=True)) as answer:
            for part in self._parts(answer, chat):
                if piece := self._take(part, chat):
                    chat.text += piece
                    yield piece
        if not chat.finish:
            raise self._endpoint.refused("endpoint-answer", "the answer ended before it was finished")

    def complete(self, request: Request) -> Chat:
        """The whole answer.

        Raises:
            Refused: as ``stream``.
        """
        chat = Chat()
        for _ in self.stream(request, chat):
            pass
        return chat

    def fill(self, request: Request) -> dict[str, FieldValue]:
        """The values of ``request.fields``.

        Raises:
            Refused: as ``stream``; ``endpoint-answer`` too, if the answer is not what the fields ask for.
        """
        return self.values(self.complete(request).text, request.fields)

    def values(self, text: str, fields: Sequence[Field]) -> dict[str, FieldValue]:
        """The values that an answer's text holds.

        Raises:
            Refused: ``endpoint-answer``.
        """
        try:
            return check_answer(parse_json(self._endpoint, text), fields)
        except ValueError as error:
            raise self._endpoint.refused("endpoint-answer", str(error), clean(text)) from error

    def _first_served(self) -> str:
        with self._endpoint.open("/models") as answer:
            data: object = answer.json()
        try:
            return str(cast(Any, data)["data"][0]["id"])
        except (KeyError, IndexError, TypeError) as error:
            raise self._endpoint.refused("endpoint-answer", "it does not say which models it serves") from error

    def _parts(self, answer: Answering, chat: Chat) -> Iterator[Any]:
        if not answer.is_stream:
            yield answer.json()
            return
        try:
            for data in events(answer.read):
                if data.strip() == "[DONE]":
                    chat.finish = chat.finish or "stop"
                    return
                yield parse_json(self._endpoint, data)
        except (TooMuch, UnicodeDecodeError) as error:
            raise self._endpoint.refused("endpoint-answer", f"the answer is no event stream: {error}") from error

    def _take(self, part: Any, chat: Chat) -> str:
        """Note what a part says and give its text."""
        try:
            if error := part.get("error"):
                raise self._endpoint.refused("endpoint-error", clean(_message(error)))
            if usage := part.get("usage"):
                chat.prompt_tokens, chat.output_tokens = int(usage["prompt_tokens"]), int(usage["completion_tokens"])
            if not (choices := part.get("choices")):
                return ""
            chat.finish = str(choices[0].get("finish_reason") or chat.finish)
            message: Any = choices[0].get("delta") or choices[0].get("message")
            return str(message.get("content") or "") if message else ""
        except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
            why = "the answer does not have the form of a chat completion"
            raise self._endpoint.refused("endpoint-answer", why, clean(str(part))) from error


def _message(error: Any) -> str:
    return str(cast(dict[str, object], error).get("message", "")) if isinstance(error, dict) else str(error)


def base_url(url: str) -> str:
    """The address below which ``/chat/completions`` lies."""
    url = url.rstrip("/").removesuffix("/chat/completions")
    try:
        has_path = bool(urlsplit(url).path.strip("/"))
    except ValueError:  # no address at all, which the endpoint tells
        return url
    return url if has_path else f"{url}/v1"
