"""The command `fanfold`: its verbs, each loaded only when used."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NoReturn

import click

VERBS: dict[str, dict[str, tuple[str, str]]] = {
    "Run jobs": {
        "run": ("fanfold.verbs.run:run", "Run a job on this machine."),
        "streaming": (
            "fanfold.verbs.streaming:streaming",
            "Run programs in any language as a job, like Hadoop Streaming.",
        ),
        "submit": ("fanfold_client.verbs.submit:submit", "Hand a job to the service."),
        "watch": ("fanfold_client.verbs.watch:watch", "Follow a job until it ends."),
        "status": ("fanfold_client.verbs.status:status", "Show how a job stands, and why it failed."),
        "counters": ("fanfold_client.verbs.counters:counters", "Show what a job counted."),
        "jobs": ("fanfold_client.verbs.jobs:jobs", "List jobs, the newest first."),
        "results": ("fanfold_client.verbs.results:results", "List, fetch or print a job's results."),
        "cancel": ("fanfold_client.verbs.cancel:cancel", "End a job."),
        "render": ("fanfold.verbs.render:render", "Print a job's Argo Workflow."),
    },
    "Files in the service": {
        "put": ("fanfold_client.verbs.put:put", "Upload a file or a folder."),
        "get": ("fanfold_client.verbs.get:get", "Download a file or a folder."),
        "ls": ("fanfold_client.verbs.ls:ls", "List files."),
        "rm": ("fanfold_client.verbs.rm:rm", "Remove a file or a folder."),
    },
    "Services": {
        "up": ("fanfold_client.verbs.up:up", "Start the services on this machine."),
        "login": ("fanfold_client.verbs.login:login", "Log in to the services."),
        "logout": ("fanfold_client.verbs.login:logout", "End the login."),
        "whoami": ("fanfold_client.verbs.login:whoami", "Show who is logged in, and where."),
        "users": ("fanfold_client.verbs.users:users", "Manage accounts (for administrators)."),
        "keys": ("fanfold_client.verbs.keys:keys", "Manage signing keys (for administrators)."),
        "deploy": (
            "fanfold_client.verbs.deploy:deploy",
            "Install Fanfold on Kubernetes, or bring an installation up to date.",
        ),
        "undeploy": ("fanfold_client.verbs.deploy:undeploy", "Remove Fanfold from Kubernetes."),
    },
}
"""Per section of the help: verb → where its command is, and what it does."""


@contextmanager
def _readers_may_leave() -> Iterator[None]:
    """End quietly when whoever reads our output has left; click by itself would end with 1, as if a job had failed."""
    try:
        yield
    except BrokenPipeError:
        from fanfold.verbs.errors import reader_left

        raise click.exceptions.Exit(reader_left()) from None


class Verbs(click.Group):
    """A group that knows its verbs' names and loads a verb's module only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every verb, in the order of the help."""
        return [name for section in VERBS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a verb."""
        for section in VERBS.values():
            if cmd_name in section:
                module, _, attribute = section[cmd_name][0].partition(":")
                command: click.Command = getattr(import_module(module), attribute)
                return command
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the verbs that a mistyped one may have meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand:
            raise click.exceptions.NoSuchCommand(args[0], possibilities=self.list_commands(ctx), ctx=ctx) from None

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read the words, which prints help and version."""
        with _readers_may_leave():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Call the verb."""
        with _readers_may_leave():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs by section, without loading any."""
        for title, section in VERBS.items():
            with formatter.section(title):
                formatter.write_dl([(name, text) for name, (_, text) in section.items()])


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"fanfold {version('fanfold')}")
        ctx.exit()


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
def cli() -> None:
    """MapReduce for people who have Python.

    \b
    fanfold run wordcount --input texts/ --output counts/       on this machine, nothing to set up
    fanfold up --demo                                           the services, to try them out
    fanfold submit wordcount --input texts/ --watch             a job in the service

    `fanfold VERB -h` explains a verb.

    \b
    Exit status: 0 done, 1 the job failed, 2 usage, 3 refused before it ran, 4 not allowed,
    5 not found or in conflict, 6 service away, 70 a fault in Fanfold itself, 130 interrupted,
    141 whoever read the output left. FANFOLD_DEBUG=1 shows where an error comes from.

    \b
    With --json stdout has one JSON object, also when a verb fails: {"error": {"detail": …}}, which
    holds what the service said of it (RFC 9457), or else the exit status as "status". A job of the
    service is told whole, and if it failed its "error" says why.
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and leave with its exit status."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit status. Errors are told on stderr."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status = cli.main(args=words, prog_name="fanfold", standalone_mode=False)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 (the one place where every error ends)
        from fanfold.verbs.errors import explain

        return explain(error, as_json="--json" in words)
    return status if isinstance(status, int) else 0


if __name__ == "__main__":
    main()
