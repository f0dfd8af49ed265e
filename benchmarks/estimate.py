"""How many estimates a second: ``python benchmarks/estimate.py`` prices a million configurations of one model.

Every point is a device, a tensor and pipeline parallelism, a batch and a context; a device's points are one call.
"""

import resource
import time
from typing import Any

import numpy as np

from agentc import catalog
from agentc.cost.environment import environment
from agentc.cost.grid import kv_shards
from agentc.cost.roofline import evaluate, price
from agentc.plan import demand

POINTS = 1_000_000
MODEL, PRECISION = "llama-3.1-70b", "fp8"


def main() -> None:
    """Print seconds, microseconds a point and the peak of memory."""
    devices = [d for d in catalog.devices().values() if d.kind == "gpu" and d.scale_up_size >= 8]
    shape, size = catalog.model(MODEL), POINTS // len(devices)
    work, order = demand.decode(shape, PRECISION), np.arange(size)
    tp: Any = 2.0 ** (order % 4)
    pp: Any = 2.0 ** (order // 4 % 3)
    batch: Any = 1.0 + order % 509
    context: Any = 128.0 + order % 16384
    env: dict[str, Any] = {**environment({}), "context_tokens": context}
    start, steps = time.perf_counter(), 0.0
    for device in devices:
        asked = evaluate(work, env, batch, pp, model=shape)
        found = price(asked, device, phase="decode", precision=PRECISION, tp=tp, pp=pp, kv_shards=kv_shards(shape))
        steps += float(np.sum(found.step_seconds))
    spent = time.perf_counter() - start
    count, peak = size * len(devices), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{count:,} estimates on {len(devices)} devices: {spent:.2f} s, {spent / count * 1e6:.2f} us each")
    print(f"peak memory {peak:.2f} GB")
    print(f"mean step {steps / count * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
