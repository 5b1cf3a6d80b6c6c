"""`fanfold streaming`: run programs as a job, with the options of Hadoop Streaming or our own."""

from collections.abc import Sequence
from typing import Any

import click

from fanfold.authoring.shipping import Shipment
from fanfold.authoring.streaming import Streaming
from fanfold.dependencies.here import with_packages
from fanfold.dependencies.requirements import requirements_of
from fanfold.foreground.options import PACKAGE_OPTIONS, RUN_OPTIONS
from fanfold.foreground.request import target_of
from fanfold.foreground.run import run_with_options
from fanfold.terminal.errors import run_and_exit
from fanfold_steps.inputs.listing import separated

_REFUSED = {
    "inputreader": "inputs are read as lines",
    "io": "programs read and write lines",
    "libjars": "Fanfold doesn't run Java",
    "conf": "write settings as -D NAME=VALUE",
    "fs": "places are paths on this machine, or s3://BUCKET/PATH",
    "jt": "use --on argo to run the job as pods",
    "lazyOutput": "each reducer writes its part, even if it is empty",
    "background": "`fanfold submit` submits a job to the service and returns",
    "mapdebug": "a failure shows the end of the program's stderr",
    "reducedebug": "a failure shows the end of the program's stderr",
    "verbose": "FANFOLD_DEBUG=1 shows where an error comes from",
    "info": "--help explains the options",
    "help": "--help explains the options",
}


class _HadoopCommand(click.Command):
    """Explains what to use instead of Hadoop's options that have no counterpart."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for word in args:
            if word[:1] == "-" and word[1:] in _REFUSED:
                raise click.UsageError(f"{word} isn't supported: {_REFUSED[word[1:]]}", ctx)
        try:
            return super().parse_args(ctx, [*args])
        except click.NoSuchOption as error:
            known = [name for param in self.params for name in param.opts]
            word = next(
                (word for word in args if word.startswith(error.option_name) and word not in known), error.option_name
            )
            raise click.NoSuchOption(word, possibilities=known, ctx=ctx) from None


def _assignments(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    """The values as a dict; of two with the same name the later one wins."""
    for value in values:
        if not value.partition("=")[0] or "=" not in value:
            raise click.BadParameter(f"{value!r} is not NAME=VALUE", ctx, param)
    return {value.partition("=")[0]: value.partition("=")[2] for value in values}


_OPTIONS: list[click.Parameter] = [
    click.Option(
        ["-input", "--input", "inputs"],
        multiple=True,
        required=True,
        metavar="PLACE",
        help="File, folder or pattern, or several separated by commas. Repeatable.",
    ),
    click.Option(["-output", "--output"], required=True, metavar="PLACE", help="Folder for the parts; must not exist."),
    click.Option(
        ["-mapper", "--mapper"], metavar="COMMAND", help="Reads lines, writes `key TAB value` lines.  [default: cat]"
    ),
    click.Option(["-combiner", "--combiner"], metavar="COMMAND", help="A reducer run over each split's lines."),
    click.Option(
        ["-reducer", "--reducer"],
        metavar="COMMAND",
        help="Reads a part's lines, sorted by key; or NONE, or Hadoop's aggregate.  [default: cat]",
    ),
    click.Option(
        ["-file", "--file"],
        multiple=True,
        metavar="PATH",
        help="Ship a file or folder, as PATH or PATH#NAME. Repeatable.",
    ),
    click.Option(
        ["-files", "--files", "-cacheFile"], multiple=True, metavar="PATH,…", help="Ship several files or folders."
    ),
    click.Option(
        ["-archives", "--archives", "-cacheArchive"],
        multiple=True,
        metavar="PATH,…",
        help="Ship the contents of archives, each as a folder of the archive's name, or as PATH#NAME.",
    ),
    click.Option(
        ["-numReduceTasks", "--partitions"],
        type=click.IntRange(0, 10_000),
        metavar="N",
        help="Parts of the output (default: by input size); 0 means no reducer.",
    ),
    click.Option(
        ["-cmdenv", "--cmdenv"],
        multiple=True,
        metavar="NAME=VALUE",
        callback=_assignments,
        help="An environment variable for the programs. Repeatable.",
    ),
    click.Option(
        ["-D", "-jobconf", "--jobconf"],
        multiple=True,
        metavar="NAME=VALUE",
        callback=_assignments,
        help="A Hadoop setting, passed to programs as an environment variable. Repeatable.",
    ),
    click.Option(
        ["-inputformat", "--inputformat"], metavar="NAME", help="TextInputFormat (default) or NLineInputFormat."
    ),
    click.Option(["-outputformat", "--outputformat"], metavar="NAME", help="Only TextOutputFormat, the default."),
    click.Option(
        ["-partitioner", "--partitioner"], metavar="NAME", help="HashPartitioner (default), KeyFieldBasedPartitioner."
    ),
]
_NAMES = {option.name for option in _OPTIONS}
_OPTIONS += [option for option in (*RUN_OPTIONS, *PACKAGE_OPTIONS) if option.name not in _NAMES]


@click.command(
    cls=_HadoopCommand, params=_OPTIONS, short_help="Run programs in any language as a job, like Hadoop Streaming."
)
def streaming(**options: Any) -> None:
    """Run programs in any language as a job, with the contract and the options of Hadoop Streaming.

    \b
    fanfold streaming -input texts/ -output counts/ -mapper words.awk -reducer ./count.pl -file words.awk -file count.pl
    fanfold streaming --input logs/ --output out/ --mapper "sh -c 'grep error || true'" --reducer NONE --workers 4

    A COMMAND runs without a shell (write sh -c '…' for pipes), in a folder with the shipped files: a reducer once per
    task, a mapper once for each file of its task. A line `reporter:counter:GROUP,NAME,N` on stderr increments a
    counter; `reporter:status:TEXT` and everything else goes to the log. An exit status other than 0 fails the job,
    including that of a grep that matches nothing. Hadoop settings about records, keys, separators, orders, partitions
    and compression take effect, under their old and new names; those that change nothing in a result are accepted, all
    others refused.
    """
    run_and_exit(lambda: _run(options))


_CLASSES = {
    "inputformat": "mapreduce.job.inputformat.class",
    "outputformat": "mapreduce.job.outputformat.class",
    "partitioner": "mapreduce.job.partitioner.class",
}
"""Options that are settings under another name."""


def _run(options: dict[str, Any]) -> int:
    classes = {setting: options[option] for option, setting in _CLASSES.items() if options[option]}
    with Shipment() as shipment:
        for place in [*options["file"], *_listed(options["files"])]:
            shipment.add(place)
        for place in _listed(options["archives"]):
            shipment.add_archive(place)
        bundle = shipment.pack()
    job = Streaming(
        mapper=options["mapper"],
        combiner=options["combiner"],
        reducer=options["reducer"],
        reduces=options["partitions"],
        bundle=bundle,
        environment=options["cmdenv"],
        settings={**options["jobconf"], **classes},
    )
    inputs = [place for places in options["inputs"] for place in separated(places)]
    compiled = with_packages(job.compile(), requirements_of(None, options["requirements"]), target_of(options))
    return run_with_options(compiled, {**options, "inputs": inputs, "partitions": job.partitions or None})


def _listed(given: Sequence[str]) -> list[str]:
    return [place for places in given for place in places.split(",")]
