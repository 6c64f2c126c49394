#!/usr/bin/env python3
"""torch.matmul (cuBLAS) in bf16 at the shapes of src/bench/gemm.ts, in three layouts, and what the card reaches at most.

Timed as medrepro times itself: wall time of one synchronised product, the best of the rounds that fit into a tenth of a second.
Prints a line of JSON for the peaks and one for each product.

usage: gpu_gemm.py --request '{"shapes": [{"name": …, "m": …, "n": …, "k": …}]}' [--device cuda|cpu] [--tiny]
"""
import math

import torch
from gpu_common import arguments, reason_of, say, seconds_of

args, request = arguments()
LARGE = 256 if args.tiny else 8192


def random(rows, cols, dtype=torch.bfloat16):
    return (torch.rand((rows, cols), device=args.device) * 2 - 1).to(dtype)


def fastest(body):
    seconds_of(args.device, body)
    rounds = max(5, min(2000, math.ceil(0.1 / max(seconds_of(args.device, body), 1e-6))))
    return min(seconds_of(args.device, body) for _ in range(rounds))


def product(layout, m, n, k):
    """NT: x W^T (forward), NN: dy W (input gradient), TN: dy^T x (weight gradient); seconds."""
    a = random(k, m).t() if layout == "TN" else random(m, k)
    b = random(n, k).t() if layout == "NT" else random(k, n)
    c = torch.empty((m, n), dtype=torch.bfloat16, device=args.device)
    return fastest(lambda: torch.matmul(a, b, out=c))


def bandwidth():
    """Bytes per second: read by a sum, and read and written by a copy; of 4 GB."""
    x = torch.ones(2**20 if args.tiny else 2**30, device=args.device)
    y = torch.empty_like(x)
    return dict(read=4 * x.numel() / fastest(lambda: x.sum()), copy=8 * x.numel() / fastest(lambda: y.copy_(x)))


name = torch.cuda.get_device_name() if args.device == "cuda" else "cpu"
with torch.inference_mode():
    seconds = min(product("NT", LARGE, LARGE, LARGE) for _ in range(3))
    say(engine=f"torch {torch.__version__}", hardware=name, peakFlops=2 * LARGE**3 / seconds, bytesPerSecond=bandwidth())
    for shape in request["shapes"]:
        m, n, k = (min(shape[key], 64) if args.tiny else shape[key] for key in "mnk")
        for layout in ("NT", "NN", "TN"):
            try:
                seconds = product(layout, m, n, k)
                say(name=shape["name"], layout=layout, microseconds=seconds * 1e6, flops=2 * m * n * k / seconds)
            except Exception as error:
                say(name=shape["name"], layout=layout, unmeasured=reason_of(error))
