#!/usr/bin/env python3
"""Prefill and greedy decoding of transformers on a GPU, at the shapes of src/bench/generate.ts: the peer of bench/gpu.ts.

bf16 random weights, SDPA; a prompt of 512 tokens, then rows with 128 tokens of context that decode one token a step, the median
step. Variants: a dynamic cache, a static cache, and a static cache with torch.compile (CUDA graphs). Prints one line of JSON a
variant.

usage: gpu_generate.py --request '{"sizes": {…}, "batches": [1, 32]}' [--device cuda|cpu] [--tiny]
"""
import torch
from gpu_common import arguments, median, model_of, peak_bytes, reason_of, reset_peak, say, seconds_of
from transformers import DynamicCache, StaticCache

args, request = arguments()
PREFILL, CONTEXT, STEPS = (32, 16, 3) if args.tiny else (512, 128, 32)
model = model_of(request["sizes"], args.device, args.tiny).eval()
config = model.config


def cache(static, length):
    return StaticCache(config=config, max_cache_len=length) if static else DynamicCache(config=config)


def prompt(batch, length):
    return torch.randint(1, config.vocab_size, (batch, length), device=args.device)


def prefill(static):
    def once():
        model(prompt(1, PREFILL), past_key_values=cache(static, PREFILL), use_cache=True, logits_to_keep=1)

    return PREFILL / median([seconds_of(args.device, once) for _ in range(5)][1:])


def decode(step, static, batch):
    past = cache(static, CONTEXT + STEPS + 8)
    newest = model(prompt(batch, CONTEXT), past_key_values=past, use_cache=True, logits_to_keep=1).logits[:, -1]
    newest = newest.argmax(-1, keepdim=True)

    def once():
        nonlocal newest
        newest = step(newest, past_key_values=past, use_cache=True).logits[:, -1].argmax(-1, keepdim=True)

    # compiling and recording take the first steps
    return batch / median([seconds_of(args.device, once) for _ in range(STEPS + 4)][4:])


with torch.inference_mode():
    for variant in ("dynamic", "static", "static + compile"):
        reset_peak(args.device)
        try:
            static = variant != "dynamic"

            def measured(batch):
                # a graph of its own for every batch, rather than one of any size
                torch.compiler.reset()
                return decode(step, static, batch)

            step = torch.compile(model, mode="reduce-overhead") if "compile" in variant else model
            say(engine=f"transformers, torch {torch.__version__}", variant=variant, prefill=prefill(static),
                decode={batch: measured(batch) for batch in request["batches"]},
                peakBytes=peak_bytes(args.device))
        except Exception as error:
            say(variant=variant, unmeasured=reason_of(error))
