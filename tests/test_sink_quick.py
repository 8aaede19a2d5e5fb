"""The short ways into the sink: `send(data)` and `send_many` of a list do what the long ways do."""

from __future__ import annotations

import inspect
import os
import time
from pathlib import Path
from typing import Any

import pytest

import fanin


def test_send_is_a_method_with_its_text_and_signature() -> None:
    assert str(inspect.signature(fanin.Sink.send)) == "(self, data, /, timeout=None)"
    assert "waits while there is no room" in (fanin.Sink.send.__doc__ or "")
    with pytest.raises(TypeError, match="descriptor 'send'"):
        fanin.Sink.send(3, b"a")  # type: ignore[arg-type]


def test_every_way_to_call_send_sends_or_says_why() -> None:
    with fanin.Server() as server, fanin.Sink(server.url) as sink:
        sink.send(b"a")
        sink.send(b"b", 1.0)
        sink.send(b"c", timeout=None)
        sink.send(bytearray(b"d"))
        sink.send(type("Own", (bytes,), {})(b"e"))
        wrong: list[tuple[tuple[Any, ...], dict[str, Any]]]
        wrong = [((), {}), ((b"a", 1, 2), {}), ((b"a",), {"tim": 1}), ((), {"data": b"a"}), (("a",), {}), ((1,), {})]
        for values, named in wrong:
            with pytest.raises(TypeError):
                sink.send(*values, **named)
        with pytest.raises(fanin.PlanError, match="timeout"):
            sink.send(b"a", -1)
        assert sink.flush(timeout=60).accepted == 5
    with pytest.raises(fanin.Closed):
        sink.send(b"a")


def test_a_full_sink_refuses_what_has_no_room_and_keeps_the_rest() -> None:
    with fanin.Server() as server, fanin.Sink(server.url, capacity=64) as sink:
        with pytest.raises(fanin.MessageError, match="capacity of 64 bytes"):
            sink.send(bytes(65))
        for _ in range(1_000):
            sink.send(bytes(40))
        assert sink.flush(timeout=60).accepted == 1_000


@pytest.mark.parametrize("kind", [list, tuple, iter])
def test_many_of_any_kind_arrive_up_to_the_first_that_is_wrong(kind: type) -> None:
    with fanin.Server() as server, fanin.Sink(server.url, capacity="16 KiB") as sink:
        assert sink.send_many(kind([b"abc"] * 20_000 + [bytearray(b"d")] + [b"e"])) == 20_002
        with pytest.raises(TypeError) as raised:
            sink.send_many(kind([b"a"] * 600 + ["x", b"b"]))
        assert raised.value.taken == 600  # type: ignore[attr-defined]
        assert sink.send_many(kind([])) == 0
        account = sink.flush(timeout=60)
        assert (account.accepted, account.accepted_bytes) == (20_602, 60_002 + 600)


@pytest.mark.proc
def test_an_idle_sink_never_wakes() -> None:
    def wakes() -> list[tuple[str, str]]:
        found = []
        for task in sorted(os.listdir("/proc/self/task"), key=int):
            lines = Path(f"/proc/self/task/{task}/status").read_text().splitlines()
            fields = dict(line.split(":", 1) for line in lines)
            if fields["Name"].strip() == "fanin-sink":
                found.append((task, fields["voluntary_ctxt_switches"].strip()))
        return found

    with fanin.Server() as server, fanin.Sink(server.url) as sink:
        sink.send(b"one")
        sink.flush(timeout=60)
        time.sleep(1.5)  # what it has put off to its leisure is done by then
        before = wakes()
        time.sleep(1)
        assert before
        assert wakes() == before
