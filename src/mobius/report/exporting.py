"""What an export says of itself: its README, its warning, and the lines on the screen."""

from __future__ import annotations

from collections import Counter

from mobius.model.exporting import Contents
from mobius.report.words import counted, printable, size, wrapped

WIDTH = 80
SHOWN_LEFT_OUT = 12


def readme(service: str, environment: str, made: str, contents: Contents) -> str:
    """For whoever opens the archive."""
    told = "Secrets were taken out: by value wherever they are known here, and by their form."
    if contents.with_secrets:
        told = "SECRETS ARE INSIDE: see WARNING-SECRETS-INSIDE.txt."
    return f"""Export of {service}, {environment}, made {made} by mobius.

Check it before you believe it:
  sha256sum -c NAME.zip.sha256     the archive, beside which that file lies
  unzip NAME.zip && sha256sum -c SHA256SUMS

MANIFEST.json   every file with its hash and where it came from, what was taken out of it,
                and every file that was left out, with the reason
configuration/  mobius.toml, every setting in effect with its origin, runbooks, workflows, templates
journal/        runs, releases, backups, and the events of the audit log with their hashes
reports/        the report of each run
evidence/       the signed record of each run, and the public keys
artefacts/      what checks, gates and the watch wrote
dependencies/   what the project declares, and its SBOM where there is one
facts/          of the repository, the dependencies and the system

The head of the audit log was {contents.head or "nothing: no event was written yet"}.
On the host it came from:  mobius audit verify --against NAME.zip

{told}
"""


def warning(service: str, who: str, made: str) -> str:
    """What lies in an archive with secrets."""
    return f"""THIS ARCHIVE HAS SECRETS INSIDE.

{who} asked for it ({service}, {made}) with --include-secrets: passwords, tokens and addresses of
webhooks stand in it as they are. Whoever reads it can use them.

Do not send it by mail or chat, do not attach it to an issue, do not leave it where it is.
Encrypt it (age, gpg), remove it when it has served, and change every secret in it when it was
seen by anybody else.
"""


def lines(contents: Contents) -> list[str]:
    """What went in, by folder; what was taken out; what was left out and why."""
    folders = Counter(
        member.name.partition("/")[0] if "/" in member.name else "." for member in contents.members
    )
    sizes: Counter[str] = Counter()
    taken: Counter[str] = Counter()
    for member in contents.members:
        sizes[member.name.partition("/")[0] if "/" in member.name else "."] += len(member.content)
        taken.update(member.redacted)
    found = [
        f"  {name:<14} {counted(folders[name], 'file'):<12} {size(sizes[name])}" for name in sorted(folders)
    ]
    if taken:
        told = ", ".join(f"{name} {times}×" for name, times in taken.most_common())
        found += wrapped(f"taken out: {told}", WIDTH, "  ", "    ")
    for one in contents.left_out[:SHOWN_LEFT_OUT]:
        found += wrapped(f"left out: {printable(one.name)}: {one.why}", WIDTH, "  ", "    ")
    if len(contents.left_out) > SHOWN_LEFT_OUT:
        more = len(contents.left_out) - SHOWN_LEFT_OUT
        found.append(f"  and {more} more left out: all of them are in MANIFEST.json")
    return found
