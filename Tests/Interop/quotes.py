#!/usr/bin/env python3
"""Checks the quotations of specifications in comments, and notes those that are word for word.

    python3 Tests/Interop/quotes.py <bolts> <bips> <blips>

The arguments are git directories or working trees of github.com/lightning/bolts, bitcoin/bips and lightning/blips. A quotation is what stands
between straight double quotes in a comment and has a word of RFC 2119 in capitals; ellipses (…) may leave something out. The hashes of those that
were found go into Tests/TidyTests/Quotes/hashes.txt, by which TidyTests knows them without the specifications; those that were not are printed.
"""
import hashlib
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
REQUIREMENT = re.compile(r"\b(MUST|SHOULD|MAY)\b")


def texts(repository):
    """The specifications of a repository, as one text."""
    def git(*arguments):
        return subprocess.run(["git", "-C", repository, *arguments], capture_output=True, text=True, errors="replace", check=True).stdout

    names = [n for n in git("ls-tree", "-r", "--name-only", "HEAD").split("\n") if re.fullmatch(r"(\d\d|bip|blip)-[^/]*\.(md|mediawiki)", n)]
    if not names:
        sys.exit(f"{repository} holds no specifications")
    return "\n".join(git("show", f"HEAD:{name}") for name in names)


def normalized(text):
    """Without markup, list marks, quotation marks and case: what a reader reads."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"[`*_\\'\"“”‘’]", "", text)
    text = re.sub(r"</?[a-zA-Z][^<>\n]*>", "", text)
    text = re.sub(r"(?m)^\s*(?:[-*+]|\d+\.)\s+", "", text)
    return re.sub(r"\s+", " ", text).lower()


def quotations():
    """Each with the file and line of its comment."""
    for folder in ["Sources", "Tests", "Examples"]:
        for file in sorted((ROOT / folder).rglob("*.swift")):
            lines = file.read_text().split("\n")
            index = 0
            while index < len(lines):
                start, words = index, []
                while index < len(lines) and (match := re.match(r"\s*//+ ?(.*)", lines[index])):
                    words.append(match.group(1).strip())
                    index += 1
                for quote in re.findall(r'"([^"]{12,})"', " ".join(words)):
                    if REQUIREMENT.search(quote):
                        yield f"{file.relative_to(ROOT)}:{start + 1}", quote
                index = max(index, start + 1)


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    specification = normalized("\n".join(texts(path) for path in sys.argv[1:]))
    hashes, failures = set(), 0
    for place, quote in quotations():
        for piece in (piece.strip() for piece in quote.split("…")):
            if not piece:
                continue
            if normalized(piece).strip(" .,;:") in specification:
                hashes.add(hashlib.sha256(piece.encode()).hexdigest()[:16])
            else:
                failures += 1
                print(f"{place}: not in the specifications: {piece}")
    if failures == 0:
        target = ROOT / "Tests/TidyTests/Quotes/hashes.txt"
        target.parent.mkdir(exist_ok=True)
        target.write_text("".join(f"{value}\n" for value in sorted(hashes)))
    print(f"{len(hashes)} pieces of quotations are word for word, {failures} are not")
    sys.exit(1 if failures else 0)


main()
