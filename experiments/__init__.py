"""What the ``run_*.py`` scripts do, importable and tested."""
