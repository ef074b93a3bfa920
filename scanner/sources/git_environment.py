"""The environment that guards git: what it may inherit, and what a repository may not decide."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

INDEX_VARIABLES = frozenset({"GIT_INDEX_FILE"})
"""What a commit hook keeps of git's environment: `git commit PATH` commits from an index of its own."""

QUARANTINE_VARIABLES = frozenset(
    {"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH"}
)
"""What a receive hook keeps: pushed objects stand in a quarantine until the hook has agreed."""

# Variables of git's that may pass: they make discovery stricter, or say where git itself is installed.
_HARMLESS = frozenset(
    {"GIT_CEILING_DIRECTORIES", "GIT_DISCOVERY_ACROSS_FILESYSTEM", "GIT_EXEC_PATH", "GIT_TEST_ASSUME_DIFFERENT_OWNER"}
)  # fmt: skip

_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": os.devnull,
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",  # git before 2.45 does not know GIT_NO_LAZY_FETCH; so no transport may start
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "GIT_FLUSH": "0",
    "LC_ALL": "C",
}

# What a repository's own configuration may not decide; these stand above it.
_CONFIGURATION = (
    ("advice.graftFileDeprecated", "false"),
    ("core.fsmonitor", "false"),
    ("core.hooksPath", os.devnull),
    ("core.pager", "cat"),
    ("core.sshCommand", "false"),
    ("core.quotePath", "false"),
    ("core.commitGraph", "false"),  # a stale or forged commit-graph file could hide commits
    ("core.attributesFile", os.devnull),
    ("credential.helper", ""),
    ("diff.ignoreSubmodules", "none"),
    ("diff.orderFile", os.devnull),
    ("gpg.program", os.devnull),
    ("gpg.ssh.program", os.devnull),
    ("gpg.x509.program", os.devnull),
    ("i18n.logOutputEncoding", "UTF-8"),
    ("log.showSignature", "false"),
    ("protocol.allow", "never"),
    ("submodule.recurse", "false"),
)


def guarded_environment(
    inherited: Mapping[str, str], variables: Mapping[str, str], trusted: Iterable[str] = ()
) -> dict[str, str]:
    """The environment for git: nothing of git's own is inherited that redirects it, and command-scope
    configuration stands above the repository's. `trusted` are folders that may belong to someone else."""
    environment = {
        name: value
        for name, value in inherited.items()
        if not name.upper().startswith("GIT_") or name.upper() in _HARMLESS
    }
    environment.update(_ENVIRONMENT)
    environment.update(variables)
    settings = [*_CONFIGURATION, *(("safe.directory", folder) for folder in trusted)]
    environment["GIT_CONFIG_COUNT"] = str(len(settings))
    for number, (key, value) in enumerate(settings):
        environment[f"GIT_CONFIG_KEY_{number}"] = key
        environment[f"GIT_CONFIG_VALUE_{number}"] = value
    return environment


__all__ = ["INDEX_VARIABLES", "QUARANTINE_VARIABLES", "guarded_environment"]
