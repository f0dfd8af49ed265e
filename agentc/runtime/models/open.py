"""Which way a model of the build is run."""

from pathlib import Path

from agentc.runtime.models.llm import Decoder


def open_decoder(folder: Path, threads: int = 0) -> Decoder:
    """The language model in ``folder``: by as many processes as the plan gave it devices, or in this one.

    Raises:
        Refused: ``model-unreadable``.
    """
    shards = sorted(folder.glob("tp*/shards.json"), key=lambda path: (len(path.parent.name), path.parent.name))
    if not shards:
        return Decoder(folder, threads)
    from agentc.runtime.models.shards import ShardedDecoder

    return ShardedDecoder(folder, shards[-1].parent, threads)
