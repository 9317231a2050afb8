"""Who has approved a commit: two or more at the head, one of them of operations, none of them its author."""

from __future__ import annotations

from mobius.model.forge import Approvals, GitHubSettings, Pull, Review, ReviewState, Unknown
from mobius.model.verdict import CheckResult, Outcome

APPROVALS, OPERATIONS, OBJECTIONS = "approvals", "operations approval", "changes requested"


def judge_approvals(
    found: Approvals | Unknown | None, wanted: GitHubSettings, *, commit: str = ""
) -> tuple[CheckResult, ...]:
    """`commit`: what must have been approved, "" for the head of the pull request. None: no pull request brought it.
    What could not be had is an ERROR, never a pass."""
    if found is None:
        words = f"no pull request brought {_short(commit)}, so nobody approved it"
        return (
            _result(APPROVALS, Outcome.FAIL, words, "release a commit that was merged by a pull request"),
        )
    if isinstance(found, Unknown):
        return (_result(APPROVALS, Outcome.ERROR, found.reason, found.hint),)
    if commit and not is_of(found.pull, commit):
        if found.pull.merged and not found.pull.merge_commit:
            words = f"GitHub does not say which commit pull request {found.pull.number} was merged as"
            return (_result(APPROVALS, Outcome.ERROR, words, "see that github.api_url is GitHub's API"),)
        words = f"{_short(commit)} is neither the head nor the merge of pull request {found.pull.number}"
        return (
            _result(APPROVALS, Outcome.FAIL, words, "release the commit that was reviewed, or its merge"),
        )
    if commit and found.pull.closed:
        words = f"pull request {found.pull.number} was closed without a merge, whoever approved it before"
        return (_result(APPROVALS, Outcome.FAIL, words, "release what was merged, or open it again"),)
    if commit and found.pull.base != wanted.branch:
        words = f"pull request {found.pull.number} goes into {found.pull.base}, and {wanted.branch} is released from"
        return (
            _result(APPROVALS, Outcome.FAIL, words, "release what was merged there, or set github.branch"),
        )
    return (_count(found, wanted), _operations(found), _objections(found))


def is_of(pull: Pull, commit: str) -> bool:
    """Whether the commit is what the pull request's reviews are about: its head, or the merge of it."""
    return commit.lower() in (pull.head, pull.merge_commit) and bool(commit)


def valid(found: Approvals) -> tuple[list[Review], list[str]]:
    """(the approvals that count, why each of the others does not). One of somebody whose rights are unknown is in
    the first list: it may count."""
    good: list[Review] = []
    others: list[str] = []
    authors = {each.lower() for each in found.authors}
    for review in found.reviews:
        if review.state is ReviewState.DISMISSED:
            others.append(f"{review.reviewer}'s was dismissed")
        if review.state is not ReviewState.APPROVED:
            continue
        if review.is_bot:
            others.append(f"{review.reviewer} is a machine")
        elif review.reviewer.lower() in authors:
            others.append(f"{review.reviewer} made the change")
        elif review.commit != found.pull.head:
            others.append(f"{review.reviewer} approved {_short(review.commit) or 'an unknown commit'}")
        elif review.may_write is False:
            others.append(f"{review.reviewer} may not write here")
        else:
            good.append(review)
    return good, others


def _count(found: Approvals, wanted: GitHubSettings) -> CheckResult:
    good, others = valid(found)
    sure = [review for review in good if review.may_write]
    head = f"at {_short(found.pull.head)} of pull request {found.pull.number}"
    who = f" by {', '.join(review.reviewer for review in sure)}" if sure else ""
    not_counted = f"; not counted: {', '.join(others)}" if others else ""
    words = f"{len(sure)} of {wanted.reviews} approvals {head}{who}{not_counted}"
    if len(sure) >= wanted.reviews:
        return _result(APPROVALS, Outcome.PASS, words)
    if len(good) >= wanted.reviews:
        unsure = ", ".join(review.reviewer for review in good if review.may_write is None)
        hint = "give the token the right to read who may write"
        return _result(APPROVALS, Outcome.ERROR, f"{words}; unknown what {unsure} may do", hint)
    return _result(APPROVALS, Outcome.FAIL, words, f"ask for reviews: {found.pull.url}".rstrip(": "))


def _operations(found: Approvals) -> CheckResult:
    good, _ = valid(found)
    of_ops = [review.reviewer for review in good if review.in_ops and review.may_write]
    if of_ops:
        return _result(OPERATIONS, Outcome.PASS, f"{', '.join(of_ops)} of {found.ops} approved")
    if found.ops_unknown:
        hint = "set github.ops_team or github.ops_reviewers, and give the token the right to read members (read:org)"
        return _result(OPERATIONS, Outcome.ERROR, found.ops_unknown, hint)
    if any(review.in_ops is not False and review.may_write is not False for review in good):
        words = f"it is not known whether an approval of {found.ops} counts"
        return _result(OPERATIONS, Outcome.ERROR, words, "give the token the right to read who may write")
    words = f"nobody of {found.ops or 'operations'} approved {_short(found.pull.head)}"
    return _result(OPERATIONS, Outcome.FAIL, words, f"ask for reviews: {found.pull.url}".rstrip(": "))


def _objections(found: Approvals) -> CheckResult:
    """A request for changes holds until it is taken back or dismissed, also where it is of an older commit; that of
    somebody who may not write here does not."""
    objecting = [
        review.reviewer
        for review in found.reviews
        if review.state is ReviewState.CHANGES_REQUESTED
        and not review.is_bot
        and review.may_write is not False
    ]
    if not objecting:
        return _result(OBJECTIONS, Outcome.PASS, "nobody asks for changes")
    words = f"{', '.join(objecting)} asked for changes"
    return _result(OBJECTIONS, Outcome.FAIL, words, "settle it, and ask for a new review")


def _short(commit: str) -> str:
    return commit[:12]


def _result(name: str, outcome: Outcome, message: str, advice: str = "") -> CheckResult:
    return CheckResult(name, outcome, message, 0.0, advice, group="approvals")
