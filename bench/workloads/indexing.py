"""An inverted index of 2,000 documents, beside a bare script in one process and Spark."""

from typing import Any

from bench.harness import answers, inputs
from bench.harness.commands import bare, fanfold, spark
from bench.harness.ways import Way, in_turn

SIZE, DOCUMENTS = 80_000_000, 2_000


def index(scale: float) -> dict[str, Any]:
    """Each word with the documents that it stands in."""
    count = max(4, round(DOCUMENTS * scale))
    size = count * (SIZE // DOCUMENTS)
    source = inputs.warm(inputs.documents(size, count))
    ways = {
        "fanfold": Way(fanfold("examples/reverse_index.py", source), watch_memory=True),
        "bare": Way(bare("index_bare.py", source), watch_memory=True),
        **spark("index_spark.py", source),
    }
    return {"bytes": size, "documents": count, "ways": in_turn(ways, answers.lines)}
