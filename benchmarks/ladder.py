"""What each step from rates to spikes that learn on line costs: ``python benchmarks/ladder.py``.

From predictive coding in rates, with exact errors and transposed feedback, to a network in which
all is spikes: one element is replaced in each rung. All rungs are the same network on the same
simulator, see the same stream, and what they learned is scored with spiking neurons on the same
images, with the rung's own encoder.
"""

import argparse
import json
from pathlib import Path

from nengo_pc import analysis, datasets
from nengo_pc.analysis.results import plain
from nengo_pc.experiments.online_training import learn_stream
from nengo_pc.experiments.spiking_pc import score, splits, summary
from nengo_pc.experiments.spiking_pc_network import IN_RATES, SpikingPC
from nengo_pc.learning.online import Stream
from nengo_pc.networks.files import whole_file

MINIBATCH = 20
# Name, what is replaced, settings that change, minibatch.
RUNGS = (
    (
        "a",
        "rates, graded errors, transposed feedback, exact derivative",
        IN_RATES,
        MINIBATCH,
    ),
    ("b", "Kolen-Pollack feedback", {"feedback": "kolen-pollack"}, MINIBATCH),
    ("c", "step gate", {"derivative": "step"}, MINIBATCH),
    ("d", "spiking input and values", {"values": "spikes", "encoder": "lif"}, MINIBATCH),
    ("e", "spiking errors", {"errors": "spikes"}, MINIBATCH),
    ("f", "spiking target", {"target": "spikes"}, MINIBATCH),
    ("g", "no clamp from outside", {"clamping": "target"}, MINIBATCH),
    # The errors' power is averaged over as many images as before, or nearly.
    ("h", "one image at a time", {"precision_time": 10.0}, 1),
    ("i", "Poisson input", {"encoder": "poisson"}, 1),
)


def main():
    """Run the rungs that are not in the file yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rungs", default="abcdefghi", help="default: all")
    parser.add_argument("--images", type=int, default=10_000, help="default: %(default)s")
    parser.add_argument("--test-images", type=int, help="default: all")
    parser.add_argument("--hidden", type=int, nargs="+", default=[600])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dataset", choices=datasets.NAMES, help="default: mnist")
    parser.add_argument("--out", type=Path, default=Path("results/ladder.json"))
    arguments = parser.parse_args()
    dataset = datasets.load(arguments.dataset)
    seen, scored = splits(dataset, n_scored=arguments.test_images)
    done = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    changes = {"hidden": tuple(arguments.hidden)}
    for name, element, change, minibatch in RUNGS:
        changes |= change
        if name not in arguments.rungs:
            continue
        settings = SpikingPC(**changes)
        setup = plain(
            {
                "settings": settings.to_dict(),
                "images": arguments.images,
                "minibatch": minibatch,
                "n_test": len(scored),
                "seed": arguments.seed,
                "dataset": dataset.name,
            }
        )
        if done.get(name, {}).get("setup") != setup:
            done[name] = {"setup": setup, **rung(settings, dataset, seen, scored, setup)}
            done[name]["element"] = element
            with whole_file(arguments.out) as temporary:
                temporary.write_text(json.dumps(plain(done), indent=1))
    print(ladder_table(done))


def rung(settings, dataset, seen, scored, setup):
    """Learn and score one rung."""
    start = settings.start(dataset.image_shape, dataset.n_classes, setup["seed"])
    parameters, history = learn_stream(
        settings,
        start,
        seen,
        Stream(),
        setup["images"],
        minibatch_size=setup["minibatch"],
        seed=setup["seed"],
    )
    measured = score(parameters, scored, settings, "native", 0.06, setup["seed"])
    return {
        "accuracy": measured["accuracy"],
        "confidence_interval": measured["confidence_interval"],
        **summary(history),
    }


def ladder_table(done):
    """One row for each rung."""
    rows, before = [], None
    for name, run in sorted(done.items()):
        accuracy = 100 * run["accuracy"]
        settings = run["setup"]["settings"]
        values, errors = run["value_spikes_per_image"][1], run["error_spikes_per_image"][1]
        rows.append(
            {
                "rung": name,
                "element": run["element"],
                "accuracy": f"{accuracy:.2f}",
                "step": "" if before is None else f"{accuracy - before:+.2f}",
                "speed": f"{run['images_per_second']:.0f}",
                "values": f"{values:.0f}" if settings["values"] == "spikes" else "-",
                "errors": f"{errors:.0f}" if settings["errors"] == "spikes" else "-",
                "alignment": ", ".join(f"{v:.2f}" for v in run["alignment"].values()),
            }
        )
        before = accuracy
    columns = {
        "rung": "",
        "element": "what is replaced",
        "accuracy": "spiking (%)",
        "step": "step",
        "speed": "images/s",
        "values": "value spikes/image",
        "errors": "error spikes/image",
        "alignment": "cosine of B and Wᵀ",
    }
    return analysis.table(rows, columns)


if __name__ == "__main__":
    main()
