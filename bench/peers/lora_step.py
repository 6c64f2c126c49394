#!/usr/bin/env python3
"""One LoRA training step in torch, at the shapes of src/bench/train-step.ts: the peer `bench/train-step.ts` is paired with.

A Qwen3 decoder (RMSNorm, per-head q/k norms, RoPE, GQA, SwiGLU, tied head), frozen base, LoRA r=8 on q and v, every token
labelled, AdamW. Prints one JSON line. Needs torch 2.x and nothing else; medrepro itself needs no Python.

usage: lora_step.py --shape mini|qwen3-0.6b [--precision fp32|bf16] [--sdpa] [--compile] [--threads 2] [--steps 5] [--warmup 2]
"""
import argparse
import json
import math
import os
import resource
import time

parser = argparse.ArgumentParser()
parser.add_argument("--shape", default="mini")
parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
parser.add_argument("--sdpa", action="store_true", help="scaled_dot_product_attention instead of explicit softmax")
parser.add_argument("--compile", action="store_true")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--steps", type=int, default=5)
parser.add_argument("--warmup", type=int, default=2)
args = parser.parse_args()
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, str(args.threads))

import torch  # noqa: E402  (after the thread counts)
import torch.nn as nn  # noqa: E402
import torch.nn.functional as F  # noqa: E402

torch.set_num_threads(args.threads)
torch.manual_seed(0)
SHAPES = {
    "mini": dict(hidden=256, layers=6, heads=8, kv=4, dim=32, inner=688, vocab=8192, seq=256, batch=4),
    "qwen3-0.6b": dict(hidden=1024, layers=28, heads=16, kv=8, dim=128, inner=3072, vocab=151936, seq=128, batch=2),
}
shape = argparse.Namespace(**SHAPES[args.shape])
RANK, ALPHA, THETA = 8, 16, 1e6


class RMSNorm(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x):
        y = x.float()
        y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-6)
        return self.weight.to(x.dtype) * y.to(x.dtype)


def linear(n_in, n_out):
    layer = nn.Linear(n_in, n_out, bias=False)
    nn.init.normal_(layer.weight, std=0.02)
    return layer


class LoRA(nn.Module):
    def __init__(self, base):
        super().__init__()
        self.base = base
        self.lora_A = nn.Parameter(torch.empty(RANK, base.in_features))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, RANK))

    def forward(self, x):
        return self.base(x) + F.linear(F.linear(x, self.lora_A), self.lora_B) * (ALPHA / RANK)


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), -1) * sin


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        s = shape
        self.norm1, self.norm2 = RMSNorm(s.hidden), RMSNorm(s.hidden)
        self.q, self.v = LoRA(linear(s.hidden, s.heads * s.dim)), LoRA(linear(s.hidden, s.kv * s.dim))
        self.k, self.o = linear(s.hidden, s.kv * s.dim), linear(s.heads * s.dim, s.hidden)
        self.q_norm, self.k_norm = RMSNorm(s.dim), RMSNorm(s.dim)
        self.gate, self.up, self.down = linear(s.hidden, s.inner), linear(s.hidden, s.inner), linear(s.inner, s.hidden)

    def forward(self, x, cos, sin, mask):
        b, t, _ = x.shape
        h = self.norm1(x)
        q = rotate(self.q_norm(self.q(h).view(b, t, shape.heads, shape.dim)).transpose(1, 2), cos, sin)
        k = rotate(self.k_norm(self.k(h).view(b, t, shape.kv, shape.dim)).transpose(1, 2), cos, sin)
        v = self.v(h).view(b, t, shape.kv, shape.dim).transpose(1, 2)
        group = shape.heads // shape.kv
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        if args.sdpa:
            o = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            scores = q @ k.transpose(-1, -2) * shape.dim**-0.5 + mask
            o = torch.softmax(scores.float(), -1).to(v.dtype) @ v
        x = x + self.o(o.transpose(1, 2).reshape(b, t, -1))
        h = self.norm2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(shape.vocab, shape.hidden)
        nn.init.normal_(self.embed.weight, std=0.02)
        self.blocks = nn.ModuleList([Block() for _ in range(shape.layers)])
        self.norm = RMSNorm(shape.hidden)
        frequency = 1.0 / THETA ** (torch.arange(0, shape.dim, 2).float() / shape.dim)
        angle = torch.outer(torch.arange(shape.seq).float(), frequency)
        angle = torch.cat((angle, angle), -1)
        self.register_buffer("cos", angle.cos())
        self.register_buffer("sin", angle.sin())
        self.register_buffer("mask", torch.full((shape.seq, shape.seq), -1e30).triu(1))

    def forward(self, ids, labels):
        x = self.embed(ids)
        cos, sin, mask = (b.to(x.dtype) for b in (self.cos, self.sin, self.mask))
        for block in self.blocks:
            x = block(x, cos, sin, mask)
        logits = F.linear(self.norm(x), self.embed.weight)
        return F.cross_entropy(logits.view(-1, shape.vocab).float(), labels.view(-1))


model = Model()
for name, parameter in model.named_parameters():
    parameter.requires_grad_("lora_" in name)
if args.precision == "bf16":
    for parameter in model.parameters():
        if not parameter.requires_grad:
            parameter.data = parameter.data.bfloat16()
trainable = [p for p in model.parameters() if p.requires_grad]
optimiser = torch.optim.AdamW(trainable, lr=1e-3, weight_decay=0.0)
ids = torch.randint(0, shape.vocab, (shape.batch, shape.seq + 1))
inputs, labels = ids[:, :-1].contiguous(), ids[:, 1:].contiguous()
step_model = torch.compile(model) if args.compile else model
seconds = []
for step in range(args.warmup + args.steps):
    start = time.perf_counter()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.precision == "bf16"):
        loss = step_model(inputs, labels)
    loss.backward()
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    if step >= args.warmup:
        seconds.append(time.perf_counter() - start)
seconds.sort()
tokens = shape.seq * shape.batch
print(
    json.dumps(
        dict(
            engine=f"torch {torch.__version__}",
            variant="+".join(["compile"] * args.compile + ["sdpa" if args.sdpa else "eager attention"]),
            shape=args.shape,
            precision=args.precision,
            threads=args.threads,
            tokensPerSecond=tokens / seconds[len(seconds) // 2],
            bestTokensPerSecond=tokens / seconds[0],
            peakBytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        )
    )
)
