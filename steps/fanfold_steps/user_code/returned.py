"""What the user's functions may return: any number of records or pairs, but nothing that only looks like that."""


def wrong_return(who: str, value: object, what: str = "records", *, in_tuple: bool = False) -> str | None:
    """What is wrong with the value that a function returned; None if nothing is.

    The characters of a string, the keys of a dict, or the key and the value of one pair would be taken for records.
    With `in_tuple`, a tuple of records or pairs is accepted.

    >>> wrong_return("the reducer", "total")
    'the reducer returned str: let it yield records, or return a list of them'
    """
    if type(value) is tuple and not value:
        return None  # no records
    wrong = (str, bytes, dict) if in_tuple else (str, bytes, dict, tuple)
    if hasattr(value, "__iter__") and not isinstance(value, wrong):
        return None
    kind = "None" if value is None else type(value).__name__
    return f"{who} returned {kind}: let it yield {what}, or return a list of them"
