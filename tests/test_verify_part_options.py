"""Keys of several parts, from the command line: an id and its secret, a host and an organisation. Real processes, and
providers on this machine that check all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scanner.fakes import Fake
from tests.provider_docs import PROVIDERS
from tests.simulator import HERE, Simulator, simulator
from tests.test_cli import Shell
from tests.test_verify_handlers import key_id_of_amazon, sts
from tests.verifying import Keys

NewKey = Callable[..., Fake]

ORG = "7d1f2c80-55a1-4c8e-9b0c-2f4f6e2b8a10"
SID = "AC" + "0a1b2c3d" * 4


class Asking(Shell):
    """A shell in whose environment this machine is all that can be reached."""

    server: Simulator

    def environment(self, **more: str) -> dict[str, str]:
        clean = {name: value for name, value in super().environment().items() if not name.lower().endswith("_proxy")}
        return {
            **clean, "HTTPS_PROXY": "http://127.0.0.1:9", "KEYSWEEP_VERIFY_ALLOW_LOOPBACK": "true",
            "KEYSWEEP_VERIFY_ATTEMPTS": "1", "KEYSWEEP_VERIFY_CA_BUNDLE": str(self.server.authority), **more,
        }  # fmt: skip

    def verify(self, key: bytes, *words: str, **env: str) -> tuple[int, str]:
        """Exit code, and all that was said."""
        done = self.run("verify", *words, stdin=key, env=env)
        return done.code, done.out + done.err

    def plan(self, key: bytes, *words: str) -> str:
        """Who would be asked."""
        return self.run("verify", "--plan", *words, stdin=key).out


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Asking]:
    with simulator([], tmp_path) as server:
        place = tmp_path / "place"
        place.mkdir()
        made = Asking(place, [])
        made.server = server
        yield made


@pytest.fixture
def amazon(shell: Asking, new_key: NewKey) -> tuple[bytes, bytes]:
    """An id and its secret that the token service knows."""
    key_id, secret = key_id_of_amazon(new_key, "aws-access-key-id"), new_key("aws-secret-access-key").key
    shell.secrets.append(secret)
    shell.server.answers[HERE] = sts({key_id.decode(): secret.decode()})
    return key_id, secret


def test_an_id_and_its_secret(shell: Asking, amazon: tuple[bytes, bytes]) -> None:
    key_id, secret = amazon
    here = {"KEYSWEEP_VERIFY_AWS__BASE_URL": shell.server.url(HERE)}
    part = ("--part", f"key_id={key_id.decode()}")
    lines = b"AWS_ACCESS_KEY_ID=" + key_id + b"\nAWS_SECRET_ACCESS_KEY=" + secret + b"\n"
    for text, words in ((lines, ()), (secret, part), (b"AWS_SECRET_ACCESS_KEY=" + secret, part)):
        code, told = shell.verify(text, *words, **here)
        assert code == 1 and "active (accepted)" in told, told
    assert shell.verify(secret, "--part-env", "key_id=ID", ID=key_id.decode(), **here)[0] == 1


def test_a_secret_without_its_id_is_told_what_to_do(shell: Asking, amazon: tuple[bytes, bytes]) -> None:
    code, told = shell.verify(b"AWS_SECRET_ACCESS_KEY=" + amazon[1])
    assert code == 3
    assert "unknown (missing-part)" in told and "--part key_id=VALUE" in told
    assert shell.server.asked == []


def test_a_temporary_key_without_its_token_is_told_what_to_do(shell: Asking, new_key: NewKey) -> None:
    secret, token = new_key("aws-secret-access-key").key, new_key("aws-session-token").key.decode()
    key_id = key_id_of_amazon(new_key, "aws-temporary-key-id").decode()
    shell.secrets += [secret, token.encode()]
    shell.server.answers[HERE] = sts({key_id: secret.decode()})
    words, here = ("--part", f"key_id={key_id}"), {"KEYSWEEP_VERIFY_AWS__BASE_URL": shell.server.url(HERE)}
    code, told = shell.verify(secret, *words, **here)
    assert (code, shell.server.asked) == (3, [])
    assert "--part-env session_token=VARIABLE" in told
    assert shell.verify(secret, *words, "--part-env", "session_token=TOKEN", TOKEN=token, **here)[0] == 1
    code, told = shell.verify(secret, *words, "--part", f"session_token={token}")
    assert code == 2 and "is secret: pass it with --part-env session_token=VARIABLE" in told


def test_an_account_and_its_token(shell: Asking, new_key: NewKey) -> None:
    key = new_key("twilio-auth-token").key
    shell.secrets.append(key)
    known, documented = Keys(**{key.decode(): "active"}), PROVIDERS["twilio"][1]
    other = Keys()
    shell.server.answers[HERE] = lambda asked: documented(asked, known if SID in asked.path else other)
    here = {"KEYSWEEP_VERIFY_TWILIO__BASE_URL": shell.server.url(HERE)}
    rule = ("--rule", "twilio-auth-token")
    lines = f"TWILIO_ACCOUNT_SID={SID}\nTWILIO_AUTH_TOKEN={key.decode()}\n".encode()
    assert shell.verify(lines, **here)[0] == 1
    assert shell.verify(key, *rule, "--part", f"sid={SID}", **here)[0] == 1
    assert shell.verify(key, *rule, **here, KEYSWEEP_VERIFY_TWILIO__SID=SID)[0] == 1
    code, told = shell.verify(key, *rule, "--part", f"sid={SID[:-1]}0", **here)
    assert code == 0 and "inactive (invalid)" in told, "a token of another account"
    shell.server.asked.clear()
    code, told = shell.verify(key, *rule, **here)
    assert (code, shell.server.asked) == (3, [])
    assert "'sid' under [verify.twilio]; one key alone: --part sid=VALUE" in told


def test_a_host_an_organisation_and_a_key(shell: Asking, new_key: NewKey) -> None:
    """The host that a user names is asked; one that only stands in the text is not."""
    key = new_key("legba-api-key").key
    shell.secrets.append(key)
    known, documented = Keys(**{key.decode(): "active"}), PROVIDERS["legba"][1]
    shell.server.answers[HERE] = lambda asked: documented(asked, known)
    host = f"127.0.0.1:{shell.server.port}"
    for name in ("org_uuid", "org"):
        code, told = shell.verify(key, "--part", f"host={host}", "--part", f"{name}={ORG}")
        assert code == 1 and f"https://{host}/orgs/{{org_uuid}}/api/key" in told, told
    other = {"KEYSWEEP_VERIFY_LEGBA__HOST": "legba.widgets.net", "KEYSWEEP_VERIFY_LEGBA__ORG": ORG}
    assert shell.verify(key, "--part", f"host={host}", **other)[0] == 1, "an option wins over the configuration"
    shell.server.asked.clear()
    lines = f"LEGBA_BASE_URL=https://127.0.0.1\nLEGBA_ORG_UUID={ORG}\nLEGBA_API_TOKEN={key.decode()}\n".encode()
    code, told = shell.verify(lines)
    assert (code, shell.server.asked) == (3, [])
    assert "found in text only" in told and "--part" in told
    code, told = shell.verify(key)
    assert code == 3
    assert "--part host=VALUE" in told and "--part org_uuid=VALUE" in told


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("evil.example#.legba.com", "is no host"), ("evil.example/.legba.com", "is no host"),
        ("evil.example@legba.com", "is no host"), ("legba.com\r\nX-Other: 1", "holds a line break"),
        ("", "wants a name and a value"),
    ],
)  # fmt: skip
def test_a_host_that_is_none(value: str, told: str, shell: Asking, new_key: NewKey) -> None:
    key = new_key("legba-api-key").key
    shell.secrets.append(key)
    code, said = shell.verify(key, "--part", f"host={value}", "--part", f"org={ORG}")
    assert code in (2, 3) and told in said
    assert shell.server.asked == []


def test_parts_tell_whose_key_it_is(shell: Asking, new_key: NewKey) -> None:
    """Several rules know keys of forty letters and digits; one of them has an access key id."""
    secret = new_key("aws-secret-access-key").key
    shell.secrets.append(secret)
    key_id = new_key("aws-access-key-id").key.decode()
    assert "1 key of aws: sts.amazonaws.com" in shell.plan(secret, "--part", f"key_id={key_id}")
    code, told = shell.verify(secret, "--part", "shoe_size=44")
    assert code == 2 and "--rule" in told
    code, told = shell.verify(secret, "--rule", "aws-secret-access-key", "--part", "shoe_size=44")
    assert code == 2 and "has no part 'shoe_size'; it has: key_id, session_token" in told
