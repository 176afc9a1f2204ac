"""``vonage-messages workers``: batches of a ledger, sent from any number of machines. Arguments in, tables out."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from vonage_messages.cli.files import limits_in
from vonage_messages.cli.terminal import REFUSED, output
from vonage_messages.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from vonage_messages.limiter import Limiter
    from vonage_messages.limits.levels import Limits
    from vonage_messages.workers import Workers

ResultT = TypeVar("ResultT")

_DATABASE = click.option(
    "--database",
    metavar="URL",
    envvar="VONAGE_DATABASE_URL",
    required=True,
    show_envvar=True,
    help="The PostgreSQL database, such as postgresql://user@host/name.",
)
_STALLED_AFTER = click.option(
    "--stalled-after",
    type=click.FloatRange(1, 3600),
    metavar="SECONDS",
    default=30.0,
    show_default=True,
    help="After so long a silence a worker is dead. The same for all of them.",
)
_EVERY_SECOND, _EVERY_QUARTER = "* * * * * *", "* * * * * */15"
_SOON = 15.0
"""Who is to be found dead sooner than this, is looked for each second."""

_PATIENCE = 5
"""Seconds that a look from outside waits for a server."""


@click.group()
def workers() -> None:
    """
    Send a campaign from many machines, over PostgreSQL.

    Messages are put there by Workers.enqueue; see docs/scaling.md.
    """


@workers.command()
@_DATABASE
@click.option(
    "--concurrency", type=click.IntRange(1, 100), default=4, show_default=True, help="Batches sent at the same time."
)
@click.option(
    "--connections", type=click.IntRange(1, 1000), default=16, show_default=True, help="Requests under way for each."
)
@click.option(
    "--limits",
    "limits_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Limits, as TOML, which all workers keep together.  [default: the published ones]",
)
@click.option(
    "--redis",
    metavar="URL",
    envvar="VONAGE_REDIS_URL",
    show_envvar=True,
    help="Keep the limits there, not in PostgreSQL.",
)
@click.option(
    "--in-doubt",
    type=click.Choice(("leave", "resend")),
    default="leave",
    show_default=True,
    help="Rows that may have been sent: resend risks sending twice.",
)
@_STALLED_AFTER
@click.option(
    "--health-port", type=click.IntRange(0, 65535), metavar="PORT", help="Answer /healthz and /metrics there."
)
@click.option("--health-host", default="127.0.0.1", show_default=True, help="The address to answer them on.")
@click.option("--keep-jobs", is_flag=True, help="Keep the engine's jobs that are done.")
@click.option("--verbose", is_flag=True, help="Tell what the engine does, on standard error.")
def run(  # noqa: PLR0913  one parameter for each option
    *,
    database: str,
    concurrency: int,
    limits_file: Path | None,
    redis: str | None,
    health_port: int | None,
    health_host: str,
    keep_jobs: bool,
    verbose: bool,
    **further: Any,
) -> None:
    """
    Send what waits, until SIGTERM or Ctrl-C.

    Credentials come from the environment. The first signal lets the requests under way be answered, and gives back
    what has not left; a second one ends at once. A database that is gone is waited for.
    """
    _tell_what_happens(verbose=verbose)
    packages = _packages()
    limits = _limits(limits_file)
    health = None if health_port is None else packages.HealthAddress(health_port, health_host)
    _check_credentials()

    async def work() -> None:
        limiter = _limiter(limits, database, redis)
        async with _registered(database, limits=limiter, **further) as registered:
            await packages.run_worker(registered, concurrency=concurrency, health=health, keep_jobs=keep_jobs)

    try:
        _run(work())
    except OSError as error:
        raise click.UsageError(
            f"{health_host} cannot be listened on at port {health_port}: {error.strerror}"
        ) from error


@workers.command()
@_DATABASE
@_STALLED_AFTER
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(*, database: str, stalled_after: float, as_json: bool) -> None:
    """Show batches, rows, jobs and workers."""
    packages = _packages()

    async def look() -> Any:
        async with _opened(database, stalled_after=stalled_after) as registered:
            return await packages.look(registered)

    standing = _run(look())
    if as_json:
        click.echo(json.dumps(standing.document(), indent=2))
        return
    from vonage_messages.cli.workers_display import show_standing  # noqa: PLC0415  --help does without it

    show_standing(standing, output())


@workers.command()
@_DATABASE
@_STALLED_AFTER
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def rescue(*, database: str, stalled_after: float, as_json: bool) -> None:
    """
    Bring back what dead workers have left, now.

    Workers do this by themselves, every now and then.
    """
    import attrs  # noqa: PLC0415  --help does without it

    _packages()

    async def bring_back() -> Any:
        async with _opened(database, stalled_after=stalled_after) as registered:
            return await registered.bring_back()

    found = _run(bring_back())
    if as_json:
        click.echo(json.dumps(attrs.asdict(found), indent=2))
        return
    click.echo(
        f"{found.released} rows wait again, {found.in_doubt} more are in doubt; "
        f"{found.jobs + found.given} batches go to other workers."
    )


@workers.command()
@click.option(
    "--messages", type=click.IntRange(100, 100_000), default=1200, show_default=True, help="How many to send."
)
@click.pass_context
def demo(context: click.Context, *, messages: int) -> None:
    """
    Kill one of three workers while it sends, and count.

    Starts a PostgreSQL server of its own, the simulator and three workers; no account, no network. Every message must
    be accounted for: the exit code is 1 if one is not.
    """
    _packages()
    from vonage_messages.cli.workers_demo import rehearse  # noqa: PLC0415  --help does without it
    from vonage_messages.cli.workers_display import show_demo  # noqa: PLC0415

    console = output()
    found = _run(rehearse(messages, console))
    show_demo(found, console)
    if not found.as_expected:
        context.exit(REFUSED)


def _packages() -> Any:
    """Import what the extra brings, and say so where it is not there."""
    from vonage_messages import workers as package  # noqa: PLC0415  it raises where the extra is missing

    return package


def _check_credentials() -> None:
    """Say before anything is begun which variable is missing, and not at the first job."""
    from vonage_messages.clients import Client  # noqa: PLC0415  --help does without it

    Client.from_env()


def _limits(path: Path | None) -> Limits:
    from vonage_messages.limits.levels import Limits  # noqa: PLC0415  --help does without it

    return Limits.published() if path is None else limits_in(path)


def _limiter(limits: Limits, database: str, redis: str | None) -> Limiter:
    """Share the limits with all workers; where nothing is limited, there is nothing to share."""
    from vonage_messages.limiter import Limiter  # noqa: PLC0415  --help does without it
    from vonage_messages.limits.levels import Limits  # noqa: PLC0415
    from vonage_messages.shared_limiter import SharedLimiter  # noqa: PLC0415

    if limits == Limits.unlimited():
        return Limiter(limits)
    if redis is not None:
        from vonage_messages.stores.redis import RedisLimitStore  # noqa: PLC0415  it needs an extra

        return SharedLimiter(limits, RedisLimitStore(redis))
    from vonage_messages.stores.postgres.limits import PostgresLimitStore  # noqa: PLC0415

    return SharedLimiter(limits, PostgresLimitStore(database))


def _tell_what_happens(*, verbose: bool) -> None:
    """Send the log to standard error. The engine's own holds ids of batches, and nothing of a message."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    if verbose:
        logging.getLogger("procrastinate").setLevel(logging.INFO)
        logging.getLogger("vonage_messages").setLevel(logging.INFO)


