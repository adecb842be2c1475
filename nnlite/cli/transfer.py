"""nnlite transfer: which of several pretrained models suits a data set, and fine-tune that one."""

import numpy as np
from tqdm import tqdm

from nnlite import functional as F
from nnlite import plot
from nnlite.cli.common import compared, compile_for_images, describe, load_model, load_task
from nnlite.cli.finetune import check_options, tune
from nnlite.cli.report import short_names
from nntransfer.domains import h_score, leep_score, logme_score
from nntransfer.finetune import head_inputs

NAMES = {"logme": "LogME", "leep": "LEEP", "h-score": "H-score"}


def run(arguments):
    check_options(arguments, arguments.sources)
    task = load_task(arguments).with_few_labels(arguments.labels_per_class, arguments.seed)
    rows = [score(path, task, arguments) for path in tqdm(arguments.sources, "score", leave=False, disable=None)]
    best = max(range(len(rows)), key=lambda i: rows[i][arguments.by])
    scores = {NAMES[arguments.by]: {row["file"]: row[arguments.by] for row in rows}}
    result, _ = tune(arguments.sources[best], task, arguments, "transfer", scores)
    result |= {"sources": rows, "by": arguments.by, "chosen": rows[best]["file"]}
    if arguments.picture is not None:
        names = short_names([row["file"] for row in rows])
        plot.horizontal_bars({name: row[arguments.by] for name, row in zip(names, rows, strict=True)},
                             "Which source suits best", f"{NAMES[arguments.by]} on {arguments.data} (higher is better)",
                             arguments.picture)
    return result, f"{table(rows, best)}\n{describe(result)}{compared(result.get('baselines', {}))}"


def score(path, task, arguments):
    """The three scores of one file, from the target's labelled training images."""
    model, _ = load_model(path, own=task.own)
    compile_for_images(path, model, task)
    features, logits, labels = head_inputs(model, task.plain_loader(arguments.batch_size))
    if not np.isfinite(logits).all():
        raise ValueError(f"{path} gives outputs that are NaN or infinite")
    return {"file": str(path), "images": len(labels), "features": features.shape[1],
            "logme": round(logme_score(features, labels), 6), "leep": round(leep_score(F.softmax(logits).data, labels), 6),
            "h-score": round(h_score(features, labels), 6)}


def table(rows, best):
    """The scores, the chosen file first."""
    width = max(len(row["file"]) for row in rows)
    lines = [f"{'source'.ljust(width)}  {'LogME':>8}  {'LEEP':>8}  {'H-score':>8}"]
    for i in sorted(range(len(rows)), key=lambda i: i != best):
        row = rows[i]
        chosen = "  <- chosen" if i == best else ""
        lines.append(f"{row['file'].ljust(width)}  {row['logme']:8.3f}  {row['leep']:8.3f}  {row['h-score']:8.3f}{chosen}")
    if rows[best]["images"] <= rows[best]["features"]:
        lines.append(f"{rows[best]['images']} images in {rows[best]['features']} features: the H-score says nothing here")
    return "\n".join(lines)
