"""The command `fanfold`. Each of its verbs is imported only when it is used."""

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
        "mrjob": ("fanfold.verbs.mrjob:mrjob", "Run a script written for mrjob."),
        "submit": ("fanfold_client.verbs.jobs.submit:submit", "Submit a job to the service."),
        "watch": ("fanfold_client.verbs.watching.watch:watch", "Follow a job until it ends."),
        "status": ("fanfold_client.verbs.watching.status:status", "Show a job's state, and why it failed."),
        "logs": ("fanfold_client.verbs.watching.logs:logs", "Print a job's log."),
        "tasks": ("fanfold_client.verbs.watching.tasks:tasks", "List a job's tasks, the slowest first."),
        "explain": ("fanfold_client.verbs.watching.explain:explain", "Say what bounds a job, and what to change."),
        "counters": ("fanfold_client.verbs.watching.counters:counters", "Show a job's counters."),
        "jobs": ("fanfold_client.verbs.jobs.jobs:jobs", "List jobs, newest first."),
        "results": ("fanfold_client.verbs.jobs.results:results", "List, fetch or print a job's results."),
        "events": ("fanfold_client.verbs.watching.events:events", "Print what changes of a job, as it happens."),
        "workflow": (
            "fanfold_client.verbs.watching.workflow:workflow",
            "Print a job's Argo Workflow, as it was created.",
        ),
        "cancel": ("fanfold_client.verbs.jobs.cancel:cancel", "Cancel a job."),
        "retry": ("fanfold_client.verbs.jobs.retry:retry", "Retry a job that failed or was cancelled."),
        "priority": (
            "fanfold_client.verbs.jobs.priority:priority",
            "Change the priority of a job that waits (for administrators).",
        ),
        "delete": ("fanfold_client.verbs.jobs.delete:delete", "Remove a job that has ended."),
        "schedule": (
            "fanfold_client.verbs.schedules.schedule:schedule",
            "Submit jobs when it is time, again and again.",
        ),
        "webhook": (
            "fanfold_client.verbs.schedules.webhook:webhook",
            "Show which URLs may be notified when a job has ended, and make the secret that signs messages.",
        ),
        "render": ("fanfold.verbs.render:render", "Print a job's Argo Workflow."),
    },
    "Files in the service": {
        "put": ("fanfold_client.verbs.files.put:put", "Upload a file or a folder."),
        "get": ("fanfold_client.verbs.files.get:get", "Download a file or a folder."),
        "ls": ("fanfold_client.verbs.files.ls:ls", "List files and folders."),
        "rm": ("fanfold_client.verbs.files.rm:rm", "Remove a file or a folder."),
    },
    "Services": {
        "up": ("fanfold_client.verbs.services.up:up", "Start the services on this machine."),
        "login": ("fanfold_client.verbs.identity.login:login", "Log in to the services."),
        "logout": ("fanfold_client.verbs.identity.login:logout", "Log out of the services."),
        "whoami": ("fanfold_client.verbs.identity.login:whoami", "Show who is logged in, and where."),
        "passwd": ("fanfold_client.verbs.identity.passwd:passwd", "Change your own password."),
        "users": (
            "fanfold_client.verbs.identity.users:users",
            "Manage accounts (for administrators), and change your own password.",
        ),
        "groups": ("fanfold_client.verbs.identity.groups:groups", "Manage groups of users (for administrators)."),
        "delegations": (
            "fanfold_client.verbs.identity.delegations:delegations",
            "Show what services may do for you when you aren't logged in, and end it.",
        ),
        "tokens": ("fanfold_client.verbs.identity.tokens:tokens", "Manage API tokens, with which scripts act for you."),
        "sessions": (
            "fanfold_client.verbs.identity.sessions:sessions",
            "Show where you are logged in, and log out.",
        ),
        "clients": (
            "fanfold_client.verbs.identity.clients:clients",
            "Manage applications that log people in through Fanfold (for administrators).",
        ),
        "keys": ("fanfold_client.verbs.identity.keys:keys", "Manage signing keys (for administrators)."),
        "deploy": (
            "fanfold_client.verbs.services.deploy:deploy",
            "Install Fanfold on Kubernetes, or update an installation.",
        ),
        "undeploy": ("fanfold_client.verbs.services.deploy:undeploy", "Remove Fanfold from Kubernetes."),
    },
}
"""For each section of the help: the verbs, where their commands are, and what they do."""

