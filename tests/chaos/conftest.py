from __future__ import annotations

from tests.system.conftest import system

__all__ = ["system"]
