"""Who meets whom: the contests of the bench, as (table, entries, pace).

table: where in the report; entries: as `contest` takes them; pace: {"rounds", "turn_ms", "pause"} as `take_turns` does.
"""

from benchmark.works import int8_products as all_int8_products
from benchmark.works import pruned_layer

from nnlite.bench import works

MANY = {"rounds": 3, "turn_ms": 5, "pause": 0.02}  # for the 125 int8 products


def all_contests(models, threads, peers, pace):
    """nnlite against its peers, and against itself."""
    found = []
    for n in threads:
        found += [*ladder(n, pace), *networks(models, n, peers, pace)]
        found += cnn_against_itself(n, pace) if "cnn" in models else []
        found.append(("sparse", [ours(work, n) for work in pruned_layer()], pace))
        found += int8_products(n) if "onnxruntime" in peers else []
    if "cnn" in models and len(threads) > 1:
        whole, _ = works.inference(["cnn"], [256])[0]
        found.append(("threads", [ours(whole, n) for n in (threads[0], threads[-1])], pace))
    return found


def ladder(threads, pace):
    """Each product on the rungs of the ladder."""
    return [("ladder", [ours(work, threads) for work in group], pace) for group in works.ladder()]


def networks(models, threads, peers, pace):
    """Each training step and each inference, by everyone."""
    return [*(("networks", training_entries(work, threads, peers), pace) for work in works.training(models)),
            *(("networks", inference_entries(pair, threads, peers), pace) for pair in works.inference(models))]


def cnn_against_itself(threads, pace):
    """cnn shrunk by half of each layer's filters against the whole; batches of several sizes."""
    whole, _ = works.inference(["cnn"], [64])[0]
    batches = zip(*works.inference(["cnn"], [64, 256, 1024]), strict=True)
    return [("shrunk", [ours(whole, threads), ours({**whole, "shrunk": True}, threads)], pace),
            *(("batches", [ours(work, threads) for work in same], pace) for same in batches)]


def int8_products(threads):
    """All shapes against ONNX Runtime's MatMulInteger."""
    return [("int8 products", [ours(work, threads), {**work, "by": "onnxruntime", "threads": threads}], MANY)
            for work in all_int8_products()]


def ours(work, threads):
    return {**work, "by": "nnlite", "threads": threads}


def training_entries(work, threads, peers):
    """nnlite's, torch's, and for images torch's with the channels last."""
    entries = [ours(work, threads)]
    if "torch" in peers:
        layouts = ["channels first"] if work["model"] == "lenet-300-100" else ["channels first", "channels last"]
        entries += [{**work, "by": "torch", "threads": threads, "layout": layout} for layout in layouts]
    return entries


def inference_entries(pair, threads, peers):
    """nnlite's and ONNX Runtime's in float32 and int8, torch's in float32."""
    entries = [ours(work, threads) for work in pair]
    entries += [{**pair[0], "by": "torch", "threads": threads}] * ("torch" in peers)
    return entries + [{**work, "by": "onnxruntime", "threads": threads} for work in pair if "onnxruntime" in peers]
