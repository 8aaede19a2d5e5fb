"""Where a sink's promises meet what programs do around them: callbacks that sleep, subclasses, copies of errors."""

import asyncio
import copy
import pickle
import socket
import threading
import time
import warnings
from typing import Any, Self

import pytest
from receivers import Receiver, free_port

import fanin
from fanin import _native

# --- times -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["sync", "async"])
def test_a_close_does_not_wait_longer_for_a_callback_than_it_was_given(how: str) -> None:
    """On a busy machine too: the callback sleeps for much longer than it could take."""
    asleep: list[fanin.FaninError] = []
    over = threading.Event()

    def sleeps(error: fanin.FaninError) -> None:
        asleep.append(error)
        over.wait(20)

    settings: dict[str, Any] = {"reconnect": "at_most_once", "backoff": (0.01, 0.02), "on_error": sleeps}
    sink = fanin.Sink(f"tcp://127.0.0.1:{free_port()}", **settings).open(timeout=0)
    deadline = time.monotonic() + 20
    while not asleep and time.monotonic() < deadline:
        time.sleep(0.005)
    began = time.monotonic()
    if how == "sync":
        sink.close(timeout=0.1)
    else:
        asyncio.run(sink.close_async(timeout=0.1))
    took = time.monotonic() - began
    over.set()
    assert took < 1.5, "it used to be two seconds"


def test_an_opening_that_waits_for_nothing_goes_on() -> None:
    port = free_port()
    settings: dict[str, Any] = {"reconnect": "at_most_once", "backoff": (0.01, 0.02), "framing": "lines"}
    first = fanin.Sink(f"tcp://127.0.0.1:{port}", **settings)
    second = fanin.Sink(f"tcp://127.0.0.1:{port}", **settings)
    assert first.open(timeout=0) is first
    assert asyncio.run(second.open_async(timeout=0)) is second
    first.send(b"one")
    second.send(b"two")
    with Receiver(port=port) as receiver:
        receiver.until(lambda: sorted(receiver.received.split()) == [b"one", b"two"])
        first.close()
        second.close()


def test_an_opening_that_comes_too_late_names_its_own_page() -> None:
    sink = fanin.Sink(f"tcp://127.0.0.1:{free_port()}", reconnect="at_most_once", backoff=(0.01, 0.02))
    with pytest.raises(fanin.TimedOut, match=r"not connected within 0\.05 seconds") as caught:
        sink.open(timeout=0.05)
    again = pickle.loads(pickle.dumps(caught.value))
    assert caught.value.page == again.page == "reference/errors#timedout"
    assert "reference/errors#timedout" in caught.value.__notes__[0]
    sink.close()


# --- subclasses ------------------------------------------------------------------------------------------------------


class Tagged(fanin.Sink):
    """A subclass with an argument of its own."""

    tag: str

    def __new__(cls, target: str, *, tag: str, **settings: Any) -> Self:
        made = super().__new__(cls, target, **settings)
        made.tag = tag
        return made


def test_a_subclass_takes_arguments_where_a_sink_does() -> None:
    with fanin.Server(framing="lines") as server:
        with Tagged(server.url, tag="mine", framing="lines") as sink:
            sink.send(b"one")
        server.wait_for(1)
    assert (sink.tag, type(sink)) == ("mine", Tagged)


def test_a_subclass_can_be_made_from_a_socket() -> None:
    here, there = socket.socketpair()
    with there:
        with Tagged.from_socket(here, framing="lines") as sink:
            sink.send(b"one")
        assert (type(sink), there.recv(100)) == (Tagged, b"one\n")


def test_a_subclass_that_takes_its_arguments_elsewhere_is_told_when_it_is_defined() -> None:
    with pytest.raises(TypeError, match=r"Late\.__init__: a sink takes its arguments in __new__.*super\(\)\.__new__"):

        class Late(fanin.Sink):
            def __init__(self, target: str, *, tag: str, **settings: Any) -> None:
                super().__init__(target, **settings)  # type: ignore[call-arg]
                self.tag = tag


def test_what_was_never_made_to_its_end_goes_quietly() -> None:
    from fanin._settings import settings

    given = dict(fanin.Sink.__new__.__kwdefaults__ or {})
    half = _native.Sink.__new__(fanin.Sink, settings(given | {"target": "tcp://127.0.0.1:1"}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del half  # what fails in a finaliser is an error of the test by itself


# --- sockets, files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", [{"connect_timeout": 5}, {"backoff": (1, 2)}])
def test_a_socket_is_not_connected_again(setting: dict[str, Any]) -> None:
    here, there = socket.socketpair()
    with here, there:
        with pytest.raises(fanin.PlanError, match=f"{next(iter(setting))}=.*the socket is connected"):
            fanin.Sink.from_socket(here, **setting)
        assert here.fileno() >= 0


def test_writelines_is_send_many() -> None:
    with fanin.Server(framing="lines") as server:
        with fanin.Sink(server.url, framing="lines") as sink:
            assert sink.writelines([b"one", bytearray(b"two")]) is None  # type: ignore[func-returns-value]
        server.wait_for(2)
        assert server.messages() == [b"one", b"two"]


# --- errors ----------------------------------------------------------------------------------------------------------


def test_an_error_keeps_what_it_was_given_on_its_way() -> None:
    for error in (fanin.Disconnected("gone", None, 32), fanin.TimedOut("late"), fanin.Full("full"), fanin.Closed("no")):
        error.taken = 7  # type: ignore[union-attr]
        error.add_note("while the log was sent")
        for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
            assert (str(again), again.taken, again.__notes__) == (str(error), 7, error.__notes__)
            assert again.__notes__[-1] == "while the log was sent"
