"""The command `fanfold`, or `python -m fanfold_client`. Without the client's extra, it says what to install."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command and end the process."""
    try:
        from fanfold_client.main import main as run
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("fanfold"):
            raise
        from fanfold_storage.extras import to_install

        sys.exit(f"fanfold: {error.name} is not installed. Run: {to_install('client')}")
    run()


if __name__ == "__main__":
    main()
