"""`keysweep verify`: does one key still work?"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import click

from scanner.cli.asking import Asking, shown, trust
from scanner.cli.one_key import GivenParts, read_key, refuse_argument
from scanner.cli.options import Wanted, rule_ids
from scanner.cli.progress import Progress
from scanner.cli.session import Session
from scanner.models import Finding
from scanner.policy import LEAST, FailOn, Policy, answer_code
from scanner.recognition import recognise
from scanner.reports.text_safety import printable
from scanner.reports.words import headline, meaning
from scanner.rule import Rule
from scanner.verifier import Plan


@click.command()
@click.argument("key", nargs=-1, metavar="")
@click.option("--rule", "rule_id", default="", metavar="RULE", shell_complete=rule_ids,
              help="Whose key it is, where several rules fit.")
@click.option("--part", "parts", multiple=True, metavar="NAME=VALUE",
              help="Another value that the key needs: an account id, a host.")
@click.option("--part-env", "secret_parts", multiple=True, metavar="NAME=VARIABLE",
              help="A secret one, from that environment variable.")
@click.option("--plan", "only_plan", is_flag=True, help="Say who would be asked, and ask nobody.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@click.option("--rules", "extra", multiple=True, type=click.Path(path_type=Path), metavar="PATH",
              help="Rule file or folder of your own, in addition.")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE",
              help="Configuration; without it only the user's own is read.")  # fmt: skip
def verify(
    key: tuple[str, ...],
    rule_id: str,
    parts: tuple[str, ...],
    secret_parts: tuple[str, ...],
    only_plan: bool,
    as_json: bool,
    extra: tuple[Path, ...],
    config: Path | None,
) -> int:
    """Ask a key's provider whether it still works. The key comes from standard input, never from an argument.

    The exit code is 1 when it works, 0 when its provider calls it dead, 3 when that is not known.

    \b
    Examples:
      keysweep verify < key.txt
      keysweep verify --rule github-personal-access-token --json < key.txt
      keysweep verify --plan < key.txt
    """
    refuse_argument(key, "verify")
    wanted = Wanted(config=config, no_config=config is None, rules=extra)
    session = Session(wanted)
    given = GivenParts.of(parts, secret_parts)
    finding = recognise(read_key(), session.rules, rule_id, given.names)
    rule = session.rules.get(finding.rule_id)
    trusted = trust(wanted, session.config, session.rules)
    finding, settings = given.put(finding, rule, trusted.settings)
    asking = Asking(replace(trusted, settings=settings), Policy(frozenset({FailOn.ANY}), *LEAST), _say)
    if only_plan:
        plan = asking.plan([finding])
        click.echo(_plan_json(plan) if as_json else shown(plan), nl=as_json)
        return 0
    (answered,) = asking.finish([finding], Progress(sys.stderr.isatty()))
    click.echo(_json(answered, rule) if as_json else _text(answered, rule))
    return int(answer_code([answered]))


def _say(sentence: str) -> None:
    click.echo(f"keysweep: {printable(sentence)}", err=True)


def _text(finding: Finding, rule: Rule) -> str:
    said = finding.validity
    rows = [
        ("key", finding.masked),
        ("rule", f"{finding.rule_id}, {headline(finding)}"),
        ("status", f"{said.status} ({said.reason}): {meaning(said)}"),
        ("remark", said.detail),
        ("asked", said.endpoint),
        ("answer", f"HTTP {said.http_status}" if said.http_status else ""),
        ("when", said.asked),
        *finding.facts,
        ("expires", finding.expires),
        ("revoke", rule.rotate if said.status != "inactive" else ""),
    ]
    return "\n".join(f"{printable(name):>8}  {printable(text)}" for name, text in rows if text)


def _plan_json(plan: Plan) -> str:
    asked = [{"provider": one.provider, "host": one.host, "request": one.endpoint} for one in plan.targets]
    left = [{"rule": one.rule_id, "reason": one.reason, "detail": one.detail} for one in plan.not_asked]
    return json.dumps({"would_ask": asked, "would_not_ask": left}, indent=2)


def _json(finding: Finding, rule: Rule) -> str:
    said = finding.validity
    return json.dumps(
        {
            "rule": finding.rule_id, "provider": finding.provider, "title": finding.title, "key": finding.masked,
            "environment": finding.environment or "unknown",
            "validity": {
                "status": said.status, "reason": said.reason, "endpoint": said.endpoint,
                "http_status": said.http_status, "asked": said.asked, "detail": said.detail,
            },
            "facts": [{"name": name, "text": text} for name, text in finding.facts],
            "expires": finding.expires, "rotate": rule.rotate,
        },
        indent=2,
    )  # fmt: skip
