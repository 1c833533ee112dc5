"""The worker is the host: handler files that would start one are told so. Source of names: handler-api §1.2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from .errors import ConfigurationError

REFUSAL = (
    "This process runs handlers for a worker that is up already; "
    "start a worker with `stephost worker --handlers DIRECTORY`."
)


@dataclass
class BootstrapConfig:
    """Further fields are refused."""

    worker_id: str | None = None
    namespace: str = "default"
    config_path: str | None = None
    log_level: str | None = None


class Worker:
    @classmethod
    def start(cls, handler_packages: list[str] | None = None, config: BootstrapConfig | None = None) -> NoReturn:
        """Raises ConfigurationError: a worker in this process would compete with the host for its steps."""
        raise ConfigurationError(REFUSAL)


def bootstrap_worker(config: BootstrapConfig | None = None) -> NoReturn:
    raise ConfigurationError(REFUSAL)


def stop_worker() -> bool:
    """False: the host stops it."""
    return False


def transition_to_graceful_shutdown() -> bool:
    """False: the host drains."""
    return False


def is_worker_running() -> bool:
    """Whether this process runs handlers for a host."""
    from .log_sink import LogSink

    return LogSink.current is not None


def get_worker_status() -> dict[str, Any]:
    return {"running": is_worker_running(), "managed_by": "stephost"}
