"""The providers that the tests of this folder use."""

from tests.op.canaille import canaille_provider
from tests.op.dot import dot_provider
from tests.op.harness import _hostile, hostile_provider, oidc_provider

__all__ = ["_hostile", "canaille_provider", "dot_provider", "hostile_provider", "oidc_provider"]
