"""What the exchanges published, kept so that any past morning can be seen as it was."""
