"""Values and failures as text that can be printed and stored anywhere."""

RECORD_PREVIEW, SHOWN = 200, 80  # characters


def shown(value: object) -> str:
    """A value as text for an error message, whatever its `repr` does."""
    try:
        return shortened(repr(value), SHOWN)
    except Exception:  # noqa: BLE001 — a user's __repr__ may raise anything
        return f"<{type(value).__name__} that can't be shown>"


def preview(record: object) -> str:
    """The beginning of a record, as text that is safe to print."""
    return shortened(record if isinstance(record, str) else repr(record), RECORD_PREVIEW)


def shortened(text: str, most: int) -> str:
    """A text without surrogates; if it is longer than `most` characters, only its beginning and its end."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= most else f"{text[: most * 2 // 3]} […] {text[-most // 3 :]}"


def in_a_line(text: str) -> str:
    """A text in one line, for the middle of a sentence: line breaks, and the spaces around them, become one space.

    >>> in_a_line("2 errors\\n  field required")
    '2 errors field required'
    """
    return " ".join(line.strip() for line in text.splitlines()).strip()


def quantity(count: int, noun: str, shown: str = "") -> str:
    """A count with its noun; `shown` replaces the full figure.

    >>> quantity(1, "record"), quantity(12_345, "record"), quantity(12_345, "record", "12.3k")
    ('1 record', '12,345 records', '12.3k records')
    """
    return f"{shown or f'{count:,}'} {noun}{'s' * (count != 1)}"
