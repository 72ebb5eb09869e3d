"""One limit for several processes, in a real Redis."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.factories.processes import free_port, wait_until
from transformer.limits import InRedis


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A Redis of our own: its address and process."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("needs redis-server in the PATH")
    port = free_port()
    with subprocess.Popen(
        [program, "--port", str(port), "--save", "", "--dir", str(tmp_path)], stdout=subprocess.DEVNULL
    ) as process:

        def listens() -> bool:
            with closing(socket.socket()) as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_until(listens, within=20, otherwise=lambda: "redis-server does not listen")
        yield f"redis://127.0.0.1:{port}", process
        process.terminate()


def test_processes_share_the_count(redis: tuple[str, subprocess.Popen[bytes]]) -> None:
    """Two limiters, as in two workers; addresses apart."""

    async def main() -> list[bool]:
        one, two = InRedis(5, redis[0]), InRedis(5, redis[0])
        found = [await each.allows("a") for _ in range(5) for each in (one, two)]
        found.append(await two.allows("b"))
        await one.stop()
        await two.stop()
        return found

    assert [True] * 5 + [False] * 5 + [True] == asyncio.run(main())


def test_a_burst_opens_few_connections_and_a_crash_stops_nobody(
    redis: tuple[str, subprocess.Popen[bytes]], caplog: pytest.LogCaptureFixture
) -> None:
    """Hundreds at once wait for eight connections; when it dies each process goes on counting its own."""

    async def main() -> None:
        limit = InRedis(1000, redis[0])
        assert all(await asyncio.gather(*(limit.allows("a") for _ in range(300))))
        assert "rate_limit.redis_away" not in caplog.messages

        redis[1].kill()
        redis[1].wait()
        assert all(await asyncio.gather(*(limit.allows("a") for _ in range(300))))
        await limit.stop()

    asyncio.run(main())

    assert 1 == caplog.messages.count("rate_limit.redis_away")
