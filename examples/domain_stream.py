"""The article's own use: a client asks for a domain, and gets its look-alikes as they are found.

A thousand asyncio tasks enrich the permutations of the name (from the package dnstwist), each at its own pace; one sink
per client brings the results from the tasks to the client's socket, a line of JSON each, in whatever order they come.

    python examples/domain_stream.py                      # a server and a client in one process
    python examples/domain_stream.py --domain example.org --resolve --limit 200

Without --resolve nothing leaves this machine: an address is made up, after a moment's wait.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import zlib
from collections.abc import Awaitable, Callable, Iterator

import dnstwist

import fanin

TASKS = 1000
Resolve = Callable[[str], Awaitable[str | None]]


async def serve(listener: socket.socket, resolve: Resolve, limit: int | None) -> fanin.Delivery:
    """Answers one client, and says what became of the answer."""
    connection, _ = await asyncio.get_running_loop().sock_accept(listener)
    domain = await read_line(connection)
    # The sink takes the socket over, and is its only owner from here on.
    async with fanin.Sink.from_socket(connection, framing="lines", capacity="256 KiB") as sink:
        names = permutations(domain, limit)
        async with asyncio.TaskGroup() as group:
            for _ in range(TASKS):
                group.create_task(work(names, sink, resolve))
        return await sink.flush_async()


async def work(names: Iterator[dict[str, str]], sink: fanin.Sink, resolve: Resolve) -> None:
    """One task: takes the next name, enriches it, sends it. Where the client reads slowly, it waits here."""
    for name in names:
        found = name | {"address": await resolve(name["domain"])}
        await sink.send_async(json.dumps(found).encode())


def permutations(domain: str, limit: int | None) -> Iterator[dict[str, str]]:
    """Names that could be mistaken for this one, each with how it was made. All tasks take from this one iterator."""
    fuzzer = dnstwist.Fuzzer(domain)
    fuzzer.generate()
    made = sorted(fuzzer.domains, key=lambda name: name["domain"])
    return iter([{"fuzzer": name["fuzzer"], "domain": name["domain"]} for name in made[:limit]])


async def made_up(domain: str) -> str | None:
    """An address for every second name, some milliseconds later."""
    number = zlib.crc32(domain.encode())
    await asyncio.sleep(number % 20 / 1000)
    return None if number % 2 else f"192.0.2.{number % 254 + 1}"


async def looked_up(domain: str) -> str | None:
    """What DNS says."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(domain, None, type=socket.SOCK_STREAM)
    except OSError:
        return None
    return str(found[0][4][0])


async def read_line(connection: socket.socket) -> str:
    """The client's question."""
    text = b""
    while not text.endswith(b"\n"):
        piece = await asyncio.get_running_loop().sock_recv(connection, 256)
        if not piece:
            break
        text += piece
    return text.decode().strip()


async def ask(port: int, domain: str) -> tuple[int, int]:
    """The client: how many names came, and how many of them have an address."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{domain}\n".encode())
    names: dict[str, str | None] = {}
    async for line in reader:
        found = json.loads(line)
        assert found["domain"] not in names, "no name comes twice"
        names[found["domain"]] = found["address"]
    writer.close()
    return len(names), sum(address is not None for address in names.values())


async def main(options: argparse.Namespace) -> None:
    """Both ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        resolve = looked_up if options.resolve else made_up
        server = asyncio.create_task(serve(listener, resolve, options.limit))
        count, found = await ask(listener.getsockname()[1], options.domain)
        sent = await server
    print(f"{TASKS} tasks sent {sent.written} names like {options.domain}; {count} arrived, {found} with an address")
    assert count == sent.written


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--domain", default="example.com", help="default: %(default)s")
    parser.add_argument("--limit", type=int, metavar="N", help="only so many names; default: all")
    parser.add_argument("--resolve", action="store_true", help="ask the real DNS")
    asyncio.run(main(parser.parse_args()))
