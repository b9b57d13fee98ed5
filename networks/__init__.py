"""Reusable Nengo networks: only Nodes, Ensembles and Connections, nothing but nengo and numpy."""
