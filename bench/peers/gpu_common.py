"""What the peers of bench/gpu.ts share: models of medrepro's shapes with random weights made on the device, and time.

The request comes from bench/gpu.ts as JSON, so that shapes, rows and adapters are written once, in src/bench/. With --tiny the
same code runs on a toy model, also on a CPU: a check of the plumbing, whose numbers say nothing.
"""
import argparse
import json
import resource
import sys
import time

import torch
import transformers

FAMILIES = {"qwen3": "Qwen3", "qwen2": "Qwen2", "llama": "Llama"}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--request", required=True, help="JSON of bench/gpu.ts")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch sees no GPU")
    torch.manual_seed(0)
    return args, json.loads(args.request)


def configuration(sizes, tiny, labels=0):
    """transformers' configuration of a shape of src/bench/shapes.ts."""
    if tiny:
        sizes = {**sizes, "vocabSize": 512, "hiddenSize": 64, "layers": 2, "heads": 4, "kvHeads": 2, "headDim": 16,
                 "intermediateSize": 128}
    family = FAMILIES[sizes["family"]]
    settings = dict(
        vocab_size=sizes["vocabSize"],
        hidden_size=sizes["hiddenSize"],
        num_hidden_layers=sizes["layers"],
        num_attention_heads=sizes["heads"],
        num_key_value_heads=sizes["kvHeads"],
        intermediate_size=sizes["intermediateSize"],
        rms_norm_eps=1e-6,
        max_position_embeddings=4096,
        tie_word_embeddings=sizes["tieWordEmbeddings"],
        rope_parameters={"rope_type": "default", "rope_theta": sizes["ropeTheta"]},
        bos_token_id=None,
        eos_token_id=None,
        # tokens are drawn from 1 on, so that only padding is padding
        pad_token_id=0,
    )
    if family != "Qwen2":
        settings["head_dim"] = sizes["headDim"]
    if labels:
        settings["num_labels"] = labels
    config = getattr(transformers, family + "Config")(**settings)
    config._attn_implementation = "sdpa"
    return config, family


def model_of(sizes, device, tiny, labels=0, dtype=torch.bfloat16):
    """A decoder with random weights of `dtype`, made on the device: nothing is downloaded."""
    config, family = configuration(sizes, tiny, labels)
    kind = getattr(transformers, family + ("ForSequenceClassification" if labels else "ForCausalLM"))
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            model = kind(config)
    finally:
        torch.set_default_dtype(torch.float32)
    return model


def synchronise(device):
    if device == "cuda":
        torch.cuda.synchronize()


def seconds_of(device, body):
    synchronise(device)
    start = time.perf_counter()
    body()
    synchronise(device)
    return time.perf_counter() - start


def reset_peak(device):
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peak_bytes(device):
    """Of the tensors on a GPU (the context and the allocator's reserve are not counted); of the process on a CPU."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def median(values):
    return sorted(values)[len(values) // 2]


def reason_of(error):
    """One line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:300]


def out_of_memory(error):
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error).lower()


def say(**figures):
    """One line of JSON, at once: what is measured stays measured when a later case is stopped."""
    print(json.dumps(figures), flush=True)
