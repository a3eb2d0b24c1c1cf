"""Errors that PortEye raises on purpose.

PortEyeError
├── AlertsError            the file of alerts and their receivers cannot be used
├── ConfigError            a flag or a variable has a value that cannot be used
├── ExpectedError          the file of expected ports cannot be used
├── FilterError            the text of a filter cannot be understood
├── FleetError             the fleet's server did not take or answer it; a later try may succeed
│   ├── FleetBusy          as many answers are being sent as may be at once
│   └── FleetRefused       it refused, and will again
├── PrivilegeError         administrative rights were required and are missing
├── SourceError            the system could not be read this time; the next scan may succeed
├── StopError              a process is not stopped from here
└── StoreError             the database cannot be used
    ├── StoreMissing       there is no database yet
    ├── StoreHeld          another monitor writes to it
    ├── StoreOlder         its schema is older than this program; a monitor migrates it at start
    ├── StoreNewer         its schema is newer than this program
    ├── StoreUnwritable    it cannot be written now: the disk is full, or another process locks it
    ├── StoreDamaged       its pages contradict each other, or it is no database
    ├── StoreReplaced      the file was deleted, or another one has its name
    │   └── StoreWalDeleted    that happened to its WAL alone
    └── StoreSlow          a query took too long and was stopped
"""

# Exit status of a monitor that ended because another one asked for its database.
GAVE_WAY = 5


class PortEyeError(Exception):
    """Error with one sentence about its cause, and a hint to its remedy."""

    exit_status = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class AlertsError(PortEyeError):
    """The file of alerts and their receivers cannot be used."""

    exit_status = 2


class ConfigError(PortEyeError):
    """A flag or a variable has a value that cannot be used."""

    exit_status = 2


class ExpectedError(PortEyeError):
    """The file of expected ports cannot be used, so that nothing can be judged by it."""

    exit_status = 3


class FilterError(PortEyeError):
    """The text of a filter cannot be understood; `field` names the filter."""

    exit_status = 2

    def __init__(self, field: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.field = field


class FleetError(PortEyeError):
    """The fleet's server did not take or answer it; a later try may succeed."""


class FleetBusy(FleetError):
    """As many answers are being sent as may be at once."""


class FleetRefused(FleetError):
    """The fleet's server refused it, and will again."""


class PrivilegeError(PortEyeError):
    """Administrative rights were required and are missing."""

    exit_status = 4


class SourceError(PortEyeError):
    """The system could not be read this time; the next scan may succeed."""


class StopError(PortEyeError):
    """A process is not stopped from here."""


class StoreError(PortEyeError):
    """The database cannot be used."""


class StoreMissing(StoreError):
    """There is no database yet."""


class StoreHeld(StoreError):
    """Another monitor writes to this database."""

    exit_status = 3


class StoreOlder(StoreError):
    """The schema is older than this program; a monitor migrates it at start."""


class StoreNewer(StoreError):
    """The schema is newer than this program."""


class StoreUnwritable(StoreError):
    """The database cannot be written now; a later write may succeed."""


class StoreDamaged(StoreError):
    """The pages of the database contradict each other, or it is no database."""


class StoreReplaced(StoreError):
    """The file of the database was deleted, or another one has its name."""


class StoreWalDeleted(StoreReplaced):
    """The WAL of the database was deleted, or another file has its name."""


class StoreSlow(StoreError):
    """A query took too long and was stopped."""
