"""What a benchmark of a serving engine reads, from the step model: time to first token, per token, tokens per second.

closed    C clients, each with one request in flight. b of them decode at a time; while a request emits o tokens,
          every other client's prompt is prefilled once: tpot = step(b) + interference x (b - 1) / o x prompt.
          A first token waits for the front end, for steps under way, for its own prefill, for others' prefills
          (rho / (1 - rho)), and, in the tenth of requests that start the run, for the burst of all C prompts.
          Beyond the memory's capacity clients queue: C / capacity - 1 lives of a request (Little's law).
static    one batch: prefill of all prompts, then o - 1 steps; as many waves as the memory calls for.
offline   batches as large as the memory holds: C o / (o step(C) + C prompts).
disaggregated   prefill workers as a queue of their own, which sets the pace where it is the slower of the two (then
          clients wait for it: Little's law); decode workers without interference; a hand-over of the cache between.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from agentc.cost import step as stepping
from agentc.cost.accuracy.rows import Rows, causal, load, machine, positions
from agentc.cost.step import Load, Rates
from agentc.support.record import record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]

BURST_SHARE = 0.1
"""Requests of a closed run that start it: InferenceX sends ten times as many prompts as there are clients."""
SETTLED = 0.9
"""Part of a run over which clients beyond the capacity queue."""
EDGE = 16.0
"""Exponent that rounds the edge of the memory's capacity: lengths differ, so it is not met all at once."""
ROUNDS = 4
"""Iterations of the number that decodes at a time; the next changes a row by less than 0.1 %."""
LEAST_FREE = 0.03
"""Memory left for KV cache where the weights are stated to leave less: the row ran, so something was."""


@record
class _Run:
    rows: Rows
    rates: Rates

    def step(self, batch: Any, context: Any) -> Any:
        """One decode step of ``batch`` sequences, stage after stage."""
        rows, seen = self.rows, positions(self.rows, context)
        one = load(self.rows, batch, batch, batch * seen, batch * seen, 0.0)
        return stepping.seconds(one, machine(rows), self.rates) + (rows.pp - 1) * stepping.STAGE_SECONDS

    def prompt(self, prompts: Any) -> Any:
        """A step that prefills ``prompts``."""
        return stepping.seconds(self._prompts(prompts), machine(self.rows), self.rates, prompts=True)

    def alone(self) -> Any:
        """A step that prefills one prompt: of data-parallel groups one works, but for the experts."""
        one, dp = self._prompts(1.0), self.rows.dp
        whole = replace(one, dense=one.dense * dp, head=one.head * dp, scores=one.scores * dp, moved=one.moved * dp)
        return stepping.seconds(whole, machine(self.rows), self.rates, prompts=True)

    def added(self) -> Any:
        """What one prompt adds to a step."""
        return stepping.added(self._prompts(1.0), machine(self.rows), self.rates)

    def _prompts(self, prompts: Any) -> Load:
        rows = self.rows
        return load(self.rows, rows.inputs * prompts, prompts, 0.0, 0.0, causal(rows, rows.inputs) * prompts)


def capacity(rows: Rows, rates: Rates) -> Any:
    """Sequences that the memory of a replica holds."""
    import numpy as np

    devices = rows.tp * rows.pp * rows.dp
    stated = rows.memory * np.minimum(rates.usable_memory, 1.05) * devices
    weights = rows.resident + (rows.dp - 1) * rows.trunk_resident
    free = np.maximum(stated - weights, LEAST_FREE * rows.memory * devices)
    held = positions(rows, rows.inputs + rows.outputs * np.minimum(rates.held_output, 1.0))
    copies = rows.tp / np.minimum(rows.tp, rows.kv_heads)
    return np.maximum(free / (held * rows.entry * copies + rows.state), 1.0)


