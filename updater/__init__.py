"""The updater: keeps stored cards current by asking the networks' account-updater programmes."""