NOT_ON_WINDOWS = {
    "run": "running a job", "streaming": "running a job", "mrjob": "running a job", "render": "rendering a job",
    "up": "running the services",
}  # fmt: skip
"""The verbs that workers, or their planner, need another system for, and what they do."""


@contextmanager
def _quiet_on_broken_pipe() -> Iterator[None]:
    """End quietly if the program that reads our output has ended; click would exit with 1, as if a job had failed."""
    try:
        yield
    except BrokenPipeError:
        from fanfold.terminal.errors import reader_left

        raise click.exceptions.Exit(reader_left()) from None


class Verbs(click.Group):
    """A group that knows its verbs by name, and imports a verb's module only when the verb is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs, in the order of the help."""
        return [name for section in VERBS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb; one that can't run on this system says so, whatever its options are."""
        if sys.platform == "win32" and cmd_name in NOT_ON_WINDOWS:
            return _refused(cmd_name, NOT_ON_WINDOWS[cmd_name])
        for section in VERBS.values():
            if cmd_name in section:
                module, _, attribute = section[cmd_name][0].partition(":")
                command: click.Command = getattr(import_module(module), attribute)
                return command
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest verbs for one that was mistyped."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand:
            raise click.exceptions.NoSuchCommand(args[0], possibilities=self.list_commands(ctx), ctx=ctx) from None

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Parse the command line; this prints the help and the version."""
        with _quiet_on_broken_pipe():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb."""
        with _quiet_on_broken_pipe():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs by section, without importing any."""
        for title, section in VERBS.items():
            with formatter.section(title):
                formatter.write_dl([(name, text) for name, (_, text) in section.items()])


def _refused(verb: str, what: str) -> click.Command:
    def refuse(**_: Any) -> NoReturn:
        from fanfold.errors import Refused, on_windows

        raise Refused(on_windows(what))

    rest = click.Argument(["rest"], nargs=-1, type=click.UNPROCESSED)
    settings = {"ignore_unknown_options": True, "help_option_names": []}
    return click.Command(verb, callback=refuse, params=[rest], context_settings=settings)


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
    fanfold run wordcount --input texts/ --output counts/       a job on this machine, nothing to set up
    fanfold up --demo                                           the services, to try them out
    fanfold submit wordcount --input texts/ --watch             a job in the service

    `fanfold VERB -h` explains a verb.

    \b
    Exit status: 0 done, 1 the job failed, 2 wrong usage, 3 refused before anything ran,
    4 not allowed, 5 not found or in conflict, 6 no response from a service, 70 a bug in Fanfold,
    130 interrupted, 141 the program reading the output has ended. FANFOLD_DEBUG=1 shows where an
    error comes from.

    \b
    With --json, stdout is one JSON object even if a verb fails: {"error": {"detail": …}}, with the
    service's problem details (RFC 9457), or with the exit status as "status". For a job in the
    service it is the whole job; if the job failed, its "error" says why.
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and exit with its status."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status. Errors are explained on stderr."""
    if None in (sys.stdin, sys.stdout, sys.stderr):  # started without one, as by `>&-`
        from fanfold.terminal.console import open_standard_streams

        open_standard_streams()
    if sys.platform == "win32":  # where what isn't a console may know 256 characters and fail at all others
        for stream in (sys.stdout, sys.stderr):
            getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status = cli.main(args=words, prog_name="fanfold", standalone_mode=False)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 (every error is explained here)
        from fanfold.terminal.errors import explain

        return explain(error, as_json="--json" in words)
    return status if isinstance(status, int) else 0


if __name__ == "__main__":
    main()
