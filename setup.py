"""Install every top-level folder as a sub-package of the ``nengo_pc`` namespace."""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
FOLDERS = [
    "analysis",
    "backends",
    "datasets",
    "experiments",
    "learning",
    "models",
    "networks",
]
FOLDERS = [folder for folder in FOLDERS if (ROOT / folder / "__init__.py").exists()]
PACKAGES = FOLDERS + [
    f"{folder}.{package}" for folder in FOLDERS for package in find_packages(folder)
]

# backends/compatibility.py makes NengoDL run on these; constraints.txt has the version tested.
TENSORFLOW = "2.18"
# Tests build the documentation. Docutils' equations are as they should be from 0.22 on.
DOCS = ["sphinx>=9", "docutils>=0.22", "myst-parser>=5", "numpydoc>=1.10", "furo>=2025.9"]

setup(
    name="nengo-pc",
    version="0.1.0",
    description="Spiking networks, predictive coding and biological plausibility in Nengo",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="GPL-2.0-only",
    python_requires=">=3.11,<3.14",
    package_dir={f"nengo_pc.{p}": p.replace(".", "/") for p in PACKAGES},
    packages=[f"nengo_pc.{p}" for p in PACKAGES],
    package_data={
        "nengo_pc.models": ["trained/*.npz", "*.cfg"],
        "nengo_pc.experiments.comparison": ["*.jinja"],
    },
    install_requires=[
        "nengo>=4.1,<5",
        # nengo-loihi 1.1 breaks on NumPy 2, Nengo's synapse.filt on NumPy 2.4.
        "numpy>=1.26.4,<2; python_version < '3.13'",
        "numpy>=2.1,<2.4; python_version >= '3.13'",
        "numba>=0.60",  # the native backend's kernels
        "nengo-dl==3.6.0",
        f"tensorflow>={TENSORFLOW}",
        f"tf_keras>={TENSORFLOW}",
        "scikit-learn>=1.4",  # the embedded digits
        "matplotlib>=3.8,<3.11",  # 3.11 asks for NumPy 2
        "pillow>=9.1",  # images in Nengo GUI; matplotlib needs it too
        "tqdm>=4.66",
        "distributed>=2024.8",  # Dask, for the comparison
        "jinja2>=3.1",  # its report
        "scipy>=1.10",  # Student's t
    ],
    entry_points={
        "nengo.backends": [
            "native = nengo_pc.backends.native:Simulator",
            "xla = nengo_pc.backends.xla:Simulator",
        ]
    },
    extras_require={
        "loihi": ["nengo-loihi==1.1.0; python_version < '3.13'"],
        "gui": ["nengo-gui>=0.6"],  # models/
        "tensorboard": ["tensorboard>=2.16"],
        # Nengo 4.1's plugin stops pytest 9.
        "test": [
            "pytest>=8,<9",
            "ruff>=0.8",
            "tensorboard>=2.16",
            # Fixtures of Nengo's own tests.
            "pytest-allclose",
            "pytest-plt",
            "pytest-rng",
            "nengo-spa>=2",  # its networks and tests, on the native backend
            # The models in a browser.
            "nengo-gui>=0.6",
            "selenium>=4.16",
            *DOCS,
        ],
        "docs": DOCS,
        "bench": ["keras-spiking==0.3.0"],
    },
)
