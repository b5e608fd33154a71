"""FedAvg in Flower's simulation on a model of dense layers, for `fedloom bench flower`.

    python3 flower-simulation.py FOLDER [--plain]

FOLDER holds what the benchmark has written: settings.json, weights.f32, xs.f32, ys.i32, test-xs.f32, test-ys.i32; a client's
examples lie one after the other. Prints one JSON object: {"seconds", "accuracy", "flower"}, or {"missing": what}. With --plain the
same rounds run in a plain loop without Flower, which shows that the model and the data are the same.
"""

import json
import os
import sys
import time

# Before NumPy is loaded: one thread a client, as with the other side of the comparison.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
os.environ.setdefault("RAY_DEDUP_LOGS", "0")

try:
    import numpy as np
except ImportError:
    print(json.dumps({"missing": "numpy"}))
    sys.exit(0)

folder = sys.argv[1]
with open(os.path.join(folder, "settings.json"), encoding="utf-8") as file:
    settings = json.load(file)


def read(name, dtype, columns=None):
    """Mapped into memory: a worker reads the pages that its clients need."""
    values = np.memmap(os.path.join(folder, name), dtype=dtype, mode="r")
    return values if columns is None else values.reshape(-1, columns)


def initial():
    """Kernels [in, out] and biases [out], as they lie in the file."""
    values, weights, at = np.fromfile(os.path.join(folder, "weights.f32"), "<f4"), [], 0
    for shape in settings["shapes"]:
        size = int(np.prod(shape))
        weights.append(values[at : at + size].reshape(shape).copy())
        at += size
    return weights


def forward(weights, x):
    """The input of each layer, and the scores of the last; hidden layers are ReLU."""
    inputs = []
    for layer in range(0, len(weights), 2):
        inputs.append(x)
        x = x @ weights[layer] + weights[layer + 1]
        if layer + 2 < len(weights):
            x = np.maximum(x, 0)
    return inputs, x


def step(weights, x, y, rate):
    """One step of SGD on the mean cross-entropy, in place."""
    inputs, scores = forward(weights, x)
    scores -= scores.max(axis=1, keepdims=True)
    gradient = np.exp(scores)
    gradient /= gradient.sum(axis=1, keepdims=True)
    gradient[np.arange(len(y)), y] -= 1
    gradient /= len(y)
    for layer in range(len(weights) - 2, -1, -2):
        below = (gradient @ weights[layer].T) * (inputs[layer // 2] > 0) if layer > 0 else None
        weights[layer] -= rate * (inputs[layer // 2].T @ gradient)
        weights[layer + 1] -= rate * gradient.sum(axis=0)
        gradient = below


def train(weights, client, number):
    """Local epochs of one client. Returns its weights and its number of examples."""
    weights = [each.astype(np.float32).copy() for each in weights]
    start, end = settings["parts"][client]
    xs = np.array(read("xs.f32", "<f4", settings["features"])[start:end])
    ys = np.array(read("ys.i32", "<i4")[start:end])
    random = np.random.default_rng([settings["seed"], client, number])
    batch = settings["batchSize"] or len(ys)
    for _ in range(settings["localEpochs"]):
        order = random.permutation(len(ys))
        for at in range(0, len(ys), batch):
            rows = order[at : at + batch]
            step(weights, xs[rows], ys[rows], settings["clientLearningRate"])
    return weights, len(ys)


def accuracy_of(weights):
    _, scores = forward(weights, np.asarray(read("test-xs.f32", "<f4", settings["features"])))
    return float((scores.argmax(axis=1) == read("test-ys.i32", "<i4")).mean())


def plain():
    random, weights, accuracy = np.random.default_rng(settings["seed"]), initial(), None
    start = time.perf_counter()
    for number in range(settings["rounds"]):
        picked = random.choice(len(settings["parts"]), settings["clientsPerRound"], replace=False)
        results = [train(weights, int(client), number) for client in picked]
        total = sum(examples for _, examples in results)
        weights = [sum(examples / total * own[i] for own, examples in results) for i in range(len(weights))]
        accuracy = accuracy_of(weights)
    return {"seconds": time.perf_counter() - start, "accuracy": accuracy, "flower": None}


def flower():
    try:
        import flwr
        import ray  # noqa: F401  the engine of its simulation
        from flwr.client import ClientApp, NumPyClient
        from flwr.common import ndarrays_to_parameters
        from flwr.server import ServerApp, ServerAppComponents, ServerConfig
        from flwr.server.strategy import FedAvg
        from flwr.simulation import run_simulation
    except ImportError as error:
        return {"missing": error.name or str(error)}

    class Client(NumPyClient):
        def __init__(self, client):
            self.client = client

        def fit(self, parameters, config):
            weights, examples = train(parameters, self.client, config["number"])
            return weights, examples, {}

    measured = {}

    def evaluate(number, parameters, _):
        if number == 0:
            return None
        measured[number] = accuracy_of(parameters)
        return 0.0, {"accuracy": measured[number]}

    clients, picked = len(settings["parts"]), settings["clientsPerRound"]
    strategy = FedAvg(
        fraction_fit=picked / clients,
        fraction_evaluate=0.0,
        min_fit_clients=picked,
        min_available_clients=clients,
        initial_parameters=ndarrays_to_parameters(initial()),
        evaluate_fn=evaluate,
        on_fit_config_fn=lambda number: {"number": number},
    )
    config = ServerConfig(num_rounds=settings["rounds"])
    start = time.perf_counter()
    run_simulation(
        server_app=ServerApp(server_fn=lambda _: ServerAppComponents(strategy=strategy, config=config)),
        client_app=ClientApp(client_fn=lambda context: Client(int(context.node_config["partition-id"])).to_client()),
        num_supernodes=clients,
        backend_config={
            "client_resources": {"num_cpus": 1, "num_gpus": 0.0},
            "init_args": {"num_cpus": settings["workers"], "include_dashboard": False},
        },
    )
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "accuracy": measured.get(settings["rounds"]), "flower": flwr.__version__}


print("\n" + json.dumps(plain() if "--plain" in sys.argv else flower()))
