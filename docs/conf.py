"""Sphinx configuration."""

project = "rennet"
author = "The rennet developers"
copyright = "2026, the rennet developers"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
myst_enable_extensions = ["dollarmath"]
html_theme = "furo"
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_typehints = "none"
default_role = "code"
exclude_patterns = ["_build"]
suppress_warnings = ["ref.python"]  # several classes have an attribute of one name
