"""Runs cells through Dask: worker processes here, or those of a cluster."""

import contextlib
import logging
import os
import sys
from importlib.metadata import version

from tqdm import tqdm

from .cells import ONLINE, name_of
from .work import failure, run_cell

# A worker that trains has TensorFlow, its graphs and a data set: about 1.5 GB.
WORKER_BYTES = 2 * 2**30
QUIET = {
    "logging": {"distributed": "critical", "distributed.nanny": "critical"},
    # Compiling may keep a worker from answering for a while.
    "distributed.scheduler.worker-ttl": "30 minutes",
}


def default_workers():
    """As many worker processes as there are cores for this process, and memory."""
    import psutil  # comes with distributed

    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min(cores, psutil.virtual_memory().total // WORKER_BYTES))


@contextlib.contextmanager
def connect(scheduler=None, workers=None):
    """A Dask client, of a cluster or of worker processes on this machine.

    Parameters
    ----------
    scheduler : str, optional
        Address of a Dask scheduler, such as ``tcp://10.0.0.1:8786``.
    workers : int, optional
        Processes on this machine, one thread each, if there is no scheduler.

    Yields
    ------
    distributed.Client

    Raises
    ------
    OSError
        If no scheduler answers at the address.
    """
    # Whoever only asks for help or reads results does not pay for Dask.
    import dask
    from distributed import Client, LocalCluster

    with dask.config.set(QUIET), contextlib.ExitStack() as stack:
        if scheduler is None:
            scheduler = stack.enter_context(
                LocalCluster(
                    n_workers=workers or default_workers(),
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address=None,
                    # Without this its health page wants port 8787, on all interfaces.
                    scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
                    silence_logs=logging.CRITICAL,
                )
            )
        yield stack.enter_context(Client(scheduler))


def check_workers(client):
    """Refuse workers with another version of this package: their results would be of another.

    Raises
    ------
    ValueError
        Naming them.
    """
    ours = version("nengo-pc")
    others = {w: found for w, found in client.run(version, "nengo-pc").items() if found != ours}
    if others:
        named = ", ".join(f"{worker} has {found}" for worker, found in others.items())
        raise ValueError(f"workers must have nengo-pc {ours}: {named}")


def run_cells(cells, store, client, folder=None, data=None, progress=True):
    """Run cells, and write each result as it comes.

    A worker that dies has its cells run again by others, up to three times each (Dask's
    ``distributed.scheduler.allowed-failures``); a cell that fails is written as failed.

    Parameters
    ----------
    cells : sequence of Cell
    store : Store
    client : distributed.Client
    folder : pathlib.Path, optional
        Where workers keep parameters and checkpoints.
    data : str, optional
        Folder of the data set, as workers see it.
    progress : bool
        Show a progress bar.
    """
    from distributed import as_completed

    # Long ones first, so that no worker ends long after the others.
    ordered = sorted(cells, key=lambda cell: cell.method not in ONLINE)
    futures = {
        client.submit(
            run_cell, cell.to_dict(), folder and str(folder), data, key=f"cell-{cell.key}"
        ): cell
        for cell in ordered
    }
    failed = 0
    with tqdm(
        total=len(cells), desc="cells", unit="cell", disable=not progress, dynamic_ncols=True
    ) as bar:
        for future in as_completed(list(futures)):
            cell = futures.pop(future)
            try:
                result = future.result()
            except Exception as error:  # a cell that killed its workers, or could not be sent
                result = failure(f"{type(error).__name__}: {error}")
            store.save(cell, result)
            future.release()
            failed += result["status"] == "failed"
            bar.set_postfix_str(f"{failed} failed" if failed else name_of(cell))
            bar.update()
    sys.stderr.flush()
