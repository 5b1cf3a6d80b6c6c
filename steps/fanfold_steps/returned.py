"""What the user's functions return: any number of records or pairs, and nothing that would only be taken for that."""


def wrong_return(who: str, given: object, what: str = "records", *, in_tuple: bool = False) -> str | None:
    """What is wrong with what a function gave; None if nothing is.

    The letters of a text, the keys of a dict, or the key and the value of one pair would be taken for records. With
    `in_tuple` a tuple may well be one of pairs.

    >>> wrong_return("the reducer", "total")
    'the reducer returned str: let it yield records, or return a list of them'
    """
    wrong = (str, bytes, dict) if in_tuple else (str, bytes, dict, tuple)
    if hasattr(given, "__iter__") and not isinstance(given, wrong):
        return None
    kind = "None" if given is None else type(given).__name__
    return f"{who} returned {kind}: let it yield {what}, or return a list of them"
