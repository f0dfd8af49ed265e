"""Devices, models and fleets by name: YAML data with a source per row, under a strict schema, read when asked for."""

from agentc.catalog.devices import PROFILES, device, device_names, devices
from agentc.catalog.devices import entry as device_entry
from agentc.catalog.fleets import fleet_names, fleet_schema, load_fleet
from agentc.catalog.models import model, models
from agentc.catalog.names import UnknownName

__all__ = [
    "PROFILES",
    "UnknownName",
    "device",
    "device_entry",
    "device_names",
    "devices",
    "fleet_names",
    "fleet_schema",
    "load_fleet",
    "model",
    "models",
]
