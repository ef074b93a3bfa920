"""`keysweep revoke`: ends keys, when it is told to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scanner.cli.one_key import refuse_argument

SERVICE_TOKEN = "KEYSWEEP_SERVICE_TOKEN"  # noqa: S105 - the name of a variable
_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("key", nargs=-1, metavar="")
@click.option("--report", type=_PATH, metavar="FILE",
              help="The keys of a JSON report, instead of one on standard input.")
@click.option("--repo", default=".", type=click.Path(),
              help="With --report: the repository, or the folder, that was scanned.  [default: the one here]")
@click.option("--text", type=_PATH, metavar="FILE",
              help="With --report: a file with the same text, where it was made of standard input or of a patch.")
@click.option("--rule", "rule_id", default="", metavar="RULE",
              help="Whose key it is, where several rules fit; with --report: only keys of this rule.")
@click.option("--part", "parts", multiple=True, metavar="NAME=VALUE",
              help="Another value that the key needs: an account id, a host.")
@click.option("--part-env", "secret_parts", multiple=True, metavar="NAME=VARIABLE",
              help="A secret one, from that environment variable.")
@click.option("--yes", is_flag=True, help="Do it. Without it, or a yes at the terminal, nothing is sent.")
@click.option("--wait", default=60.0, show_default=True, type=click.FloatRange(0, 3600), metavar="SECONDS",
              help="How long to go on asking whether a key still works.")
@click.option("--no-check", is_flag=True, help="Ask before and after nobody whether keys work; nothing is confirmed.")
@click.option("--owner-key-env", "owner_env", multiple=True, metavar="[PROVIDER=]VARIABLE",
              help="The environment variable that holds a key of the owner's.")
@click.option("--owner-key-file", "owner_file", multiple=True, metavar="[PROVIDER=]FILE",
              help="The file that holds it.")
@click.option("--key-id", default="", metavar="ID", help="The id of the key in the owner's list, where several fit.")
@click.option("--new-key-file", type=_PATH, metavar="PATH",
              help="A new file for the key that takes the place of a rotated one.")
@click.option("--new-key-command", metavar="COMMAND", help="A command that reads it from its standard input.")
@click.option("--service", "service_url", metavar="URL",
              help="A service of your own with GitLab's Token Revocation API, in the place of all providers.")
@click.option("--service-token-env", metavar="VARIABLE", default=SERVICE_TOKEN, show_default=True,
              help="The environment variable that holds its token.")
@click.option("--service-type", "service_types", multiple=True, metavar="RULE=TYPE",
              help="What the service calls the keys of a rule.")
@click.option("--audit-log", type=_PATH, metavar="FILE", help="Where to note what is done.  [default: state folder]")
@click.option("--json", "in_json", is_flag=True, help="As JSON, for programs.")
@click.option("--rules", "extra", multiple=True, type=_PATH, metavar="PATH",
              help="Rule file or folder of your own, in addition.")
@click.option("--config", type=_PATH, metavar="FILE",
              help="Configuration; without it only the user's own is read.")  # fmt: skip
def revoke(**options: Any) -> int:
    """End keys, with the provider's own means.

    They are reported to their issuers, end themselves, or are deleted with a key of their owner's.

    One key comes from standard input, never from an argument; or those of a report. Nothing is sent without --yes, or
    a yes at the terminal: then only the plan is shown. What cannot be asked of a provider is left to you, with the
    page where it is done.

    The exit code is 0 when all keys are confirmed dead, 1 when one still works, 3 when that is not known (a plan that
    was only shown, too), 2 for wrong use, or when a new key could not be handed over.

    \b
    Examples:
      keysweep revoke < key.txt
      keysweep revoke --json < key.txt
      keysweep revoke --report leaks.json
    """
    refuse_argument(options["key"], "revoke")
    from scanner.cli.revoking import Run, Steering  # noqa: PLC0415 - help need not load what asks providers

    steering = {name: options[name] for name in Steering.__dataclass_fields__}
    return Run(Steering(**steering), options).run()
