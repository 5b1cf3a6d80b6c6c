"""`python -m fanfold_client` is the command `fanfold`."""

from fanfold_client.main import main

main()
