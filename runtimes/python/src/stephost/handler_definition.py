"""What a template says of a step's handler. Source: handler-api §0.2."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class HandlerDefinition:
    callable: str
    handler_method: str | None = None
    resolver: str | None = None
    initialization: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, spec: str | HandlerDefinition) -> HandlerDefinition:
        return spec if isinstance(spec, HandlerDefinition) else cls(spec)