@asynccontextmanager
async def _registered(database: str, *, stalled_after: float, **options: Any) -> AsyncIterator[Workers]:
    import procrastinate  # noqa: PLC0415  --help does without it

    from vonage_messages.stores.postgres import PostgresLedgerStore  # noqa: PLC0415

    ledger = PostgresLedgerStore(database)
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=database))
    registered = _packages().register(
        app,
        ledger,
        stalled_after=stalled_after,
        rescue_every=_EVERY_SECOND if stalled_after < _SOON else _EVERY_QUARTER,
        **options,
    )
    try:
        yield registered
    finally:
        await registered.close()


@asynccontextmanager
async def _opened(database: str, *, stalled_after: float) -> AsyncIterator[Workers]:
    """
    Give the workers of a database whose tables are there, for a look from outside.

    Raises:
        StoreUnavailableError: it cannot be reached.
        click.UsageError: its tables are not there.
    """
    import psycopg  # noqa: PLC0415  --help does without it

    from vonage_messages.workers.engine import UNAVAILABLE, has_tables  # noqa: PLC0415

    async with _registered(database, stalled_after=stalled_after) as registered:
        try:
            # A pool would try for half a minute.
            await (await psycopg.AsyncConnection.connect(database, connect_timeout=_PATIENCE)).close()
            async with registered.app.open_async():
                if not await has_tables(registered.app):
                    raise click.UsageError("that database holds no campaign yet: begin with workers run.")
                yield registered
        except UNAVAILABLE as error:
            raise StoreUnavailableError("PostgreSQL cannot be read or written now.") from error


def _run(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Run on a loop that psycopg can use, which on Windows is not the usual one."""
    factory = asyncio.SelectorEventLoop if sys.platform == "win32" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(work)
