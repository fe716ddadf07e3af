"""The bare route of `throughput` with several workers, as a control for `two_workers`."""

import argparse
import tempfile
from functools import partial
from pathlib import Path

import uvicorn
from uvicorn.supervisors import Multiprocess

from benchmarks.serving.throughput import bare_app
from polyrec.serve.middleware.connections import BoundedProtocol, ConnectionTable
from polyrec.serve.run import worker_loop


def serve() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    options = parser.parse_args()
    table = ConnectionTable(max_connections=2_000, max_per_address=256, head_timeout_s=10)
    with tempfile.TemporaryDirectory() as folder:
        config = uvicorn.Config(
            partial(bare_app, options.bundle), factory=True, port=options.port,
            workers=options.workers, log_level="error", access_log=False,
            http=partial(BoundedProtocol, table=table),  # type: ignore[arg-type]
            loop=worker_loop(table, Path(folder) if options.workers > 1 else None),  # type: ignore[arg-type]
            timeout_worker_healthcheck=60,
        )  # fmt: skip
        if options.workers == 1:
            uvicorn.Server(config).run()
        else:
            Multiprocess(config, sockets=[config.bind_socket()]).run()


if __name__ == "__main__":
    serve()
