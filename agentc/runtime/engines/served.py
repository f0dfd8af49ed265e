"""Models behind endpoints that `--bind MODEL=URL` names, in the forms that servers of open models share."""

import base64
import uuid
from collections.abc import Callable, Sequence
from typing import Any
from urllib.request import Request as HttpRequest

import numpy as np
import numpy.typing as npt

from agentc.runtime.engines.base import Ask, Cache, Prompt, Reply
from agentc.runtime.models.audio import Audio, read_wav
from agentc.runtime.models.http import Answering, Endpoint, parse_json
from agentc.runtime.models.openai import Chat, ChatClient, Message, Request, base_url
from agentc.support.diagnostics import Refused


class ServedLanguage:
    """A chat endpoint. It keeps its cache to itself: a prefill here only writes the prompt down."""

    note = ""

    def __init__(self, url: str, model: str | None, api_key: str | None) -> None:
        self._client = ChatClient(url, model, api_key=api_key)

    def prefill(self, prompt: Prompt, reuse: Cache | None = None) -> Cache:
        """The prompt, to be sent when the answer is asked for."""
        return Cache(prompt, nbytes=len(prompt.text.encode(errors="replace")))

    def decode(self, cache: Cache, ask: Ask, on_text: Callable[[str], None]) -> Reply:
        """Send the prompt and stream the answer."""
        system: list[Message] = [{"role": "system", "content": cache.prompt.system}] if cache.prompt.system else []
        messages = [*system, {"role": "user", "content": cache.prompt.user}]
        request = Request(messages, ask.max_tokens, ask.temperature, ask.top_p, ask.seed, ask.fields)
        chat = Chat()
        for piece in self._client.stream(request, chat):
            on_text(piece)
        value: Any = self._client.values(chat.text, ask.fields) if ask.fields else chat.text
        return Reply(value, chat.prompt_tokens or 0, chat.output_tokens or 0)


class _Served:
    """An endpoint and the model to ask there."""

    note = ""

    def __init__(self, url: str, model: str | None, api_key: str | None) -> None:
        self._endpoint = Endpoint(base_url(url), api_key)
        self._client = ChatClient(url, model, api_key=api_key)

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        with self._endpoint.open(path, {"model": self._client.model, **body}) as answer:
            return answer.json()

    def _malformed(self, what: str) -> Refused:
        return self._endpoint.refused("endpoint-answer", f"the answer does not have the form of {what}")


class ServedEmbedding(_Served):
    """`POST /embeddings`."""

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Vectors, ``[texts, width]``."""
        if not texts:
            return np.zeros((0, 0), np.float32)
        answer = self._post("/embeddings", {"input": list(texts), "encoding_format": "float"})
        try:
            rows = sorted(answer["data"], key=lambda row: row["index"])
            vectors = np.asarray([row["embedding"] for row in rows], np.float32)
        except (KeyError, TypeError, ValueError):
            raise self._malformed("embeddings") from None
        if vectors.ndim != 2 or len(vectors) != len(texts):
            raise self._malformed(f"{len(texts)} embeddings")
        return vectors


class ServedReranking(_Served):
    """`POST /rerank`, the form that vLLM, Jina and Cohere share."""

    def scores(self, query: str, documents: Sequence[str]) -> npt.NDArray[np.float32]:
        """Relevance in the order of the documents."""
        answer = self._post("/rerank", {"query": query, "documents": list(documents)})
        scores = np.full(len(documents), -np.inf, np.float32)
        try:
            for row in answer["results"]:
                scores[int(row["index"])] = float(row["relevance_score"])
        except (KeyError, TypeError, ValueError, IndexError):
            raise self._malformed("a ranking") from None
        return scores


class ServedHearing(_Served):
    """`POST /audio/transcriptions`, a form with a WAV file."""

    def transcribe(self, audio: Audio) -> str:
        """The words that are said."""
        boundary = uuid.uuid5(uuid.NAMESPACE_OID, self._endpoint.url).hex
        parts = [("model", None, self._client.model.encode()), ("file", "speech.wav", audio.wav())]
        body = b"".join(_part(boundary, *part) for part in parts) + f"--{boundary}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        with post_bytes(self._endpoint, "/audio/transcriptions", body, headers) as answer:
            said = parse_json(self._endpoint, answer.read())
        try:
            return str(said["text"]).strip()
        except (KeyError, TypeError):
            raise self._malformed("a transcription") from None


def _part(boundary: str, name: str, file: str | None, data: bytes) -> bytes:
    named = f'; filename="{file}"' if file else ""
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
    return head.encode() + data + b"\r\n"


class ServedSpeaking(_Served):
    """`POST /audio/speech`, answered with a WAV file."""

    def speak(self, text: str) -> Audio:
        """The sound of a text."""
        body = {"model": self._client.model, "input": text, "voice": "alloy", "response_format": "wav"}
        with self._endpoint.open("/audio/speech", body) as answer:
            return read_wav(_all(answer))


class ServedPainting(_Served):
    """`POST /images/generations`."""

    def paint(self, prompt: str, size: str | None, seed: int) -> bytes:
        """A picture."""
        stated = {"size": size} if size else {}
        answer = self._post("/images/generations", {"prompt": prompt, "n": 1, "response_format": "b64_json", **stated})
        try:
            return base64.b64decode(answer["data"][0]["b64_json"], validate=True)
        except (KeyError, IndexError, TypeError, ValueError):
            raise self._malformed("a picture in base64") from None


class ServedSeeing(_Served):
    """`POST /chat/completions` with pictures in the message."""

    def describe(self, images: Sequence[bytes], prompt: str) -> str:
        """What is to be seen."""
        urls = [f"data:{_media_type(image)};base64,{base64.b64encode(image).decode()}" for image in images]
        content = [{"type": "text", "text": prompt}, *({"type": "image_url", "image_url": {"url": u}} for u in urls)]
        answer = self._post("/chat/completions", {"messages": [{"role": "user", "content": content}]})
        try:
            return str(answer["choices"][0]["message"]["content"])
        except (KeyError, IndexError, TypeError):
            raise self._malformed("a chat completion") from None


def _media_type(image: bytes) -> str:
    heads = {b"\xff\xd8": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}
    return next((name for head, name in heads.items() if image.startswith(head)), "image/png")


def _all(answer: Answering, limit: int = 256_000_000) -> bytes:
    """The whole answer as bytes."""
    parts: list[bytes] = []
    while part := answer.read():
        parts.append(part)
        if sum(map(len, parts)) > limit:
            raise answer.endpoint.refused("endpoint-answer", f"the answer has more than {limit} bytes")
    return b"".join(parts)


def post_bytes(endpoint: Endpoint, path: str, body: bytes, headers: dict[str, str]) -> Any:
    """Send bytes that are no JSON.

    Raises:
        Refused: ``endpoint-unreachable`` or ``endpoint-error``.
    """
    from urllib.error import HTTPError, URLError
    from urllib.request import urlopen

    key = {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
    request = HttpRequest(endpoint.url + path, data=body, headers={**headers, **key})
    try:
        return urlopen(request, timeout=endpoint.timeout)
    except HTTPError as error:
        raise endpoint.refused("endpoint-error", f"status {error.code} {error.reason}") from error
    except (URLError, OSError) as error:
        raise endpoint.refused("endpoint-unreachable", f"cannot be reached: {error}") from error
