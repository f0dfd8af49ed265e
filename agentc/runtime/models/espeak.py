"""eSpeak NG's library by way of ctypes (its ``speak_lib.h``); the wheel ``espeakng_loader`` carries it."""

import ctypes
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np
import numpy.typing as npt

_SYNCHRONOUS: Final = 2
"""AUDIO_OUTPUT_SYNCHRONOUS: samples go to the callback before the call returns; nothing is played."""
_DO_NOT_EXIT: Final = 0x8000
"""espeakINITIALIZE_DONT_EXIT: a failure is a return value, not the end of the process."""
_UTF8: Final = 1
"""espeakCHARS_UTF8, without flags for SSML or phonemes: text is only text."""
_RATE: Final = 1
"""espeakRATE, words a minute."""

_CALLBACK: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Espeak:
    """The library, which has one global state: calls are serialized.

    Raises:
        ImportError: the wheel is not installed.
        OSError: the library or its data cannot be loaded.
    """

    def __init__(self) -> None:
        loader: Any = import_module("espeakng_loader")
        self._library = ctypes.CDLL(loader.get_library_path())
        data = Path(loader.get_data_path()).parent
        self._library.espeak_Synth.argtypes = [
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_uint,
            ctypes.c_void_p,
            ctypes.c_void_p,
        ]
        self.rate: int = self._library.espeak_Initialize(_SYNCHRONOUS, 0, str(data).encode(), _DO_NOT_EXIT)
        """Samples a second."""
        if self.rate <= 0:
            raise OSError("espeak-ng does not find its data")
        self._parts: list[npt.NDArray[np.int16]] = []
        self._keep = _CALLBACK(self._heard)  # the library holds no reference to it
        self._library.espeak_SetSynthCallback(self._keep)
        self._lock = Lock()

    def speak(self, text: str, voice: str, words_per_minute: int) -> npt.NDArray[np.int16]:
        """The samples of ``text``.

        Raises:
            ValueError: there is no such voice.
            OSError: the library gives up.
        """
        data = text.replace("\0", " ").encode("utf-8", errors="replace") + b"\0"
        with self._lock:
            if self._library.espeak_SetVoiceByName(voice.encode("utf-8", errors="replace")):
                raise ValueError(f"no voice `{voice}`")
            self._library.espeak_SetParameter(_RATE, words_per_minute, 0)
            self._parts = []
            if self._library.espeak_Synth(data, len(data), 0, 0, 0, _UTF8, None, None):
                raise OSError("espeak-ng refuses the text")
            return np.concatenate([np.zeros(0, np.int16), *self._parts])

    def _heard(self, samples: Any, count: int, _events: int | None) -> int:
        if samples and count > 0:
            self._parts.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0
