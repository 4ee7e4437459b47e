"""The benchmark's work in PyTorch: on the processor, or on the graphics card, in full float32, where the others are.

Reads a request as JSON from its argument and prints the answer as JSON; process.ts says what is in them.
"""

import json
import math
import platform
import statistics
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "fixtures" / "pytorch"))
from hashed import hashed  # noqa: E402

SALTS = {"first": 100, "second": 101, "gradient": 102, "images": 103, "noise": 104}
CHECKED_STEPS = 3

torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False
device = torch.device("cpu")  # main() may choose the card


def choose_card():
    global device
    if not torch.cuda.is_available():
        raise RuntimeError(f"PyTorch {torch.__version__} sees no graphics card (torch.cuda.is_available() is false)")
    device = torch.device("cuda")
    just_above_one = torch.full((256, 256), 1 + 2**-12, device=device)  # 1 in TF32
    if (just_above_one @ torch.eye(256, device=device))[0, 0].item() == 1:
        raise RuntimeError("PyTorch multiplies in TF32 though it is told not to")


def adapter():
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}, CUDA {torch.version.cuda}"
    return f"{platform.machine()}, {torch.get_num_threads()} threads"


def numbers(shape, salt, bound=1.0):
    return hashed(shape, salt, bound).to(device)


def images(work):
    return (numbers([work["batch"], *work["model"]["input"]], SALTS["images"]) + 1) / 2


def bound_of(shape):
    """The same as in numbers.ts."""
    return 2.2 / math.sqrt(math.prod(shape[1:])) if len(shape) > 1 else 0.1


class Layers(torch.nn.ModuleList):
    """The chains of a model; parameters are made in the order of the layers."""

    def __init__(self, chains):
        super().__init__([torch.nn.Sequential(*[made for layer in chain for made in modules(layer)]) for chain in chains])
        with torch.no_grad():
            for salt, parameter in enumerate(self.parameters()):
                parameter.copy_(hashed(parameter.shape, salt, bound_of(parameter.shape)))
        self.to(device)


def modules(layer):
    kind = layer["type"]
    window = (layer.get("kernelSize"), layer.get("stride"))
    if kind == "conv2d":
        return [torch.nn.Conv2d(layer["inChannels"], layer["outChannels"], *window, layer["padding"])]
    if kind == "linear":
        linear = torch.nn.Linear(layer["inFeatures"], layer["outFeatures"])
        return [torch.nn.Flatten(), linear] if "image" in layer else [linear]
    if kind == "maxPool2d":
        return [torch.nn.MaxPool2d(*window)]
    if kind == "avgPool2d":
        return [torch.nn.AvgPool2d(*window)]
    if kind == "dropout":
        return [torch.nn.Dropout(layer["probability"])]
    return [{"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "sigmoid": torch.nn.Sigmoid}[kind]()]


def computing(compute):
    """The pair of a task: run, which reads the first number, and results."""
    return lambda: compute()[-1].flatten()[0].item(), compute


def inference(forward):
    def compute():
        with torch.no_grad():
            return [forward()]

    return computing(compute)


def with_gradients(forward, inputs):
    gradient = numbers(forward(*inputs).shape, SALTS["gradient"])
    for x in inputs:
        x.requires_grad_()

    def compute():
        y = forward(*inputs)
        return [y, *torch.autograd.grad(y, inputs, gradient)]

    return computing(compute)


def training(work):
    model, x = Layers(work["model"]["chains"]), images(work)
    labels = (7 * torch.arange(work["batch"], device=device)) % 10
    noise = numbers([work["batch"], 20], SALTS["noise"])
    kind, rate = work["optimizer"]["name"], work["optimizer"]["learningRate"]
    if kind == "adam":
        optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=work["optimizer"]["momentum"])

    def loss():
        if work["model"]["loss"] == "mse":
            return F.mse_loss(model[0](x), x.flatten(1))
        if work["model"]["loss"] == "crossEntropy":
            return F.cross_entropy(model[0](x), labels)
        encode, mean_of, log_variance_of, decode = model
        hidden = encode(x)
        mean, log_variance = mean_of(hidden), log_variance_of(hidden)
        drawn = torch.randn_like(noise) if model.training else noise
        codes = mean + torch.exp(0.5 * log_variance) * drawn
        likelihood = F.binary_cross_entropy_with_logits(decode(codes), x.flatten(1), reduction="sum")
        divergence = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum()
        return (likelihood + divergence) / len(x)

    def step():
        value = loss()
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        optimizer.step()
        return value.item()

    def results():
        model.eval()
        before = [parameter.detach().clone() for parameter in model.parameters()]
        losses = torch.tensor([step() for _ in range(CHECKED_STEPS)])
        moves = [(now.detach() - then).norm().cpu() for now, then in zip(model.parameters(), before)]
        model.train()
        return [losses, torch.stack([losses[0], *moves])]

    return step, results


def task_of(work):
    kind = work["kind"]
    if kind == "matmul":
        a, b = (numbers([work["size"]] * 2, SALTS[name]) for name in ("first", "second"))
        return inference(lambda: a @ b)
    if kind == "additions":
        x, y = (numbers([work["elements"]], SALTS[name]) for name in ("first", "second"))

        def additions():
            total = x
            for _ in range(work["count"]):
                total = total + y
            return total

        return inference(additions)
    if kind == "conv2d":
        x, weight = numbers(work["images"], SALTS["first"]), numbers(work["weight"], SALTS["second"])
        forward = lambda x, weight: F.conv2d(x, weight, padding=work["padding"])
        return with_gradients(forward, [x, weight]) if work["backward"] else inference(lambda: forward(x, weight))
    if kind == "maxPool2d":
        x = numbers(work["images"], SALTS["first"])
        return with_gradients(lambda x: F.max_pool2d(x, work["kernelSize"], work["stride"]), [x])
    if kind == "forward":
        model, x = Layers(work["model"]["chains"]).eval(), images(work)
        return inference(lambda: model[0](x))
    return training(work)


def spread(values, most):
    """At most so many values, evenly from all; spread.ts takes the same."""
    values = values.detach().flatten().cpu()
    step = math.ceil(len(values) / most)
    while math.gcd(step, len(values)) > 1:
        step += 1
    return values[::step].tolist()


def synchronize():
    if device.type == "cuda":
        torch.cuda.synchronize()


def timed(run):
    synchronize()
    start = time.perf_counter()
    number = run()
    synchronize()
    return 1000 * (time.perf_counter() - start), number


def median_time(run, timing):
    expected, _ = timed(run)
    first_done, warm_ups = time.perf_counter(), 1
    while warm_ups < timing["warmUps"] or 1000 * (time.perf_counter() - first_done) < timing["warmUpTime"]:
        expected, _ = timed(run)
        warm_ups += 1
    count = max(timing["least"], min(timing["most"], round(timing["budget"] / expected)))
    return statistics.median(timed(run)[0] for _ in range(count))


def answer(request):
    if request["onCard"]:
        choose_card()
    run, results = task_of(request["work"])
    if request["cold"]:
        milliseconds, number = timed(run)
        compared = [torch.tensor([number])]
    else:
        compared = results()
    if not all(result.isfinite().all() for result in compared):
        return {"adapter": adapter(), "failure": "its result has NaN or infinity"}
    values = [spread(result, request["values"]) for result in compared]
    if not request["cold"]:
        milliseconds = median_time(run, request["timing"])
    return {"adapter": adapter(), "milliseconds": milliseconds, "values": values}


print(json.dumps(answer(json.loads(sys.argv[1]))))
