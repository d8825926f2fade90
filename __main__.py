"""The program: read the settings, build the systems that the stack chooses, export what they offer."""

from infra.adopt import adopting
from infra.exports import export_outputs
from infra.settings import load_settings
from infra.systems import build_systems

settings = load_settings()
with adopting(settings):
    export_outputs(build_systems(settings))
