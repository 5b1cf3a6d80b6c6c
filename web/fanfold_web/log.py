"""The log: one JSON object a line, in UTC, written by structlog over Python's own logging.

A service logs an event and its fields (`log.info("serving", url=url)`). Lines of other libraries, such as uvicorn's,
come out in the same form. Control characters are escaped, so no input can forge a line.
"""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from fanfold_web.clock import timestamp


@contextmanager
def _without_rich() -> Iterator[None]:
    """Let an `import rich` fail, as where rich isn't installed, unless it has been imported already.

    structlog imports it for tracebacks on a terminal. A service writes none there, and would start a tenth slower.
    """
    hidden = sys.modules.setdefault("rich", None) is None  # type: ignore[arg-type]  # None is what makes it fail
    try:
        yield
    finally:
        if hidden:
            del sys.modules["rich"]


with _without_rich():
    import structlog
    from structlog.processors import format_exc_info
    from structlog.stdlib import BoundLogger, ExtraAdder, ProcessorFormatter, render_to_log_kwargs
    from structlog.typing import EventDict, WrappedLogger


def logger(name: str) -> BoundLogger:
    """A logger whose keyword arguments become fields of the line."""
    bound: BoundLogger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[structlog.stdlib.PositionalArgumentsFormatter(), render_to_log_kwargs],
        wrapper_class=BoundLogger,
    ).bind()  # once: otherwise each line binds anew
    return bound


def json_lines() -> logging.Formatter:
    """A formatter that writes one JSON object a line."""
    return ProcessorFormatter(
        foreign_pre_chain=[ExtraAdder()],
        processors=[_in_order, structlog.processors.JSONRenderer(json.dumps)],
    )


def to_stderr() -> None:
    """Write everything from INFO up to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(json_lines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _in_order(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """When, how grave and what comes first, then the event's own fields, and a traceback last."""
    record: logging.LogRecord = event["_record"]
    fields = format_exc_info(logger, method, ProcessorFormatter.remove_processors_meta(logger, method, event))
    traceback = {"traceback": fields.pop("exception")} if "exception" in fields else {}
    head = {"time": timestamp(record.created), "level": record.levelname.lower(), "event": fields.pop("event")}
    return {**head, **fields, **traceback}
