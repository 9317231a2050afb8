"""From what was found of a running service to everything its adoption will do; or every reason why it cannot be."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mobius.errors import GateFailed
from mobius.model.adoption import Adoption, FileChange, Listening, ProxyFound, Timer, UnitFound
from mobius.rules.adopting_carry import Carried, carried
from mobius.rules.adopting_config import Wanted, environment_file, extended_file, new_file
from mobius.rules.adopting_nginx import with_edits
from mobius.rules.adopting_port import moved

LONGEST_SOCKET = 103  # bytes of the path of a Unix socket
EPHEMERAL = 32_768  # ports from here on are handed out by the kernel
REACHED = ("127.0.0.1", "0.0.0.0", "::", "::ffff:127.0.0.1")
PLAIN_PATH = re.compile(r"/[A-Za-z0-9._/@+-]+")


@dataclass(frozen=True, slots=True)
class Looked:
    """Everything that was found by looking. `proxies`: those that dial the service."""

    unit: UnitFound
    listening: tuple[Listening, ...]
    proxies: tuple[ProxyFound, ...]
    proxy_texts: Mapping[str, str]  # of every file of the proxy, as Latin-1: a character is a byte
    file_env: Mapping[str, Mapping[str, str]]
    service: str
    environment: str
    project: str
    root: str
    tree: str
    tree_digest: str
    tag: str
    is_git: bool
    config: str | None  # mobius.toml as it is there
    health: str
    url: str = ""  # said by a person
    variable: str = ""  # the variable with the port, said by a person
    only_there: tuple[str, ...] = ()  # what lies in the tree and no release will bring
    links: tuple[str, ...] = ()
    timers: tuple[Timer, ...] = ()
    owner: str = "root"  # of the project: who runs mobius
    owner_groups: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()  # files of the proxy that the owner may not read


def adoption(looked: Looked) -> Adoption:
    """Everything that will be done. Raises `GateFailed` (3) with every reason at once, each with what to change."""
    found = _Looking(looked)
    if found.blockers:
        raise GateFailed(
            f"{looked.unit.name} cannot be adopted as it is; nothing was changed",
            "change that, then mobius adopt again",
            details=tuple(dict.fromkeys(found.blockers)),
        )
    return found.adoption()


class _Looking:
    def __init__(self, looked: Looked) -> None:
        self.looked = looked
        self.unit = looked.unit
        self.where = ""
        self.blockers: list[str] = list(_of_the_unit(looked))
        self.web = self._web()
        self.carried: Carried = carried(
            looked.unit, looked.file_env, port=self.web.port, root=looked.root, tree=looked.tree
        )
        self.blockers += self.carried.blockers
        self.proxy = looked.proxies[0] if looked.proxies else ProxyFound("nginx", "", "")
        self.blockers += _of_the_proxy(looked)
        self.start = self._start()
        self.url = looked.url or self.proxy.url
        if not self.url and looked.proxies and not self.proxy.blockers:
            self.blockers.append(
                "the address of the service cannot be told from the proxy: add --url http://…"
            )
        self.blockers += _of_the_places(looked)

    def adoption(self) -> Adoption:
        looked, unit = self.looked, self.unit
        secret = f"shared/{self.process}.env" if self.carried.secret_env else ""
        wanted = Wanted(
            service=looked.service,
            environment=looked.environment,
            unit=unit.name,
            process=self.process,
            start=self.start,
            url=self.url,
            health=looked.health,
            proxy=self.proxy.kind,
            proxy_config=self.proxy.config,
            user=unit.user or "root",
            group=unit.group,
            carried=self.carried,
            env_file=secret,
            source="git" if looked.is_git else ".",
            links=looked.links,
            traffic=self._traffic(),
        )
        text = new_file(wanted) if looked.config is None else extended_file(looked.config, wanted)
        project_files = [_changed(f"{looked.project}/mobius.toml", looked.config, text)]
        if secret:
            values = environment_file(self.carried.secret_env)
            project_files.append(FileChange(f"{looked.root}/{secret}", None, values.encode()))
        both = hashlib.sha256(f"{looked.tree_digest}\0{unit.name}".encode()).hexdigest()
        return Adoption(
            service=looked.service,
            environment=looked.environment,
            unit=unit.name,
            enabled=unit.enabled,
            port=self.web.port,
            process=self.process,
            release_id=f"adopted-{both[:8]}",
            tag=looked.tag or "adopted",
            tree=looked.tree,
            root=looked.root,
            url=self.url,
            health=looked.health,
            proxy=self.proxy.kind,
            proxy_unit=self.proxy.unit,
            proxy_config=self.proxy.config,
            proxy_user=self.proxy.user,
            proxy_files=tuple(self._proxy_files()),
            project_files=tuple(project_files),
            links=tuple((name, f"{looked.tree}/{name}") for name in looked.links),
            notes=tuple(dict.fromkeys(self._notes())),
        )

    @property
    def process(self) -> str:
        """What the process is called: as its unit is, where that says more than the service's name."""
        stem = self.unit.name.removesuffix(".service").partition("@")[0]
        proper = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}", stem) and stem not in (
            self.looked.service,
            "run",
        )
        return stem if proper else "web"

    def _web(self) -> Listening:
        """What the proxy dials, among what the service listens on."""
        looked = self.looked
        dialled = {p.dials for p in looked.proxies}
        mine = [
            each
            for each in looked.listening
            if each.port and any(dial.endswith(f":{each.port}") for dial in dialled)
        ]
        sockets = [each for each in looked.listening if each.path]
        if mine:
            return mine[0]
        if sockets and not any(each.port for each in looked.listening):
            self.blockers.append(
                f"it listens on {sockets[0].path}: let it listen on a TCP port (the proxy may go on dialling"
                " that), for mobius gives each release a port of its own"
            )
        return next((each for each in looked.listening if each.port), Listening(0))

    def _start(self) -> tuple[str, ...]:
        looked, port = self.looked, self.web.port
        if not port or not self.unit.argv:
            return ()
        found = moved(
            self.unit.argv,
            port,
            unit_env=self.unit.environment,
            file_env=looked.file_env,
            variable=looked.variable,
        )
        if found is None:
            self.blockers.append(
                f"nothing says where its port {port} is set (no argument, no variable of the unit): two releases"
                " of it could not run beside each other. Let it read PORT; if it does already, and takes"
                f" {port} without it, add --port-variable PORT"
            )
            return ()
        self.where = found.where
        return tuple(_relative(word, looked.tree) for word in found.start)

    def _traffic(self) -> dict[str, str]:
        """What [traffic] says besides kind and config. HAProxy comes to no socket of ours: we come to its."""
        group = self.proxy.group if self.proxy.kind != "haproxy" else ""
        return {**({"group": group} if group else {}), **self.proxy.traffic}

    def _proxy_files(self) -> Iterator[FileChange]:
        for path in dict.fromkeys(edit.file for edit in self.proxy.edits):
            text = self.looked.proxy_texts[path]
            after = with_edits(text, [edit for edit in self.proxy.edits if edit.file == path])
            yield FileChange(path, text.encode("latin-1"), after.encode("latin-1"))

    def _notes(self) -> Iterator[str]:
        looked = self.looked
        yield f"its port is set by {self.where}; another release gets another one there"
        yield from self.proxy.notes
        yield from self.carried.notes
        for word in self.start:
            if looked.tree in word:
                yield f"{word} names {looked.tree}, where the next release is not"
        left = [name for name in looked.only_there if name not in looked.links]
        if left:
            yield (
                f"only in {looked.tree}, in no release: {', '.join(left)}. What is data or configuration there"
                " needs --link NAME, so that the next release finds the same"
            )
        for timer in looked.timers:
            yield f"{timer.name} ({timer.starts}) is left as it is: it goes on with the files in {looked.tree}"
        also = [str(each) for each in looked.listening if each.port >= EPHEMERAL and each != self.web]
        if also:
            yield f"it listens on {', '.join(also)} as well; a second release must get others there"


