"""The providers that the tests of this folder use."""

from tests.op.harness import _hostile, hostile_provider, oidc_provider

__all__ = ["_hostile", "hostile_provider", "oidc_provider"]
