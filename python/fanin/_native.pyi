"""The Rust core, as Python sees it. Everything here is wrapped by the modules beside it; import those."""

from collections.abc import Awaitable
from typing import Any, final

__version__: str

def strategies() -> list[dict[str, Any]]: ...
def build_info() -> dict[str, str]: ...
def run(
    strategy: str,
    *,
    producers: int,
    messages: int,
    payload: int,
    capacity: int | None,
    producers_as: str,
    actor: str,
    server: str,
    threads: int | None,
    work_ns: int,
    delay_ns: int,
    bursts: int,
    min_ns: int,
    timeout_ns: int | None,
) -> dict[str, Any]: ...
def run_async(
    strategy: str,
    *,
    producers: int,
    messages: int,
    payload: int,
    capacity: int | None,
    producers_as: str,
    actor: str,
    server: str,
    threads: int | None,
    work_ns: int,
    delay_ns: int,
    bursts: int,
    min_ns: int,
    timeout_ns: int | None,
) -> Awaitable[dict[str, Any]]: ...
def published(design: str, *, workers: int, messages: int, deadline_ns: int) -> dict[str, Any]: ...
def shutdown(timeout_ns: int) -> None: ...
@final
class Server:
    def __new__(cls, mode: str, host: str, port: int) -> Server: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def mode(self) -> str: ...
    def report(self) -> dict[str, int]: ...
    def stop(self) -> None: ...