def undone(change: FileChange, there: bytes) -> bytes | None:
    """The file as somebody else changed it since, with our change alone taken back; None where that is not clear."""
    if change.before is None:
        return None
    before, after = change.before.splitlines(keepends=True), change.after.splitlines(keepends=True)
    made = there
    for old, new in _hunks(before, after):
        if made.count(new) != 1 or not new:
            return None
        made = made.replace(new, old)
    return made


def _hunks(before: list[bytes], after: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    import difflib

    for kind, i, j, k, end in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind != "equal":
            yield b"".join(before[i:j]), b"".join(after[k:end])


def _of_the_unit(looked: Looked) -> Iterator[str]:
    unit = looked.unit
    far = [
        str(each) for each in looked.listening if 0 < each.port < EPHEMERAL and each.address not in REACHED
    ]
    if far:
        yield f"it listens on {far[0]}, where this machine's own programs do not come: let it listen on 127.0.0.1"
    if not unit.main_pid:
        yield f"{unit.name} does not run: systemctl start {unit.name}"
    elif not looked.listening:
        yield f"no process of {unit.name} listens on anything"
    more = [each for each in looked.listening if 0 < each.port < EPHEMERAL]
    ports = sorted({each.port for each in more})
    if len(ports) > 1:
        yield (
            f"it listens on several ports ({', '.join(map(str, ports))}): a second release beside it could not have"
            " the same; move what is not its main port into a variable, or into a service of its own"
        )


def _of_the_proxy(looked: Looked) -> Iterator[str]:
    if not looked.proxies:
        dialled = ", ".join(str(each) for each in looked.listening) or "it"
        yield f"no proxy was found that dials {dialled}: say which file does, --proxy FILE"
    elif len(looked.proxies) > 1:
        named = " and ".join(proxy.config for proxy in looked.proxies)
        yield f"{named} both dial it: say which one is in front, --proxy FILE"
    else:
        proxy = looked.proxies[0]
        yield from proxy.blockers
        if proxy.group and looked.owner != "root" and proxy.group not in looked.owner_groups:
            yield (
                f"{looked.owner}, who owns this folder and so runs mobius, cannot let {proxy.kind} to its socket:"
                f" usermod -aG {proxy.group} {looked.owner}"
            )
        for path in looked.unreadable:
            yield f"{looked.owner} may not read {path}, which every deployment looks at: chmod o+r {path}"


def _of_the_places(looked: Looked) -> Iterator[str]:
    if not looked.tree.strip("/"):
        yield "its unit has no WorkingDirectory: say where its files are, --tree DIR"
    elif f"{looked.root}/".startswith(f"{looked.tree}/"):
        yield (
            f"this folder lies in {looked.tree}, which is release 0 from now on: a checkout here would change it"
            " under the running service. Clone the repository beside it and run mobius adopt there"
        )
    if not PLAIN_PATH.fullmatch(looked.root):
        yield f"the path {looked.root} has characters that no proxy's file should hold: use a plainer folder"
    socket = f"{looked.root}/live/web.sock"
    if len(socket.encode()) > LONGEST_SOCKET:
        yield f"{socket} is too long for a Unix socket (at most {LONGEST_SOCKET} bytes): use a shorter folder"


def _relative(word: str, tree: str) -> str:
    """A path into the tree becomes one in the release, where the command is started."""
    return word.removeprefix(f"{tree}/") if word.startswith(f"{tree}/") else word


def _changed(path: str, before: str | None, after: str) -> FileChange:
    return FileChange(path, None if before is None else before.encode(), after.encode())
