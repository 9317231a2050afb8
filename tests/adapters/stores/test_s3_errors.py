"""What goes wrong with S3, in words with the next step, and never with a credential in them."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from mobius.adapters.stores import s3_requests
from mobius.adapters.stores.agreed import Deadline
from mobius.adapters.stores.s3 import S3Store
from mobius.adapters.stores.s3_place import s3_place
from mobius.errors import MobiusError, UsageError
from mobius.model.settings import StoreSettings
from mobius.model.verdict import Outcome
from s3_server import ENVIRON, REGION, S3Server, s3_server

SECRET = ENVIRON["AWS_SECRET_ACCESS_KEY"]


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        running.make_bucket()
        yield running


@pytest.fixture(scope="module")
def strict() -> Iterator[tuple[S3Server, Mapping[str, str]]]:
    """A server that checks signatures and rights, and the keys of a user who may do nothing."""
    with s3_server(INITIAL_NO_AUTH_ACTION_COUNT="4") as running:
        running.make_bucket()
        import boto3

        iam = boto3.client(
            "iam",
            endpoint_url=running.endpoint,
            region_name="us-east-1",
            aws_access_key_id="first",
            aws_secret_access_key="first-secret",
        )
        iam.create_user(UserName="nobody")
        keys = iam.create_access_key(UserName="nobody")["AccessKey"]
        iam.list_users()  # the fourth: from here on everybody is asked who they are
        yield (
            running,
            {"AWS_ACCESS_KEY_ID": keys["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"]},
        )


def problem_of(store: S3Store, tmp_path: Path, name: str = "a.zip", size: int = 10) -> MobiusError:
    """What creating says, after it was held to saying nothing of a secret."""
    path = tmp_path / name
    path.write_bytes(b"x" * size)
    sha256 = s3_requests.hashlib.sha256(b"x" * size).hexdigest()
    with pytest.raises(MobiusError) as raised:
        store.create(name, path, sha256=sha256, progress=lambda _: None)
    problem = raised.value
    everything = f"{problem} {problem.hint} {problem.__cause__!r}"
    assert SECRET not in everything
    assert "Signature=" not in everything
    return problem


def test_a_bucket_that_is_not_there_is_named(server: S3Server, tmp_path: Path) -> None:
    problem = problem_of(S3Store(server.settings("nowhere"), ENVIRON), tmp_path)
    assert problem.message == (
        "s3://nowhere/of/mobius/a.zip could not be written: there is no bucket nowhere"
    )
    assert problem.hint == "create it, or set store.url in mobius.toml"
    seen = S3Store(server.settings("nowhere"), ENVIRON).preflight()
    assert seen.outcome is Outcome.ERROR
    assert "there is no bucket nowhere" in seen.message


def test_a_key_that_the_store_does_not_know_is_said_to_be_wrong(
    strict: tuple[S3Server, Mapping[str, str]], tmp_path: Path
) -> None:
    problem = problem_of(S3Store(strict[0].settings(), ENVIRON), tmp_path)
    assert problem.message == (
        "s3://copies/of/mobius/a.zip could not be looked at:"
        " the store does not accept the access key (AWS_ACCESS_KEY_ID)"
    )
    assert problem.hint.startswith("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the AWS profile")
    assert problem.details[0].startswith("the store said: InvalidAccessKeyId: ")


def test_a_wrong_secret_is_said_to_be_wrong(
    strict: tuple[S3Server, Mapping[str, str]], tmp_path: Path
) -> None:
    wrong = {**strict[1], "AWS_SECRET_ACCESS_KEY": SECRET}
    problem = problem_of(S3Store(strict[0].settings(), wrong), tmp_path)
    assert "the store does not accept the access key" in problem.message
    assert problem.details[0].startswith("the store said: SignatureDoesNotMatch")


def test_what_a_key_may_not_do_is_said_with_the_rights_it_needs(
    strict: tuple[S3Server, Mapping[str, str]], tmp_path: Path
) -> None:
    problem = problem_of(S3Store(strict[0].settings(), strict[1]), tmp_path)
    assert problem.message == (
        "s3://copies/of/mobius/a.zip could not be looked at: this key may not do that in copies"
    )
    assert problem.hint.startswith("allow it s3:ListBucket, ")


def test_our_own_signature_is_accepted_where_signatures_are_checked(
    strict: tuple[S3Server, Mapping[str, str]],
) -> None:
    """Refused for its rights, so not for its signature: moto recomputes that with botocore."""
    place = s3_place(strict[0].settings(), strict[1])
    assert place.keys is not None
    requests = s3_requests.S3Requests(place, place.keys)
    with pytest.raises(s3_requests.Refused) as no:
        requests.send(
            "GET", "of/mobius/a b+ü.zip", {"uploads": "", "x y": "ä/+"}, deadline=Deadline(20), doing="x"
        )
    assert no.value.refusal.code == "AccessDenied"


def test_an_endpoint_that_nobody_answers_is_named_soon(server: S3Server, tmp_path: Path) -> None:
    began = time.monotonic()
    settings = server.settings(endpoint="http://127.0.0.1:9", timeout_s=5.0)
    problem = problem_of(S3Store(settings, ENVIRON), tmp_path)
    assert problem.message == (
        "s3://copies/of/mobius/a.zip could not be looked at:"
        " http://127.0.0.1:9 cannot be reached: the connection was refused"
    )
    assert problem.hint == (
        "check the network and store.endpoint in mobius.toml: curl -sS http://127.0.0.1:9"
    )
    assert time.monotonic() - began < 20


def test_a_name_that_does_not_exist_is_said_to_be_unknown(server: S3Server, tmp_path: Path) -> None:
    settings = server.settings(endpoint="http://store.invalid", timeout_s=5.0)
    problem = problem_of(S3Store(settings, ENVIRON), tmp_path)
    assert "http://store.invalid cannot be reached: its name is not known" in problem.message


class Answering(BaseHTTPRequestHandler):
    """Always the same answer: `status`, `body`, and a clock that is `ahead_s` of ours."""

    status, body, ahead_s, wait_s = 403, b"", 0.0, 0.0

    def do_HEAD(self) -> None:
        time.sleep(self.wait_s)
        self.send_response_only(self.status)
        self.send_header("Date", formatdate(time.time() + self.ahead_s, usegmt=True))
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(self.body)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def answering(
    status: int, body: str, *, ahead_s: float = 0.0, wait_s: float = 0.0, tls: Any = None
) -> Iterator[str]:
    handler = type(
        "Handler",
        (Answering,),
        {"status": status, "body": body.encode(), "ahead_s": ahead_s, "wait_s": wait_s},
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def error(code: str, message: str) -> str:
    return (
        f"<Error><Code>{code}</Code><Message>{message}</Message><StringToSign>{SECRET}</StringToSign></Error>"
    )


def at(endpoint: str, **changes: Any) -> S3Store:
    settings = StoreSettings(url="s3://copies/p", endpoint=endpoint, region=REGION, timeout_s=20.0)
    return S3Store(replace(settings, **changes), ENVIRON)


def test_clocks_that_differ_too_much_are_named(tmp_path: Path) -> None:
    said = error(
        "RequestTimeTooSkewed", "The difference between the request time and the server's is too large."
    )
    with answering(403, said, ahead_s=7200) as endpoint:
        problem = problem_of(at(endpoint), tmp_path)
        assert "the clock here and the store's differ too much" in problem.message
        assert problem.hint == "timedatectl set-ntp true"
        requests = at(endpoint)._requests
        assert requests is not None
        with pytest.raises(s3_requests.Refused) as no:
            requests.send("GET", "x", {}, deadline=Deadline(5), doing="x")
    from mobius.adapters.stores.s3_words import refused

    words = refused(requests.place, "x", no.value.refusal, now=time.time())
    assert words.message == "x: the clock here and the store's differ too much, by 120 min"


def test_a_bucket_of_another_region_is_said_to_be_there(tmp_path: Path) -> None:
    with answering(301, error("PermanentRedirect", "Send it to eu-west-3.")) as endpoint:
        problem = problem_of(at(endpoint), tmp_path)
    assert f"the bucket copies is not in the region {REGION}" in problem.message
    assert problem.hint == "set store.region in mobius.toml (and store.endpoint, if it is set)"


def test_a_store_that_stays_busy_is_given_up_with_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_requests, "ATTEMPTS", 2)
    with answering(503, error("SlowDown", "Please reduce your request rate.")) as endpoint:
        requests = at(endpoint)._requests
        assert requests is not None
        with pytest.raises(s3_requests.Refused) as no:
            requests.send("GET", "x", {}, deadline=Deadline(5), doing="x")
    from mobius.adapters.stores.s3_words import refused

    words = refused(requests.place, "x", no.value.refusal, now=time.time())
    assert str(words) == (
        "x: the store is busy or failing, and was asked several times\n"
        "  the store said: SlowDown: Please reduce your request rate."
    )
    assert words.hint == "do it again later: it goes on"


def test_a_store_that_does_not_answer_is_left_when_the_time_is_over(tmp_path: Path) -> None:
    began = time.monotonic()
    with answering(200, "", wait_s=15.0) as endpoint:
        problem = problem_of(at(endpoint, timeout_s=2.0), tmp_path)
        took_s = time.monotonic() - began
    assert f"{endpoint} cannot be reached: it did not answer in time" in problem.message
    assert took_s < 12


def test_a_certificate_that_nobody_vouches_for_is_refused_and_a_known_one_is_taken(
    tmp_path: Path,
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    with answering(404, error("NoSuchBucket", "None."), tls=context) as endpoint:
        problem = problem_of(at(endpoint, timeout_s=5.0), tmp_path)
        assert f"{endpoint} cannot be reached: its certificate is not trusted" in problem.message
        settings = StoreSettings(url="s3://copies/p", endpoint=endpoint, region=REGION, timeout_s=20.0)
        known = S3Store(settings, {**ENVIRON, "AWS_CA_BUNDLE": str(bundle)})
        assert "there is no bucket copies" in problem_of(known, tmp_path).message
        requests = known._requests
        assert requests is not None
        with pytest.raises(s3_requests.Refused):
            requests.send("GET", "x", {}, deadline=Deadline(5), doing="x")


def test_without_obstore_it_says_how_to_get_it() -> None:
    program = (
        "import sys; sys.modules['obstore'] = None\n"
        "from mobius.adapters.stores.s3 import S3Store\n"
        "from mobius.model.settings import StoreSettings\n"
        "from mobius.errors import MobiusError\n"
        "store = S3Store(StoreSettings(url='s3://copies/p'), {})\n"
        "try: store.look('a.zip')\n"
        "except MobiusError as problem: print(problem.message, '|', problem.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == (
        "s3://copies/p/ cannot be used: obstore is not installed | pip install 'mobius[s3]'\n"
    )


def test_an_address_with_a_password_is_refused_without_repeating_it() -> None:
    for url, endpoint in (("s3://key:hidden@b/p", ""), ("s3://b/p", "https://key:hidden@store.example")):
        with pytest.raises(UsageError) as refused:
            s3_place(StoreSettings(url=url, endpoint=endpoint), {})
        assert "holds a user or a password" in refused.value.message
        assert "hidden" not in f"{refused.value} {refused.value.hint}"


def test_keys_come_from_the_variables_or_the_files_of_the_profile(tmp_path: Path) -> None:
    settings = StoreSettings(url="s3://b/p/")
    files = {
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_PROFILE": "offsite",
    }
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = A\naws_secret_access_key = a\n"
        "[offsite]\naws_access_key_id = B\naws_secret_access_key = b%()s\naws_session_token = t\n"
    )
    (tmp_path / "config").write_text(
        "[profile offsite]\nregion = eu-west-3\nendpoint_url = https://store.example/\n"
    )
    place = s3_place(settings, files)
    assert place.keys is not None
    assert (place.keys.access_key, place.keys.secret, place.keys.token) == ("B", "b%()s", "t")
    assert (place.bucket, place.prefix, place.region) == ("b", "p/", "eu-west-3")
    assert place.endpoint == "https://store.example"
    assert place.url("x.zip") == "s3://b/p/x.zip"
    assert "b%" not in repr(place)
    both = s3_place(settings, {**files, **ENVIRON})
    assert both.keys is not None
    assert both.keys.access_key == ENVIRON["AWS_ACCESS_KEY_ID"]
    assert s3_place(replace(settings, region="eu-north-1"), files).region == "eu-north-1"
    nobody = s3_place(settings, {"HOME": str(tmp_path / "nobody")})
    assert (nobody.keys, nobody.endpoint) == (None, "https://s3.us-east-1.amazonaws.com")


def test_a_broken_credentials_file_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "c").write_text(f"{SECRET} without a section\n")
    with pytest.raises(UsageError) as refused:
        s3_place(StoreSettings(url="s3://b"), {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "c")})
    assert SECRET not in f"{refused.value} {refused.value.hint}"
    store = S3Store(StoreSettings(url="s3://b"), {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "c")})
    assert store.preflight().outcome is Outcome.ERROR  # and nothing before: every command makes a store


def test_the_role_of_a_machine_is_used_where_there_are_no_keys(server: S3Server, tmp_path: Path) -> None:
    """obstore fetches them from the address that the container names; an upload then goes whole."""
    keys = {
        "AccessKeyId": "ASIAROLE",
        "SecretAccessKey": SECRET,
        "Token": "token-of-the-role",
        "Expiration": "2099-01-01T00:00:00Z",
    }
    path = tmp_path / "large.zip"
    path.write_bytes(bytes(range(256)) * (20 << 12))
    program = (
        "import hashlib, json, sys\nfrom pathlib import Path\n"
        "from mobius.adapters.stores.s3 import S3Store\nfrom mobius.model.settings import StoreSettings\n"
        "import os\ngiven = json.loads(sys.argv[1])\n"
        "store = S3Store(StoreSettings(**given['settings']), os.environ)\n"
        "path = Path(given['path'])\nsha256 = hashlib.sha256(path.read_bytes()).hexdigest()\n"
        "made = store.create('role.zip', path, sha256=sha256, progress=lambda _: None)\n"
        "print(json.dumps([made.sent_bytes, made.checked, made.remark]))\n"
    )
    settings = server.settings()
    given = {
        "settings": {"url": settings.url, "endpoint": settings.endpoint, "region": settings.region},
        "path": str(path),
    }
    with answering(200, json.dumps(keys)) as endpoint:
        environ = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{endpoint}/role",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token"),
            "HOME": str(tmp_path),
        }
        (tmp_path / "token").write_text("of the pod")
        done = subprocess.run(
            [sys.executable, "-c", program, json.dumps(given)],
            env=environ,
            stdout=subprocess.PIPE,
            check=True,
        )
    sent, checked, remark = json.loads(done.stdout)
    assert (sent, checked) == (20 << 20, "read back")
    assert remark.startswith("begun anew: the keys of a machine's role cannot continue an upload")
