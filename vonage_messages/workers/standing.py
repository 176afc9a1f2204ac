"""How everything stands: rows, batches, jobs and workers, as ``status``, health and metrics tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from vonage_messages.workers.engine import ask
from vonage_messages.workers.registering import SEND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vonage_messages.ledger import State
    from vonage_messages.values import Seconds
    from vonage_messages.workers.registering import Workers


@attrs.frozen(kw_only=True)
class Worker:
    """A worker, as the engine knows it."""

    id: int
    silent_for: Seconds
    """Since its last sign of life."""

    jobs: int
    """Batches that it has."""

    alive: bool
    """Its last sign of life is not too long ago."""


@attrs.frozen(kw_only=True)
class Standing:
    """How everything stands, at one moment."""

    rows: Mapping[State, int]
    waiting_batches: int
    """Batches with rows that no worker has claimed."""

    jobs: Mapping[str, int]
    """Jobs that send a batch, by their status: ``todo``, ``doing``, ``succeeded`` and so on."""

    workers: tuple[Worker, ...]

    @property
    def alive(self) -> int:
        """Tell how many workers are alive."""
        return sum(worker.alive for worker in self.workers)

    @property
    def silent_for(self) -> Seconds | None:
        """Tell how long ago any worker has shown a sign of life; ``None`` where there is none."""
        return min((worker.silent_for for worker in self.workers), default=None)

    def document(self) -> dict[str, Any]:
        """Give it as a JSON object."""
        return {
            "rows": {str(state): number for state, number in self.rows.items()},
            "waiting_batches": self.waiting_batches,
            "jobs": dict(self.jobs),
            "workers": [attrs.asdict(worker) for worker in self.workers],
        }


async def look(workers: Workers) -> Standing:
    """
    Look at everything: a count over all rows, so not for every message sent.

    Raises:
        StoreUnavailableError, OutboxError: the database cannot be used.
    """
    await workers.open()
    found = await ask(workers.app, "workers")
    jobs = await ask(workers.app, "jobs", task=SEND)
    return Standing(
        rows=await workers.ledger.counts(),
        waiting_batches=len(await workers.ledger.waiting_batches()),
        jobs={row["status"]: row["number"] for row in jobs},
        workers=tuple(Worker(**row, alive=row["silent_for"] < workers.stalled_after) for row in found),
    )