def predicted(rows: Rows, rates: Rates) -> "Array":
    """What each row would read, in its unit."""
    import numpy as np

    run, outputs = _Run(rows, rates), rows.outputs
    most, context = capacity(rows, rates), rows.inputs + rows.outputs / 2
    clients = np.maximum(rows.concurrency, 1.0)
    running = _where(rows.offline > 0, most, (clients**-EDGE + most**-EDGE) ** (-1 / EDGE))
    running = np.maximum(running, 1.0)
    whole = _closed(run, running, clients, most, context)
    batch = _static(run, running, clients, context)
    full = outputs * run.step(running / rows.pp, context) + running * run.added() / rows.pp
    replicas = np.maximum(rows.devices / (rows.tp * rows.pp * rows.dp), 1.0)
    steady = running * outputs / full * rates.steady_share * replicas
    if rows.apart.any():
        whole = _apart(run, clients, context).or_else(rows.apart > 0, whole)
    static, offline = rows.static > 0, rows.offline > 0
    throughput = _where(offline, steady, clients * outputs / _where(static, batch.whole, whole.whole) * replicas)
    found = _where(rows.latency > 0, _where(static, batch.whole, whole.whole), throughput)
    found = _where(rows.tpot > 0, _where(static, batch.token, whole.token), found)
    return _where(rows.ttft > 0, _where(static, batch.first, whole.first), found)


def _where(condition: Any, yes: Any, no: Any) -> Any:
    import numpy as np

    choose: Any = np.where
    return choose(condition, yes, no)


@record
class _Times:
    first: Any
    token: Any
    whole: Any

    def or_else(self, condition: Any, other: "_Times") -> "_Times":
        """These times where the condition holds, the other ones elsewhere."""
        pairs = ((self.first, other.first), (self.token, other.token), (self.whole, other.whole))
        return _Times(*(_where(condition, yes, no) for yes, no in pairs))


def _closed(run: _Run, running: Any, clients: Any, most: Any, context: Any) -> _Times:
    import numpy as np

    rates, outputs = run.rates, run.rows.outputs
    prompt, alone = run.added(), run.alone()
    decoding, one, token = running, running, running
    for _ in range(ROUNDS):
        one = run.step(decoding, context)
        token = one + rates.interference * np.maximum(decoding - 1, 0.0) / outputs * prompt
        decoding = np.maximum(running * outputs * token / (outputs * token + alone), 1.0)
    rho = np.minimum(np.maximum(running - 1, 0.0) / outputs * prompt / token, 0.9)
    burst = BURST_SHARE * rates.burst * (running - 1) / 2 * prompt
    wait = burst + rates.queue * rho / (1 - rho) * prompt + rates.first_steps * one
    beyond = np.where(clients > SETTLED * most, np.maximum(clients / running - 1, 0.0), 0.0)
    first = rates.first_seconds + alone + wait + SETTLED * outputs * token * beyond
    return _Times(first, token, first + (outputs - 1) * token)


def _apart(run: _Run, clients: Any, context: Any) -> _Times:
    """Prefill and decode in pools of their own: ``tp`` and ``dp`` are those of a decode worker.

    Requests come as fast as they are answered, but no faster than the prefill workers go, which each take one prompt
    at a time. The KV cache is one transfer over the scale-out link of a device.
    """
    import numpy as np

    rows, rates, outputs = run.rows, run.rates, run.rows.outputs
    figures = {**rows.figures, "tp": rows.first_tp, "dp": rows.first_dp}
    before = _Run(replace(rows, figures=figures), rates)
    prompt, alone, workers = before.added(), before.alone(), rows.first_workers
    decoding, token, rate = clients, clients, clients
    for _ in range(ROUNDS):
        token = run.step(np.maximum(decoding / rows.last_workers, 1.0), context)
        rate = np.minimum(clients / (alone + outputs * token), workers / prompt)
        decoding = np.sqrt(decoding * np.clip(rate * outputs * token, 1.0, clients))
    rho = np.minimum(rate * prompt / workers, 0.9)
    behind = np.maximum(clients / rate - outputs * token - alone, 0.0)
    burst = BURST_SHARE * rates.burst * np.maximum(clients / workers - 1, 0.0) / 2 * prompt
    sent = (positions(rows, rows.inputs) * rows.entry + rows.state) / rows.outside + rates.handover_seconds
    wait = np.maximum(burst, behind) + rates.queue * rho / (1 - rho) * prompt / workers + rates.first_steps * token
    first = rates.first_seconds + alone + wait + sent
    return _Times(first, token, first + (outputs - 1) * token)


def _static(run: _Run, running: Any, clients: Any, context: Any) -> _Times:
    import numpy as np

    one = run.step(running, context)
    first = STATIC_FRONT * run.rates.first_seconds + run.prompt(running)
    waves = np.maximum(clients / running, 1.0)
    return _Times(first, one, (first + (run.rows.outputs - 1) * one) * waves)


STATIC_FRONT = 0.3
"""Part of the front end's time that a run without a network and without streaming has."""
