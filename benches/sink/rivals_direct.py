"""No queue: every sender writes, or hands over to a library that has a thread of its own."""

from __future__ import annotations

import io
import threading
from typing import Any

from arms import Open, arm
from rivals_queues import connect


@arm("lock/sendall", "a lock, and sendall a message", guess=1e5)
def locked(address: tuple[str, int]) -> Open:
    """The simplest thing that is right."""
    link, lock = connect(address), threading.Lock()
    write = link.sendall

    def send(message: bytes) -> None:
        with lock:
            write(message)

    return Open(send, link.close)


@arm("buffered-writer", "io.BufferedWriter over the socket, without another lock", guess=5e5)
def buffered(address: tuple[str, int]) -> Open:
    """`socket.makefile("wb")` with a large buffer: it has a lock inside."""
    link = connect(address)
    file = io.BufferedWriter(link.makefile("wb", buffering=0), 256 * 1024)

    def close() -> None:
        file.close()
        link.close()

    return Open(file.write, close)


@arm("pyzmq/socket", "pyzmq PUSH, a socket a thread", wire="zmtp", guess=5e5)
def zmq_sockets(address: tuple[str, int]) -> Open:
    """A socket belongs to one thread, so each thread has its own: as many connections."""
    import zmq

    context, mine, lock, made = zmq.Context(), threading.local(), threading.Lock(), []

    def connected() -> Any:
        push = context.socket(zmq.PUSH)
        push.connect(f"tcp://{address[0]}:{address[1]}")
        with lock:
            made.append(push)
        mine.send = push.send
        return push.send

    def send(message: bytes) -> None:
        try:
            put = mine.send
        except AttributeError:
            put = connected()
        put(message)

    def close() -> None:
        for push in made:
            push.close(linger=-1)
        context.term()

    return Open(send, close)


@arm("pyzmq/proxy", "pyzmq PUSH a thread, one connection by a proxy", wire="zmtp", guess=4e5)
def zmq_proxy(address: tuple[str, int]) -> Open:
    """One connection for all of them, as a fan-in has: a native thread passes everything on."""
    import zmq

    context, mine, lock, made = zmq.Context(), threading.local(), threading.Lock(), []
    inner, outer = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    inner.bind("inproc://fan-in")
    outer.connect(f"tcp://{address[0]}:{address[1]}")
    control = context.socket(zmq.PAIR)
    control.bind("inproc://control")
    steered = context.socket(zmq.PAIR)
    steered.connect("inproc://control")

    def work() -> None:
        zmq.proxy_steerable(inner, outer, None, steered)
        while inner.poll(200):
            outer.send(inner.recv())
        for link in (inner, outer, steered):
            link.close(linger=-1)

    thread = threading.Thread(target=work)
    thread.start()

    def connected() -> Any:
        push = context.socket(zmq.PUSH)
        push.connect("inproc://fan-in")
        with lock:
            made.append(push)
        mine.send = push.send
        return push.send

    def send(message: bytes) -> None:
        try:
            put = mine.send
        except AttributeError:
            put = connected()
        put(message)

    def close() -> None:
        for push in made:
            push.close(linger=-1)
        control.send(b"TERMINATE")
        thread.join()
        control.close(linger=-1)
        context.term()

    return Open(send, close)
