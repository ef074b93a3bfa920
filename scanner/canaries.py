"""Keys that are traps: honeytokens raise an alarm with whoever planted them when they are used, so they are told and
nobody is asked about them.

An AWS access key id holds the number of its account, and the accounts that make traps are known.
References: https://canarytokens.org, https://trufflesecurity.com/blog/canaries
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from typing import Final

AWS_ACCOUNTS: Final = frozenset({
    "052310077262", "171436882533", "266735846894", "528757803018", "534261010715", "538784191382", "595918472158",
    "717712589309", "729780141977", "730335385048", "819147034852", "893192397702", "992382622183",
    # those of others who copied the idea
    "044858866125", "251535659677", "344043088457", "351906852752", "390477818340", "426127672474", "427150556519",
    "439872796651", "445142720921", "465867158099", "637958123769", "693412236332", "732624840810", "735421457923",
    "959235150393", "982842642351",
})  # fmt: skip
"""Accounts whose access keys are traps, as published."""

_AWS_ID = re.compile(rb"(?<![A-Z0-9])A[A-Z]{3}([A-Z2-7]{12,16})(?![A-Z0-9])")
_DOMAIN = re.compile(rb"(?i)(?<![a-z0-9-])canarytokens\.(?:com|org|net)(?![a-z0-9-]|\.[a-z0-9])")


def aws_account(body: bytes) -> str:
    """The account number, twelve digits, in an access key id behind its four letters."""
    head = base64.b32decode(body[:16].ljust(16, b"A"))
    return f"{(int.from_bytes(head[:6], 'big') & 0x7FFFFFFFFF80) >> 7:012d}"


def canary(values: Iterable[bytes]) -> str:
    """Why a key with these values (the key itself, and its parts) is a known trap; "" when it is none that is known."""
    for value in values:
        if _DOMAIN.search(value):
            return "it calls canarytokens"
        if any(aws_account(found) in AWS_ACCOUNTS for found in _AWS_ID.findall(value)):
            return "its AWS account is one that makes honeytokens"
    return ""


__all__ = ["AWS_ACCOUNTS", "aws_account", "canary"]
