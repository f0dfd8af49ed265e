"""Text to tokens and back: a byte-level tokenizer, or the one that came with a checkpoint."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from agentc.runtime.models.bundle import Bundle, unreadable

_UNFINISHED = "\N{REPLACEMENT CHARACTER}"
"""What a decoder gives for bytes that are no whole character (yet)."""


class Tokenizer(Protocol):
    """What runners ask of a tokenizer."""

    def encode(self, text: str, *, special: bool = True) -> list[int]:
        """Tokens of ``text``; ``special`` adds those that begin (and for encoders end) a text."""
        ...

    def encode_pair(self, first: str, second: str, limit: int) -> tuple[list[int], list[int]]:
        """Tokens and segment numbers (0, 1) of a pair, at most ``limit`` of them; ``second`` is cut."""
        ...

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of ``tokens``, without special ones."""
        ...

    @property
    def pieces(self) -> tuple[str | None, ...]:
        """The text of each token alone; ``None`` for special tokens and parts of characters."""
        ...


class ByteTokenizer:
    """256 bytes, then begin (256), end (257) and padding (258)."""

    BEGIN, END, PADDING = 256, 257, 258

    def __init__(self, *, closed: bool = False) -> None:
        """``closed`` texts carry the end token too, as encoders want."""
        self._closed = closed
        self._pieces = tuple(chr(token) if token < 128 else None for token in range(259))

    def encode(self, text: str, *, special: bool = True) -> list[int]:
        """The bytes of the text in UTF-8."""
        tokens = list(text.encode("utf-8", errors="replace"))
        if not special:
            return tokens
        return [self.BEGIN, *tokens, *([self.END] if self._closed else [])]

    def encode_pair(self, first: str, second: str, limit: int) -> tuple[list[int], list[int]]:
        """Begin, first, end, second, end."""
        head = self.encode(first)[: limit - 1]
        tail = [*self.encode(second, special=False)[: max(limit - len(head) - 1, 0)], self.END]
        return head + tail, [0] * len(head) + [1] * len(tail)

    def decode(self, tokens: Sequence[int]) -> str:
        """The text; bytes that are no UTF-8 become replacement characters."""
        return bytes(token for token in tokens if token < 256).decode("utf-8", errors="replace")

    @property
    def pieces(self) -> tuple[str | None, ...]:
        """ASCII stands alone; a byte above it is a part of a character."""
        return self._pieces


class FileTokenizer:
    """A ``tokenizer.json``.

    Raises:
        Refused: ``model-unreadable``, if the file is missing or corrupt.
    """

    def __init__(self, path: Path) -> None:
        from tokenizers import Tokenizer as Fast

        self._path = path
        self._fast: Any = self._asked(Fast.from_file, str(path))  # its stubs leave arguments untyped
        self._fast.no_padding()
        self._fast.no_truncation()
        self._pieces: tuple[str | None, ...] | None = None

    def encode(self, text: str, *, special: bool = True) -> list[int]:
        """Tokens by the checkpoint's own rules."""
        return list(self._asked(self._fast.encode, _whole(text), add_special_tokens=special).ids)

    def encode_pair(self, first: str, second: str, limit: int) -> tuple[list[int], list[int]]:
        """Tokens by the checkpoint's own rules for pairs."""
        texts = _whole(first), _whole(second)
        self._fast.enable_truncation(limit, strategy="only_second")
        try:
            pair = self._fast.encode(*texts)
        except Exception:  # the first alone is longer than the limit
            self._fast.enable_truncation(limit, strategy="longest_first")
            pair = self._asked(self._fast.encode, *texts)
        finally:
            self._fast.no_truncation()
        return list(pair.ids), list(pair.type_ids)

    def decode(self, tokens: Sequence[int]) -> str:
        """Text without special tokens."""
        return self._asked(self._fast.decode, list(tokens), skip_special_tokens=True)

    def _asked(self, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """The library raises bare exceptions for files that it takes and then cannot follow; some are panics, which
        derive from BaseException alone."""
        try:
            return call(*args, **options)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            raise unreadable(self._path.parent, f"{self._path.name}: {error}") from error

    @property
    def pieces(self) -> tuple[str | None, ...]:
        """Each token is decoded after another one: some decoders strip the blank that opens a text."""
        if self._pieces is None:
            anchor = self.encode("a", special=False)[-1:]
            skip = len(self.decode(anchor))
            texts = (self.decode([*anchor, token])[skip:] for token in range(self._fast.get_vocab_size()))
            self._pieces = tuple(text if text and _UNFINISHED not in text else None for text in texts)
        return self._pieces


def _whole(text: str) -> str:
    """Without halves of characters (lone surrogates), which have no bytes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def open_tokenizer(bundle: Bundle) -> Tokenizer:
    """The tokenizer of a model's folder.

    Raises:
        Refused: ``model-unreadable``.
    """
    if bundle.tokenizer == "bytes":
        return ByteTokenizer(closed=bundle.role != "decoder")
    return FileTokenizer(bundle.folder / bundle.tokenizer)


class TextStream:
    """Turns tokens that come one by one into text that never breaks a character in two."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._tokens: list[int] = []
        self._start = 0
        self._said = 0

    def push(self, token: int) -> str:
        """The text that ``token`` completes, perhaps none. Only the last few tokens are decoded again."""
        self._tokens.append(token)
        before = self._tokenizer.decode(self._tokens[self._start : self._said])
        after = self._tokenizer.decode(self._tokens[self._start :])
        if after.endswith(_UNFINISHED) and len(self._tokens) - self._said < 4:
            return ""
        self._start, self._said = self._said, len(self._tokens)
        return after[len(before) :]
