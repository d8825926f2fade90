"""The stack's configuration, read once and checked whole. Nothing outside this package reads `pulumi.Config`."""

from infra.settings.load import SECRETS, SECTIONS, Settings, load_settings
from infra.settings.report import SettingsError

__all__ = ["SECRETS", "SECTIONS", "Settings", "SettingsError", "load_settings"]
