"""`fanfold streaming`: run programs as a job, under Hadoop Streaming's names for the options or ours."""

from collections.abc import Sequence
from typing import Any

import click

from fanfold.streaming import Streaming, check_format, shipped
from fanfold.verbs.errors import run_and_exit
from fanfold.verbs.run import carry_out
from fanfold.verbs.run import run as run_verb

_REFUSED = {
    "partitioner": "a line's whole key chooses its part",
    "inputreader": "inputs are read as lines",
    "io": "programs read and write lines",
    "archives": "unpack it and ship the folder, as -files FOLDER",
    "cacheArchive": "unpack it and ship the folder, as -files FOLDER",
    "cacheFile": "ship the file, as -file PATH",
    "libjars": "there is no Java here",
    "conf": "write settings as -D NAME=VALUE",
    "fs": "places are paths of this machine, or s3://BUCKET/PATH",
    "jt": "--on argo runs the job as pods",
    "lazyOutput": "each reducer writes its part, an empty one too",
    "background": "`fanfold submit` hands a job to the service and returns",
    "mapdebug": "a failure shows the program's last words on stderr",
    "reducedebug": "a failure shows the program's last words on stderr",
    "verbose": "FANFOLD_DEBUG=1 shows where an error comes from",
    "info": "--help explains the options",
    "help": "--help explains the options",
}


class _HadoopsOwn(click.Command):
    """Says what to do instead for options of Hadoop's that have no counterpart."""

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
    """`NAME=VALUE` of all values; a later one counts."""
    for value in values:
        if not value.partition("=")[0] or "=" not in value:
            raise click.BadParameter(f"{value!r} is no NAME=VALUE", ctx, param)
    return {value.partition("=")[0]: value.partition("=")[2] for value in values}


@click.command(cls=_HadoopsOwn, short_help="Run programs in any language as a job, like Hadoop Streaming.")
@click.option(
    "-input", "--input", "inputs", multiple=True, required=True, metavar="PLACE", help="File or folder; repeatable."
)
@click.option("-output", "--output", required=True, metavar="PLACE", help="Folder for the parts; must not exist.")
@click.option(
    "-mapper", "--mapper", metavar="COMMAND", help="Reads lines, writes `key TAB value` lines  [default: cat]"
)
@click.option(
    "-combiner", "--combiner", metavar="COMMAND", help="A reducer for each split's lines, before they travel."
)
@click.option(
    "-reducer",
    "--reducer",
    metavar="COMMAND",
    help="Reads a part's lines, sorted by key; or NONE, or Hadoop's aggregate  [default: cat]",
)
@click.option(
    "-file",
    "--file",
    "file",
    multiple=True,
    metavar="PATH",
    help="Ship a file or folder, as PATH or PATH#NAME; repeatable.",
)
@click.option("-files", "--files", "files", multiple=True, metavar="PATH,…", help="Ship several.")
@click.option(
    "-numReduceTasks",
    "--partitions",
    type=click.IntRange(0, 10_000),
    metavar="N",
    help="Parts of the output (by the input's size); 0: no reducer.",
)
@click.option(
    "-cmdenv",
    "--cmdenv",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_assignments,
    help="A variable for the programs; repeatable.",
)
@click.option(
    "-D",
    "-jobconf",
    "--jobconf",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_assignments,
    help="A setting of Hadoop's, for programs a variable; repeatable.",
)
@click.option("-inputformat", "--inputformat", metavar="NAME", help="TextInputFormat, which it is without.")
@click.option("-outputformat", "--outputformat", metavar="NAME", help="TextOutputFormat, which it is without.")
def streaming(**options: Any) -> None:
    """Run programs in any language as a job, by the contract and the options of Hadoop Streaming.

    \b
    fanfold streaming -input texts/ -output counts/ -mapper words.awk -reducer ./count.pl -file words.awk -file count.pl
    fanfold streaming --input logs/ --output out/ --mapper "sh -c 'grep error || true'" --reducer NONE --workers 4

    A COMMAND is run without a shell (write sh -c '…' for pipes), in a folder with the shipped files: once for each
    task, a mapper once for each file of it. On stderr `reporter:counter:GROUP,NAME,N` counts, `reporter:status:TEXT`
    and all else goes to the log. A status other than 0 fails the job, as that of grep where nothing matches. Of
    Hadoop's settings, mapreduce.job.reduces, mapreduce.job.name, stream.num.map.output.key.fields and the output's
    compression are followed.
    """
    run_and_exit(lambda: _run(options))


def _run(options: dict[str, Any]) -> int:
    own = {name: options.pop(name) for name in ("mapper", "combiner", "reducer", "file", "files", "cmdenv", "jobconf")}
    for name in filter(None, (options.pop("inputformat"), options.pop("outputformat"))):
        check_format(name)
    request = Streaming(
        own["mapper"],
        own["combiner"],
        own["reducer"],
        options["partitions"],
        shipped([*own["file"], *(path for several in own["files"] for path in several.split(","))]),
        own["cmdenv"],
        own["jobconf"],
    )
    options["partitions"] = request.partitions or None
    return carry_out(request.authored(), options)


_OWN = {param.name for param in streaming.params}
streaming.params += [param for param in run_verb.params if param.name not in {"job", *_OWN}]
