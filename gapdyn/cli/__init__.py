"""The command line. Nothing heavy is imported before a command needs it: `gapdyn --help` answers at once."""

from ._main import main as main
