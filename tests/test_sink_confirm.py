"""An echo that is wrong in one byte: the sink has to see it, else it confirms what nobody can vouch for."""

from typing import Any, Literal

import pytest

import fanin

FRAME = 4 + 6
MESSAGES = [b"%06d" % number for number in range(1000)]
WRONG = ["flip", "double", "drop"]
PLACES = [0, FRAME, 5000 + 3]
QUICK: dict[str, Any] = {"framing": "length", "confirm": "echo", "backoff": (0.001, 0.01)}


def vouched(place: int) -> int:
    """How many messages came back whole before a wrong byte."""
    return place // FRAME


def even(account: fanin.Delivery) -> bool:
    """Whether each message that was taken is somewhere."""
    parts = account.acked + account.written + account.in_doubt + account.unsent + account.dropped
    return account.accepted == parts


def deliver(sink: fanin.Sink) -> fanin.Delivery:
    """Sends all, and waits for what becomes of it."""
    sink.send_many(MESSAGES)
    return sink.flush(timeout=20)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_echo_is_a_loss_that_is_told(wrong: str, place: int) -> None:
    """What came back before it is acked, and nothing behind it."""
    with fanin.Server("echo", framing="length", echo_fault=wrong, echo_fault_after=place) as server:
        settings = {name: value for name, value in QUICK.items() if name != "backoff"}
        sink = fanin.Sink(server.url, **settings).open()
        with pytest.raises(fanin.Disconnected, match="the echo is wrong at byte") as caught:
            deliver(sink)
        with pytest.raises(fanin.Disconnected) as again:
            sink.close()
    account = sink.delivery
    assert caught.value.delivery
    assert again.value.delivery == account
    assert even(caught.value.delivery)
    assert even(account)
    # A doubled byte, and what stands behind one that is missing, may be what was sent there.
    assert vouched(place) <= account.acked <= vouched(place) + 1
    assert account.in_doubt + account.unsent == account.accepted - account.acked


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("reconnect", ["at_most_once", "at_least_once"])
def test_a_wrong_echo_is_recovered_from(
    reconnect: Literal["at_most_once", "at_least_once"], wrong: str, place: int
) -> None:
    told: list[fanin.FaninError] = []
    with fanin.Server("echo", framing="length", echo_fault=wrong, echo_fault_after=place, faulty=3) as server:
        with fanin.Sink(server.url, reconnect=reconnect, on_error=told.append, **QUICK) as sink:
            losses = 0
            # Three connections are wrong, and only what follows the last of them is sure.
            while losses < 3:
                deliver(sink)
                losses = sink.stats().losses
            before = sink.delivery
            account = deliver(sink)
            assert account.acked - before.acked == len(MESSAGES)
            assert sink.stats().losses == 3
        came = server.messages()
    assert [error for error in told if "the echo is wrong at byte" not in str(error)] == []
    assert len(told) == 3
    assert even(account)
    turns = account.accepted // len(MESSAGES)
    counts = [came.count(message) for message in MESSAGES]
    if reconnect == "at_least_once":
        assert (account.acked, account.in_doubt, account.unsent, account.dropped) == (account.accepted, 0, 0, 0)
        assert min(counts) >= turns
    else:
        assert account.acked + account.in_doubt + account.dropped == account.accepted
        assert max(counts) <= turns
        assert len(came) >= account.acked


def test_a_byte_that_never_comes_is_not_waited_for_without_end() -> None:
    """What is dropped is the last: no byte behind it shows that it is missing."""
    last = FRAME * len(MESSAGES) - 1
    with fanin.Server("echo", framing="length", echo_fault="drop", echo_fault_after=last, faulty=1) as server:
        with fanin.Sink(server.url, reconnect="at_least_once", idle_timeout=0.3, **QUICK) as sink:
            account = deliver(sink)
            assert sink.stats().losses == 1
        assert account.acked == len(MESSAGES)
        assert server.messages() == [*MESSAGES, MESSAGES[-1]]


def test_a_sound_echo_is_none_of_this() -> None:
    """The control."""
    settings = {name: value for name, value in QUICK.items() if name != "backoff"}
    with fanin.Server("echo", framing="length") as server, fanin.Sink(server.url, **settings) as sink:
        assert deliver(sink).acked == len(MESSAGES)
        assert sink.stats().losses == 0
