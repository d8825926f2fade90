"""What kind of stack it is, which says what is demanded of it: `platform.tier` of its configuration."""

from __future__ import annotations

from policy.configured import platform_of

PRODUCTION, THROWAWAY = "production", "throwaway"
TIERS = (PRODUCTION, THROWAWAY)


def tier_of(stack: str) -> str:
    """The tier of a stack.

    A stack that says nothing, or of which nothing is known, is production: nothing is exempted by mistake.
    """
    tier = platform_of(stack).get("tier")
    return tier if tier in TIERS else PRODUCTION
