"""The updater's own part of `doctor`."""
