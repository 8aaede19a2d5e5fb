"""The live view in a notebook: an anywidget, whose script and style are files of this package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._extras import need
from .view import KEPT
from .view_text import verdict

if TYPE_CHECKING:
    from .view import Live

__all__ = ["state", "widget"]

HERE = Path(__file__).parent
AnyWidget: Any = need("anywidget", "live").AnyWidget
traitlets = need("traitlets", "live")


class LiveWidget(AnyWidget):  # type: ignore[misc]
    """Shows what it is sent, and sends back when Stop is pressed."""

    _esm = HERE / "view.js"
    _css = HERE / "view.css"
    state = traitlets.Dict().tag(sync=True)


def widget(view: Live[Any]) -> LiveWidget:
    """A widget that shows a view for as long as that goes on."""
    made = LiveWidget(state=state(view))
    made.on_msg(lambda _, message, buffers: view.stop() if message.get("stop") else None)

    def tell(now: Live[Any]) -> None:
        made.state = state(now)

    view.listen(tell)
    return made


def state(view: Live[Any]) -> dict[str, Any]:
    """All that there is to see now, for JSON."""
    moments, (done, total), last = view.moments, view.progress, view.last_run
    latest = moments[-1] if moments else None
    return {
        "status": view.status,
        "label": view.label,
        "done": done,
        "total": total,
        "kept": KEPT,
        "capacity": latest.capacity_bytes if latest else None,
        "dropped": latest.dropped if latest else 0,
        "rate": [round(moment.messages_per_second) for moment in moments],
        "bytes": [round(moment.bytes_per_second) for moment in moments[-1:]],
        "backlog": [moment.backlog_bytes for moment in moments],
        "batch": [moment.batch_bytes and round(moment.batch_bytes) for moment in moments],
        "waiting": [moment.waiting_seconds and float(f"{moment.waiting_seconds:.3g}") for moment in moments],
        "drops": [round(moment.dropped_per_second) for moment in moments],
        "last": verdict(last) if last else "",
    }
