"""The examples, each run by two workers over many splits and compared with plain Python; and the page with them."""

import csv
import json
import random
import re
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "coming-from.md"
WORD = re.compile(r"[\w']+")


def run(example, output, *inputs):
    """The output's lines, and the counters."""
    given = [word for place in inputs for word in ("--input", str(place))]
    command = [sys.executable, str(ROOT / "examples" / example), *given, "--output", str(output), "--workers", "2"]
    told = subprocess.run([*command, "--split-size", "1KiB", "--json"], check=True, capture_output=True, text=True)
    parts = [file.read_text().splitlines() for file in sorted(output.glob("part-*"))]
    return [line for part in parts for line in part], json.loads(told.stdout)["counters"]


@pytest.fixture
def texts(tmp_path):
    chance = random.Random(5)
    words = ["The", "the", "dog's", "naïve", "don't", "end.", "so,", *(f"word{number}" for number in range(60))]
    folder = tmp_path / "texts"
    for number in range(4):
        file = folder / f"{number % 2}" / f"{number}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(" ".join(chance.choices(words, k=chance.randint(0, 9))) + "\n" for _ in range(150)))
    return folder


def lines(texts):
    return [line for file in sorted(texts.rglob("*.txt")) for line in file.read_text().splitlines()]


def counted(words):
    return [f"{word}\t{count}" for word, count in sorted(Counter(words).items())]


@pytest.mark.parametrize("example", ["wordcount.py", "wordcount_in_columns.py"])
def test_word_count(example, texts, tmp_path):
    assert run(example, tmp_path / "out", texts)[0] == counted(word for line in lines(texts) for word in line.split())


def test_word_frequency_with_combiner_hooks_and_counters(texts, tmp_path):
    found, counters = run("word_frequency.py", tmp_path / "out", texts)
    words = [word.lower() for line in lines(texts) for word in WORD.findall(line)]
    assert found == counted(words)
    assert counters["words"] == {"seen": len(words)}
    assert counters["lines"] == {"without words": sum(not WORD.findall(line) for line in lines(texts))}


def test_most_used_word_in_two_steps(texts, tmp_path):
    words = Counter(word.lower() for line in lines(texts) for word in WORD.findall(line))
    count, word = max((count, word) for word, count in words.items())
    assert run("most_used_word.py", tmp_path / "out", texts)[0] == [f"{count}\t{word}"]


def test_reverse_index(texts, tmp_path):
    files = sorted(texts.rglob("*.txt"))
    places: dict[str, list[str]] = {word: [] for file in files for word in file.read_text().split()}
    for file in files:
        for word in set(file.read_text().split()):
            places[word].append(file.relative_to(texts).as_posix())
    expected = [f"{word}\t{' '.join(places[word])}" for word in sorted(places)]
    assert run("reverse_index.py", tmp_path / "out", texts)[0] == expected


def test_sales_by_day(tmp_path):
    chance = random.Random(8)
    sales = [
        (chance.choice("ab"), f"2020-01-{chance.randint(1, 9):02d}", f"{chance.randint(1, 999) / 100:.2f}", number / 8)
        for number in range(200)
    ]
    table = "".join(",".join(map(str, sale)) + "\n" for sale in sales)
    (tmp_path / "sales.csv").write_text(f"shop,day,price,seconds\n{table}")
    groups: dict[tuple[str, str], list[tuple[Decimal, float]]] = {}
    for shop, day, price, seconds in sales:
        groups.setdefault((shop, day), []).append((Decimal(price), seconds))
    found = run("sales_by_day.py", tmp_path / "out", tmp_path / "sales.csv")[0]
    assert sorted(line for line in found if not line.startswith("shop")) == [
        f"{shop},{day},{len(group)},{sum(cost for cost, _ in group)},{max(s for _, s in group)},{len(group) / 200}"
        for (shop, day), group in sorted(groups.items())
    ]


def test_join(tmp_path):
    chance = random.Random(7)
    users = [(str(number), f"name, {number}") for number in range(200) if number % 5]
    orders = [(str(chance.randrange(200)), f"thing {number}") for number in range(600)]
    for name, head, rows in (("users", ("id", "name"), users), ("orders", ("user", "what"), orders)):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([head, *rows])
    given = [f"{name}={tmp_path / name}.csv" for name in ("users", "orders")]
    names = dict(users)
    expected = [f"{names[user]}\t{what}" for user in sorted(names) for ordering, what in orders if ordering == user]
    assert run("join.py", tmp_path / "out", *given)[0] == expected


def test_secondary_sort(tmp_path):
    chance = random.Random(9)
    visits = [(f"user{chance.randrange(9)}", chance.randrange(3000), f"page{number}") for number in range(500)]
    (tmp_path / "visits.txt").write_text("".join(f"{user}\t{minute}\t{page}\n" for user, minute, page in visits))
    expected = []
    for user in sorted({user for user, _, _ in visits}):
        last = None
        for minute, page in sorted((minute, page) for who, minute, page in visits if who == user):
            if last is None or minute - last > 30:
                expected.append(f"{user}\t{page}")
            else:
                expected[-1] += f" {page}"
            last = minute
    assert run("secondary_sort.py", tmp_path / "out", tmp_path / "visits.txt")[0] == expected


def test_programs_by_hadoop_streamings_options(texts, tmp_path):
    words = "-files words.awk,count.pl -mapper words.awk -combiner count.pl -reducer count.pl"
    count = f"fanfold streaming {words} -input texts/ -output counts/"
    assert count in re.sub(r"\\\n +", "", PAGE.read_text()), "it is what the page tells"
    place = str(tmp_path / "counts"), str(tmp_path / "sorted")
    for given in (
        [*count.split()[1:-3], str(texts), "-output", place[0]],
        ["streaming", "-mapper", "cat", "-reducer", "cat", "-input", str(texts), "-output", place[1]],
    ):
        command = [sys.executable, "-m", "fanfold_client", *given, "--split-size", "1KiB", "--workers", "2"]
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT / "examples" / "streaming")
    counts, in_order = (Path(folder, "part-00000.txt").read_text().splitlines() for folder in place)
    assert counts == counted(word.lower() for line in lines(texts) for word in line.split())
    assert in_order == sorted(lines(texts))


def test_the_page_shows_the_examples_as_they_are():
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    ours = [block for block in blocks if "from fanfold import" in block]
    for block in blocks:
        compile(block, PAGE.name, "exec")
    sources = {file.name: file.read_text() for file in (ROOT / "examples").glob("*.py")}
    shown = [name for block in ours for name, source in sources.items() if block.rstrip() in source]
    assert len(shown) == len(ours) == len(set(shown))
    assert set(shown) == set(sources) - {"wordcount.py", "wordcount_in_columns.py", "sales_by_day.py"}
