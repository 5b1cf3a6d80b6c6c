"""The log: one JSON object a line, in UTC."""

import json
import logging
import sys

from fanfold_web.clock import timestamp


class JSONLines(logging.Formatter):
    """Control characters arrive escaped, so nobody forges a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record with the fields that came with it."""
        line = {"time": timestamp(record.created), "level": record.levelname.lower(), "event": record.getMessage()}
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def to_stderr() -> None:
    """Write everything from INFO up to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JSONLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
