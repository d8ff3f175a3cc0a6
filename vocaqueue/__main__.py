"""`python -m vocaqueue`: the `vocaqueue` command."""

from .cli.main import main

main(prog_name="vocaqueue")
