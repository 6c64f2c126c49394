#!/usr/bin/env python3
"""Training steps of transformers + PEFT on a GPU, at the setups of src/bench/train-step.ts: the peer of bench/gpu.ts.

A frozen random base in bf16, or in bitsandbytes' double-quantised NF4 where that can be imported; LoRA or AdaLoRA on all
linears in fp32 under bf16 autocast, as the Trainer's `bf16=True` has them ("autocast"), or in bf16 altogether ("bf16"); SDPA;
AdamW (fused on a GPU). Rows of one length need no mask; rows of several are padded to the longest of their micro-batch, and
only tokens that are not padding count. When a micro-batch does not fit, half of it is tried with the rest accumulated, and at
last gradient checkpointing. Prints one line of JSON for each case.

usage: gpu_step.py --request '{"sizes": {…}, "base": "bf16"|"nf4", "classes": 0,
                     "cases": [{"name": …, "rank": 16, "alpha": 32, "dropout": 0, "rows": [512, …], "batch": 16,
                                "adapter": "lora"|"adalora", "precision": "autocast"|"bf16"}]}' [--device cuda|cpu] [--tiny]
"""
import contextlib
import gc
import math

import torch
from gpu_common import arguments, median, model_of, out_of_memory, peak_bytes, reason_of, reset_peak, say, seconds_of
from peft import AdaLoraConfig, LoraConfig, get_peft_model

args, request = arguments()
WARMUP, STEPS = (1, 2) if args.tiny else (2, 5)
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
classes = request["classes"]


def quantised(model):
    """The blocks' linears as bitsandbytes' Linear4bit, quantised on the device they are on."""
    import bitsandbytes as bnb

    for name, layer in list(model.named_modules()):
        if name.rsplit(".", 1)[-1] not in LINEARS:
            continue
        four = bnb.nn.Linear4bit(layer.in_features, layer.out_features, bias=layer.bias is not None, device="meta",
                                 compute_dtype=torch.bfloat16, compress_statistics=True, quant_type="nf4")
        four.weight = bnb.nn.Params4bit(layer.weight.data, requires_grad=False, compress_statistics=True,
                                        quant_type="nf4").to(args.device)
        four.bias = layer.bias
        parent, leaf = name.rsplit(".", 1)
        setattr(model.get_submodule(parent), leaf, four)
    model.is_loaded_in_4bit = True
    return model


def adapted(base, case):
    common = dict(lora_alpha=case["alpha"], lora_dropout=case["dropout"], target_modules=LINEARS,
                  task_type="SEQ_CLS" if classes else "CAUSAL_LM")
    if case["adapter"] == "adalora":
        config = AdaLoraConfig(init_r=case["rank"], target_r=case["targetRank"], tinit=0, tfinal=0, deltaT=10, beta1=0.85,
                               beta2=0.85, orth_reg_weight=0.5, total_step=100, **common)
    else:
        config = LoraConfig(r=case["rank"], **common)
    return get_peft_model(base, config, autocast_adapter_dtype=case["precision"] == "autocast")


def batches_of(rows, size, vocabulary):
    """Micro-batches of padded rows; without a mask where no row is padded."""
    lengths = [max(2, length // 16) for length in rows] if args.tiny else rows
    batches = []
    for begin in range(0, len(lengths), size):
        part = lengths[begin : begin + size]
        ids = torch.randint(1, vocabulary, (len(part), max(part)), device=args.device)
        inputs = {"input_ids": ids}
        mask = torch.arange(max(part), device=args.device)[None, :] < torch.tensor(part, device=args.device)[:, None]
        if min(part) < max(part):
            inputs["attention_mask"] = mask.long()
            inputs["input_ids"] = ids.masked_fill(~mask, 0)
        if classes:
            inputs["labels"] = torch.arange(begin, begin + len(part), device=args.device) % classes
        else:
            inputs["labels"] = ids.masked_fill(~mask, -100)
        batches.append(inputs)
    return batches, sum(lengths), sum(b["input_ids"].numel() for b in batches)


def measure(base, case, size, checkpointing):
    model = adapted(base, case)
    try:
        model.train()
        if checkpointing:
            model.enable_input_require_grads()
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        reset_peak(args.device)
        parameters = [p for p in model.parameters() if p.requires_grad]
        optimiser = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.0, fused=args.device == "cuda")
        batches, tokens, padded = batches_of(case["rows"], size, base.config.vocab_size)
        autocast = case["precision"] == "autocast"
        losses = []

        def step():
            total = 0.0
            for inputs in batches:
                context = torch.autocast(args.device, torch.bfloat16) if autocast else contextlib.nullcontext()
                with context:
                    loss = model(**inputs, use_cache=False).loss / len(batches)
                loss.backward()
                total += loss.detach()
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            losses.append(total)

        seconds = [seconds_of(args.device, step) for _ in range(WARMUP + STEPS)][WARMUP:]
        middle = median(seconds)
        return dict(tokensPerSecond=tokens / middle, paddedTokensPerSecond=padded / middle, stepSeconds=middle,
                    peakBytes=peak_bytes(args.device), tokens=tokens, paddedTokens=padded, microBatch=size,
                    checkpointing=checkpointing, trainable=sum(p.numel() for p in parameters),
                    lossesFinite=all(math.isfinite(float(loss)) for loss in losses))
    finally:
        if checkpointing:
            model.gradient_checkpointing_disable()
        model.unload()


def attempts(case):
    size = case["batch"]
    while size >= 1:
        yield size, False
        size //= 2
    yield case["batch"], True


base = None
why = None
try:
    dense = model_of(request["sizes"], args.device, args.tiny, classes).requires_grad_(False)
    dense.config.use_cache = False
    base = quantised(dense) if request["base"] == "nf4" else dense
    del dense
    gc.collect()
except Exception as error:
    why = reason_of(error)
for case in request["cases"]:
    told = dict(engine=f"transformers + PEFT, torch {torch.__version__}", case=case["name"], base=request["base"])
    figures = None
    reason = why
    for size, checkpointing in [] if base is None else attempts(case):
        try:
            figures = measure(base, case, size, checkpointing)
            break
        except Exception as error:
            reason = reason_of(error)
            if not out_of_memory(error):
                break
        gc.collect()
        reset_peak(args.device)
    say(**told, **(figures if figures is not None else dict(unmeasured=reason)))
    gc.collect()
