"""The README's picture: run the demo and draw what it prints as a terminal (docs/demo.svg). `make picture`."""

import subprocess
import sys
from html import escape
from pathlib import Path

TARGET = Path(__file__).parents[1] / "docs" / "demo.svg"
CHARACTER, LINE, MARGIN = 8.4, 19, 20
PAPER, INK, SOFT, COMMAND, TITLE = "#16181d", "#d8dee9", "#8b93a3", "#a3be8c", "#88c0d0"


def main() -> None:
    """Run the demo and write the picture."""
    told = subprocess.run(
        [sys.executable, "-m", "fanfold_client.local.demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=True,
    )
    TARGET.write_text(draw(told.stdout.decode().rstrip().split("\n")))
    print(f"wrote {TARGET.relative_to(Path.cwd())}")


def draw(lines: list[str]) -> str:
    """An SVG of terminal lines; commands and headings stand out."""
    width = max(map(len, lines)) * CHARACTER + 2 * MARGIN
    height = len(lines) * LINE + 2 * MARGIN
    rows = [
        f'<text x="{MARGIN}" y="{MARGIN + LINE * (number + 0.8):.1f}" fill="{colour(line)}">{escape(line)}</text>'
        for number, line in enumerate(lines)
        if line.strip()
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img" '
        'aria-label="The demo: log in, upload, submit word count, look at the results">\n'
        f'<rect width="100%" height="100%" rx="10" fill="{PAPER}"/>\n'
        '<g font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14" xml:space="preserve">\n'
        + "\n".join(rows)
        + "\n</g>\n</svg>\n"
    )


def colour(line: str) -> str:
    """Commands green, numbered headings blue, progress soft."""
    if line.startswith("$"):
        return COMMAND
    if line[:1].isdigit() and line[1:2] == ".":
        return TITLE
    return SOFT if line.startswith(("upload", "split", "map", "reduce")) else INK


if __name__ == "__main__":
    main()
