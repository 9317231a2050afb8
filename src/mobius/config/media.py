"""The settings of films: where they are, how they are judged, and what measuring one may take."""

from __future__ import annotations

from pathlib import PurePosixPath

from mobius.config.figures import COUNT
from mobius.config.kinds import Choice, Duration, Flag, Number, Size, Text
from mobius.config.mistakes import Mistakes, Place
from mobius.config.shapes import ListOf, OrOff
from mobius.config.table import Field, Section, with_defaults_of
from mobius.config.tree import Leaf, Node, Tree, at, merge
from mobius.model.policies import PRESETS
from mobius.model.quality import MediaSettings

GATES = ("container", "sound", "golden")
BEARABLE_FAILURES = (
    3  # in a row: the operations guide's, where the watch judges films and the policy has none
)
_FIGURES = (
    ("ssim", "video", "ssim_threshold"),
    ("lufs_tolerance", "audio", "lufs_tolerance"),
    ("true_peak_tolerance", "audio", "true_peak_tolerance"),
    ("frame_rate_tolerance", "video", "frame_rate_tolerance"),
)


def _figure(key: str, most: float, doc: str) -> Field:
    theirs = next(f"{table}.{name}" for mine, table, name in _FIGURES if mine == key)
    return Field(key, Number(0, most), doc, default_words=f"`quality_gates.{theirs}`")


MEDIA = Section(
    "media",
    with_defaults_of(
        MediaSettings,
        Field("golden", Text("a path"), "The folder of the golden references."),
        Field(
            "latest",
            Text('a pattern of files such as "shared/out/*.mp4"'),
            "The films that the service makes, found as `backup.paths` are. `{game}` in it is the name of each golden.",
        ),
        Field(
            "game",
            Text("the name of a golden", longest=100),
            "The golden of `latest` without `{game}`.",
            default_words="the only one there is",
        ),
        Field(
            "required",
            ListOf(Choice(GATES), "a list of gates: container, sound, golden"),
            "These must answer: one that was skipped fails. The others are asked where there is something to ask.",
        ),
        _figure("ssim", 1, "Least similarity of a frame to the golden's."),
        Field("tile_min", Number(0, 1), "Least similarity of a tile of 64×64 pixels."),
        _figure("lufs_tolerance", 100, "LU that loudness may be away from the golden's."),
        _figure("true_peak_tolerance", 100, "dB that the true peak may be away from the golden's."),
        _figure("frame_rate_tolerance", 1000, "Frames per second that it may be away from the golden's."),
        Field("deep", Flag(), "Decode every frame, and count those that are corrupt."),
        Field("watch", Flag(), "The window judges each new film of `latest`."),
        Field(
            "every",
            OrOff(Duration()),
            "In the window a new film is due at least so often; without one nothing is known.",
            default_words='"off"',
        ),
        Field("memory", Size(), "Most memory for measuring one film."),
        Field("cpu", Duration(), "Most processor time for it."),
        Field("timeout", Duration(), "Longest time for it."),
        Field(
            "workers", Number(0, 256, whole=True), "Films measured at a time; 0 is one for each processor."
        ),
        Field("keep", COUNT, "Reports that stay in `logs/quality`."),
    ),
    "Films: `mobius media`, and the gate on the newest one in the window and before a merge.",
)


def with_gates_of_media(tree: Tree) -> Tree:
    """The tree with what the quality gates say of films, where `media` does not say otherwise; and with the guide's
    limit of failed gates where the window judges films by a policy of ours that has none."""
    media, gates = tree.get("media", {}), tree.get("quality_gates")
    if not isinstance(media, dict):
        return tree
    said: Tree = {}
    for mine, table, theirs in _FIGURES:
        if leaf := at(gates, table, theirs):
            said[mine] = leaf
    tree = tree | {"media": merge(said, media)}
    if at(media, "latest") is None or _is(at(media, "watch"), False):
        return tree
    policy = at(tree, "policy")
    preset = PRESETS.get(str(policy.value) if policy else "adaptive")
    if preset is not None and preset.max_failed_gates is None:
        limit = Leaf(BEARABLE_FAILURES, BEARABLE_FAILURES, Place(""), "default", "media.latest is watched")
        implied: Node = {"max_failed_gates": limit}
        tree = tree | {"thresholds": merge(implied, tree.get("thresholds"))}
    return tree


def check_media(tree: Tree, mistakes: Mistakes) -> None:
    """A pattern that stays where films are, and a golden that it does not name twice."""
    latest, game, every = (at(tree, "media", key) for key in ("latest", "game", "every"))
    if latest:
        rest = latest.value.replace("{game}", "")
        if "{" in rest or "}" in rest:
            mistakes.add(latest.place, 'expected no other braces in it than those of "{game}"')
        if ".." in PurePosixPath(latest.value.replace("\\", "/")).parts:
            mistakes.add(latest.place, 'expected a pattern without ".."')
        if game and "{game}" in latest.value:
            mistakes.add(game.place, 'means nothing with "{game}" in latest')
    elif game:
        mistakes.add(game.place, "means nothing without latest")
    if every and every.value is not None and not latest:
        mistakes.add(every.place, "means nothing without latest")


def _is(leaf: Leaf | None, value: object) -> bool:
    return leaf is not None and leaf.value is value
