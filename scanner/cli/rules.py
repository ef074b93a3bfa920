"""`keysweep rules`: look at the rules, try them, make fake keys."""

from __future__ import annotations

import json
import random
import secrets as entropy_source
from pathlib import Path

import click

from scanner import checks
from scanner.checksums import CHECKSUMS
from scanner.cli.options import rule_ids
from scanner.reports.interface import count
from scanner.rule import Rule, RuleSet, load_rules

EXTRA = click.option(
    "--rules", "extra", multiple=True, type=click.Path(path_type=Path), metavar="PATH",
    help="Rule file or folder of your own, beside the shipped rules. May be given several times.",
)  # fmt: skip


@click.group()
def rules() -> None:
    """List, show and test rules; make fake keys.

    \b
    Examples:
      keysweep rules list
      keysweep rules show github-personal-access-token
      keysweep rules test company-rules/
      keysweep rules fake stripe-secret-key --environment test
      keysweep rules import .gitleaks.toml --output company-rules/
      keysweep rules profile src/
      keysweep rules docs --output build/providers
    """


@rules.command("list")
@EXTRA
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@click.argument("names", nargs=-1, shell_complete=rule_ids)
def list_rules(extra: tuple[Path, ...], as_json: bool, names: tuple[str, ...]) -> None:
    """List rules. All of them, or those of NAMES (rule ids, providers or globs).

    \b
    Examples:
      keysweep rules list
      keysweep rules list github 'aws-*' --json
    """
    chosen = load_rules(extra).called(names)
    if as_json:
        click.echo(json.dumps([_plain(rule) for rule in chosen], indent=2))
        return
    width = max(len(rule.id) for rule in chosen)
    for rule in chosen:
        click.echo(f"{rule.id:<{width}}  {rule.severity:<8}  {rule.confidence:<6}  {rule.name}")
    providers = len({rule.provider for rule in chosen})
    click.echo(f"{len(chosen)} rules of {providers} providers", err=True)


def _plain(rule: Rule) -> dict[str, object]:
    return {
        "id": rule.id, "provider": rule.provider, "name": rule.name, "description": rule.description,
        "severity": rule.severity, "confidence": rule.confidence, "environments": list(rule.environment_names),
        "keywords": [keyword.text for keyword in rule.keywords], "rotate": rule.rotate,
        "references": list(rule.references), "file": rule.file,
    }  # fmt: skip


@rules.command()
@EXTRA
@click.argument("rule_id", shell_complete=rule_ids)
def show(extra: tuple[Path, ...], rule_id: str) -> None:
    """Show all that a rule says.

    \b
    Examples:
      keysweep rules show github-personal-access-token
      keysweep rules show acme-api-key --rules company-rules/
    """
    rule = load_rules(extra).get(rule_id)
    form = "near one of these words" if rule.context else "with one of these keywords"
    rows = [
        ("rule", f"{rule.id} ({rule.file}:{rule.line})"),
        ("name", rule.name),
        ("provider", f"{rule.provider_name} {rule.url}".strip()),
        ("opens", rule.description),
        ("severity", ", ".join([rule.severity, *(f"{env}: {sev}" for env, sev in (rule.severities or {}).items())])),
        ("confidence", rule.confidence),
        ("pattern", rule.pattern),
        (form, ", ".join(keyword.text for keyword in rule.keywords)),
        ("not after", f"[{rule.left}]" if rule.left else "anything may stand before"),
        ("checks", ", ".join(f"{name}: {value}" for name, value in rule.checks) or "the usual ones only"),
        ("files", ", ".join(rule.files) or "all"),
        ("rotate", rule.rotate),
        ("references", "\n".join(rule.references)),
        ("found in", "\n".join(example.text for example in rule.examples)),
        ("not in", "\n".join(example.text for example in rule.counterexamples)),
    ]
    for name, text in rows:
        lines = str(text).split("\n")
        click.echo(f"{name:>24}  {lines[0]}")
        for line in lines[1:]:
            click.echo(f"{'':>24}  {line}")


@rules.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--seed", type=int, help="Repeat a run with the keys of that seed.")
def test(paths: tuple[Path, ...], seed: int | None) -> int:
    """Prove rules by their own examples, with fresh keys. The shipped rules, or those of PATHS.

    Exits with 1 when a promise of a rule file does not hold.

    \b
    Examples:
      keysweep rules test
      keysweep rules test company-rules/ --seed 7
    """
    from scanner.matcher import Matcher  # noqa: PLC0415 - only this subcommand matches
    from scanner.proof import prove  # noqa: PLC0415
    from scanner.rule_store import load_each, shipped_folder  # noqa: PLC0415

    home = shipped_folder()
    own = [path for path in paths if home.resolve() not in (path.resolve(), path.resolve().parent)]
    found, refused = load_each([home, *own])
    names = {item.name for path in paths for item in (path.iterdir() if path.is_dir() else [path])}
    chosen = [rule for rule in found if not paths or Path(rule.file).name in names]
    seed = entropy_source.randbelow(1 << 32) if seed is None else seed
    matcher = Matcher(RuleSet(found))
    problems = [str(problem) for rule in chosen for problem in prove(rule, matcher, seed)]
    problems += [str(error) for error in refused]
    for problem in problems:
        click.echo(matcher.mask(problem))
    click.echo(f"{count(len(chosen), 'rule')} tried with seed {seed}: {count(len(problems), 'problem')}", err=True)
    return 1 if problems else 0


