"""The help of a job: what it does, and its parameters."""

from pathlib import Path

import click


class JobHelp(click.Command):
    """`VERB NAME --help` explains the built-in job, `VERB FILE.py --help` its job, `VERB --help` the command."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Look for a job's name before click prints the command's help."""
        if {"-h", "--help"}.intersection(args) and "--mrjob" not in args:
            self._explain(ctx, args)
        return super().parse_args(ctx, args)

    def _explain(self, ctx: click.Context, args: list[str]) -> None:
        """Print the help of the job that is named, and end; do nothing if none is."""
        from fanfold import builtin

        if named := set(args).intersection(builtin.names()):
            click.echo(builtin.explained(named.pop()))
            ctx.exit()
        if files := [word for word in args if word.endswith(".py") and Path(word).is_file()]:
            from fanfold.resolve import explained

            click.echo(explained(files[0]) or f"{files[0]} has no docstring and no parameters.")
            click.echo(f"\n`{ctx.command_path} --help` lists the options.")
            ctx.exit()
