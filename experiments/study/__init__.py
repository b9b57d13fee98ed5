"""Every figure of the study, from data and simulation: ``run_figures.py``.

Each figure is a function of a `setting.Study`, in the module of its subject, that gives a
`setting.Drawn`; `catalogue.FIGURES` has them by name.
"""