@rules.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--output", "-o", default="-", metavar="DIR|-", help="The folder for the rule file.  [default: standard "
              "output]")
@click.option("--provider", metavar="NAME", help="What the rules' ids begin with.  [default: the name of FILE]")
def import_rules(file: Path, output: str, provider: str | None) -> int:
    """Carry over the rules of another scanner.

    FILE is TOML of gitleaks or betterleaks; or YAML of Nosey Parker, kingfisher or secrets-patterns-db. Says of every
    rule what could not be carried over.

    Exits with 3 when a rule was left out, and with 2 when FILE cannot be read.

    \b
    Examples:
      keysweep rules import .gitleaks.toml --output company-rules/
      keysweep rules import rules.yml --provider acme > acme.yaml
    """
    from scanner.cli.rule_import import bring_over  # noqa: PLC0415 - few use it

    return bring_over(file, output, provider)


@rules.command()
@EXTRA
@click.argument("rule_id", shell_complete=rule_ids)
@click.option("--environment", type=click.Choice(["live", "test"]), help="A key of that environment.")
@click.option("--count", type=click.IntRange(1, 10_000), default=1, show_default=True, help="How many.")
@click.option("--seed", type=int, help="Make the same keys again.")
def fake(extra: tuple[Path, ...], rule_id: str, environment: str | None, count: int, seed: int | None) -> None:
    """Make keys of the right shape that were never issued. For tests and documents.

    Where the format has room they carry a mark, and keysweep reports them with --include-examples only.

    \b
    Examples:
      keysweep rules fake github-personal-access-token
      keysweep rules fake stripe-secret-key --environment test --count 3
    """
    from scanner.fakes import KeyMaker  # noqa: PLC0415

    rng = random.Random(seed if seed is not None else entropy_source.randbits(64))  # noqa: S311 - shapes, not secrets
    maker = KeyMaker(load_rules(extra).get(rule_id), rng)
    for _ in range(count):
        click.echo(maker.make(environment or "", synthetic=True).key)


@rules.command()
@EXTRA
@click.argument("paths", nargs=-1, required=True, type=click.Path())
@click.option("--top", type=click.IntRange(1), default=20, show_default=True, help="How many rules to list.")
def profile(extra: tuple[Path, ...], paths: tuple[str, ...], top: int) -> None:
    """Tell which rules cost most on the files of PATHS.

    \b
    Examples:
      keysweep rules profile src/
      keysweep rules profile src/ --top 5
    """
    from scanner.cost import costs  # noqa: PLC0415
    from scanner.matcher import Matcher  # noqa: PLC0415
    from scanner.models import Chunk  # noqa: PLC0415
    from scanner.sources.files import Files  # noqa: PLC0415

    chunks = (item for item in Files(paths).chunks() if isinstance(item, Chunk))
    found, whole = costs(Matcher(load_rules(extra)), chunks)
    tried = sum(cost.seconds for cost in found)
    click.echo(f"{'rule':<45}  {'tried':>9}  {'fits':>7}  {'ms':>9}  share")
    for cost in found[:top]:
        share = cost.seconds / whole if whole else 0
        counts = f"{cost.places:>9,}  {cost.fits:>7,}  {cost.seconds * 1000:>9.1f}"
        click.echo(f"{cost.rule_id:<45}  {counts}  {share:>5.1%}")
    click.echo(f"all rules {tried:.2f} s of {whole:.2f} s", err=True)


@rules.command("docs")
@EXTRA
@click.option("--output", "-o", required=True, type=click.Path(path_type=Path), metavar="DIR",
              help="The folder for the pages. Pages of providers that are gone are removed.")
def make_docs(extra: tuple[Path, ...], output: Path) -> int:
    """Make pages of the rules.

    One a provider (what a key opens, how it looks, how it is checked, rotated and ended), an index, and a page that
    searches them in a browser. They are as true as the rules they are made of.

    \b
    Examples:
      keysweep rules docs --output build/providers
      keysweep rules docs --rules company-rules/ --output docs/keys
    """
    from scanner.cli.rule_docs import write_pages  # noqa: PLC0415 - few use it

    pages = write_pages(load_rules(extra), output)
    click.echo(f"{count(pages, 'page')} in {output}", err=True)
    return 0


@rules.command("checks")
def list_checks() -> None:
    """List the checks that a rule file can ask for.

    \b
    Examples:
      keysweep rules checks
    """
    for name in sorted(checks.NAMES):
        click.echo(f"{name:<12}  {'on for every rule' if name in checks.DEFAULTS else 'asked for by a rule'}")
    for name, kind in sorted(CHECKSUMS.items()):
        click.echo(f"checksum: {name:<12}  {kind.about}")
