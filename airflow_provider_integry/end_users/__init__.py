"""End users of host applications: workspaces, connected accounts, connect links and events about them."""
