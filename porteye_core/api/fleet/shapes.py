"""Shapes of the answers over many hosts, by the fields of their records."""

from porteye_core.api.shapes import shape
from porteye_core.store.fleet.many_hosts.fleet_records import (
    BUCKET,
    FIRST_SEEN,
    FLEET_EVENT,
    FLEET_MOMENT,
    FLEET_PORT,
    HOST,
    SERVICE,
)

HOST_SHAPE = shape("FleetHost", "A host of the fleet.", HOST)
PORT_SHAPE = shape("FleetPort", "A listener that is open now on a host.", FLEET_PORT)
EVENT_SHAPE = shape("FleetEvent", "A listener opened or closed on a host.", FLEET_EVENT)
MOMENT_SHAPE = shape(
    "FleetPortAtMoment", "A listener that was open at a moment on a host.", FLEET_MOMENT
)
SERVICE_SHAPE = shape("Service", "A service of any number of hosts.", SERVICE)
FIRST_SEEN_SHAPE = shape("FirstSeen", "A port that no host had before.", FIRST_SEEN)
BUCKET_SHAPE = shape("Activity", "What opened and closed in an hour or a day.", BUCKET)
