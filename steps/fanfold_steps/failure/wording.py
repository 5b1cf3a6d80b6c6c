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
