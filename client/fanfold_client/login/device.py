"""Logging in on a machine without a browser (RFC 8628): a code is shown here, and typed in a browser anywhere."""

import time
from collections.abc import Callable
from contextlib import closing

from fanfold_client.api.credentials import Tokens
from fanfold_client.api.problems import NotAllowed, Refused
from fanfold_client.api.transport import Transport
from fanfold_client.login.loopback import CLIENT_ID

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_SLOWER = 5  # seconds more between requests, if the service asks for it (RFC 8628 §3.5)


def log_in(auth_url: str, tell: Callable[[str, str], None], sleep: Callable[[float], None] = time.sleep) -> Tokens:
    """Tokens for whoever types the code on the auth service's page; `tell` gets the page's URL, and the code.

    The page is at the URL by which this machine reaches the service.

    Raises:
        NotAllowed: the user has refused, or the code has expired.
    """
    with closing(Transport(auth_url)) as auth:
        started = auth.json("POST", "/device_authorization", data={"client_id": CLIENT_ID})
        tell(f"{auth.url}/device", started["user_code"])
        form, interval = {"grant_type": GRANT, "device_code": started["device_code"]}, int(started["interval"])
        while True:
            sleep(interval)
            try:
                return Tokens.from_response(auth.json("POST", "/v1/token", data=form))
            except Refused as error:
                match error.problem.get("error"):
                    case "authorization_pending":
                        pass
                    case "slow_down":
                        interval += _SLOWER
                    case _:
                        raise NotAllowed(f"nobody has logged in: {error}") from error
