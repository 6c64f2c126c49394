#!/usr/bin/env python3
"""Prefill and batched decoding in transformers + torch, at the shapes of src/bench/generate.ts: the peer of bench/generate.ts.

Random weights. Prefill: one prompt of 512 tokens, logits of the last position. Decode: 128 tokens of context, then one new
token per row and step, median of the steps. Prints one JSON line.

usage: generate.py --shape tinyllama-1.1b|qwen3-0.6b [--precision fp32|bf16] [--attention eager|sdpa] [--static] [--compile]
                   [--threads 2]
"""
import argparse
import json
import os
import resource
import time

parser = argparse.ArgumentParser()
parser.add_argument("--shape", default="qwen3-0.6b")
parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
parser.add_argument("--attention", default="sdpa", choices=["eager", "sdpa"])
parser.add_argument("--static", action="store_true", help="StaticCache instead of DynamicCache")
parser.add_argument("--compile", action="store_true", help="torch.compile of the decoding step")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--steps", type=int, default=16)
args = parser.parse_args()
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, str(args.threads))

import torch  # noqa: E402  (after the thread counts)
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM, StaticCache  # noqa: E402

torch.set_num_threads(args.threads)
torch.manual_seed(0)
PREFILL, CONTEXT = 512, 128
dtype = torch.bfloat16 if args.precision == "bf16" else torch.float32
if args.shape == "tinyllama-1.1b":
    config = LlamaConfig(vocab_size=32000, hidden_size=2048, num_hidden_layers=22, num_attention_heads=32,
                         num_key_value_heads=4, intermediate_size=5632, max_position_embeddings=4096)
    kind = LlamaForCausalLM
else:
    config = Qwen3Config(vocab_size=151936, hidden_size=1024, num_hidden_layers=28, num_attention_heads=16,
                         num_key_value_heads=8, head_dim=128, intermediate_size=3072, tie_word_embeddings=True,
                         max_position_embeddings=4096)
    kind = Qwen3ForCausalLM
config._attn_implementation = args.attention
torch.set_default_dtype(dtype)
model = kind(config).eval()
torch.set_default_dtype(torch.float32)


def cache(batch, length):
    if not args.static:
        return DynamicCache(config=config)
    return StaticCache(config=config, max_cache_len=length)


def median(values):
    return sorted(values)[len(values) // 2]


result = {}
with torch.inference_mode():
    seconds = []
    for _ in range(4):
        ids = torch.randint(0, config.vocab_size, (1, PREFILL))
        past = cache(1, PREFILL)
        start = time.perf_counter()
        model(ids, past_key_values=past, use_cache=True, logits_to_keep=1)
        seconds.append(time.perf_counter() - start)
    result["prefill"] = PREFILL / median(seconds[1:])
    step_model = torch.compile(model) if args.compile else model
    result["decode"] = {}
    for batch in (1, 8):
        past = cache(batch, CONTEXT + args.steps + 4)
        ids = torch.randint(0, config.vocab_size, (batch, CONTEXT))
        newest = model(ids, past_key_values=past, use_cache=True, logits_to_keep=1).logits[:, -1].argmax(-1, keepdim=True)
        seconds = []
        for _ in range(args.steps + 2):
            start = time.perf_counter()
            newest = step_model(newest, past_key_values=past, use_cache=True).logits[:, -1].argmax(-1, keepdim=True)
            seconds.append(time.perf_counter() - start)
        result["decode"][batch] = batch / median(seconds[2:])

variant = "+".join([args.attention, "static" if args.static else "dynamic"] + ["compile"] * args.compile)
print(json.dumps(dict(engine=f"torch {torch.__version__}", variant=variant, shape=args.shape, precision=args.precision,
                      threads=args.threads, **result,
                      peakBytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)))
