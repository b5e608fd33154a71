"""The same models in PyTorch on one thread, for `fedloom bench engine`.

Reads one JSON object a line from stdin and answers each with one line: first {"model", "batchSize"}, answered by {"ready"},
then {"ms"} for each measurement, answered by {"value"}: the median of examples a second.
"""

import json
import os
import statistics
import sys
import time

# Before torch is loaded: OpenBLAS starts its threads then.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
import torch  # noqa: E402
from torch import nn  # noqa: E402

torch.set_num_threads(1)


class ChannelsFirst(nn.Module):
    def forward(self, x):
        return x.permute(0, 3, 1, 2).contiguous()


class Recurrent(nn.Module):
    def __init__(self, inputs, units, returns_sequences):
        super().__init__()
        self.cell = nn.LSTM(inputs, units, batch_first=True)
        self.returns_sequences = returns_sequences

    def forward(self, x):
        y, _ = self.cell(x)
        return y if self.returns_sequences else y[:, -1]


def build(spec):
    """The model and the shape of one input; activations at the end belong to the loss."""
    shape = list(spec["input"])
    modules = []
    if len(shape) == 3:
        modules.append(ChannelsFirst())
    for index, layer in enumerate(spec["layers"]):
        kind = layer["type"]
        if kind == "dense":
            modules.append(nn.Linear(shape[-1], layer["units"]))
            shape = shape[:-1] + [layer["units"]]
        elif kind == "conv2d":
            kernel = layer["kernelSize"]
            if layer["padding"] != "same" or kernel[0] % 2 == 0 or layer["strides"] != [1, 1]:
                raise ValueError(f"conv2d with {layer} has no counterpart here")
            modules.append(nn.Conv2d(shape[2], layer["filters"], tuple(kernel), padding=(kernel[0] // 2, kernel[1] // 2)))
            shape = [shape[0], shape[1], layer["filters"]]
        elif kind == "maxPooling2d":
            height, width = layer["poolSize"]
            modules.append(nn.MaxPool2d((height, width)))
            shape = [shape[0] // height, shape[1] // width, shape[2]]
        elif kind == "flatten":
            modules.append(nn.Flatten())
            size = 1
            for side in shape:
                size *= side
            shape = [size]
        elif kind == "embedding":
            modules.append(nn.Embedding(layer["inputDim"], layer["outputDim"]))
            shape = [shape[0], layer["outputDim"]]
        elif kind == "lstm":
            modules.append(Recurrent(shape[1], layer["units"], layer["returnSequences"]))
            shape = [shape[0], layer["units"]] if layer["returnSequences"] else [layer["units"]]
        else:
            raise ValueError(f"layer {kind} has no counterpart here")
        if layer.get("activation") == "relu":
            modules.append(nn.ReLU())
        elif layer.get("activation", "linear") not in ("linear", "softmax"):
            raise ValueError(f"activation {layer['activation']} has no counterpart here")
    return nn.Sequential(*modules), shape


def main():
    request = json.loads(sys.stdin.readline())
    spec, batch = request["model"], request["batchSize"]
    try:
        torch.manual_seed(1)
        model, output = build(spec)
        first = spec["layers"][0]
        if first["type"] == "embedding":
            x = torch.randint(0, first["inputDim"], (batch, *spec["input"]))
        else:
            x = torch.rand(batch, *spec["input"])
        classes = output[-1]
        y = torch.randint(0, classes, (batch, *output[:-1])).reshape(-1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        loss_of = nn.CrossEntropyLoss()

        def step():
            optimizer.zero_grad()
            loss_of(model(x).reshape(-1, classes), y).backward()
            optimizer.step()

        for _ in range(3):
            step()
    except Exception as error:  # told to the benchmark, which goes on without
        print(json.dumps({"failed": str(error)}), flush=True)
        return
    print(json.dumps({"ready": torch.__version__}), flush=True)
    for line in sys.stdin:
        end = time.perf_counter() + json.loads(line)["ms"] / 1000
        times = []
        while len(times) < 5 or time.perf_counter() < end:
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
        print(json.dumps({"value": batch / statistics.median(times)}), flush=True)


main()
