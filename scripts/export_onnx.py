#!/usr/bin/env python3
"""Exports networks of torchvision, and some recurrent ones, to ONNX files without weight data.

    scripts/export_onnx.py resnet18 swin_t --output DIR [--opset 17] [--size N]
                           [--batch N | --symbolic]
    scripts/export_onnx.py --list

Weights are never downloaded: networks are built untrained, and the data of all but small tensors is
left out of the file, which then holds shapes only. With --macs a table DIR/macs.csv is written: the
multiply-accumulates that PyTorch itself does, counted where each operation is dispatched, and the
parameters of its modules.
Needs python3-torch, python3-torchvision and python3-onnx.
"""
import argparse
import csv
import math
import pathlib
import sys
import warnings

import onnx
import torch
import torchvision
from torch.utils._python_dispatch import TorchDispatchMode

KEPT_ELEMENTS = 64  # tensors up to this size keep their data: they may hold shapes
KEPT_INTEGERS = 1024  # integers up to this many: lists of places

CLASSIFIERS = """alexnet squeezenet1_0 squeezenet1_1 densenet121 shufflenet_v2_x0_5
    shufflenet_v2_x1_0 mnasnet0_5 mnasnet1_0 googlenet inception_v3 resnet18 resnet34 resnet50
    resnet101 resnext50_32x4d wide_resnet50_2 regnet_y_400mf regnet_x_400mf regnet_x_3_2gf
    convnext_tiny mobilenet_v2 mobilenet_v3_small mobilenet_v3_large efficientnet_b0
    efficientnet_v2_s vgg16 vgg16_bn vgg19 vit_b_16 swin_t maxvit_t""".split()
SEGMENTATION = """deeplabv3_resnet50 deeplabv3_mobilenet_v3_large fcn_resnet50
    lraspp_mobilenet_v3_large""".split()
DETECTION = """ssd300_vgg16 ssdlite320_mobilenet_v3_large fasterrcnn_resnet50_fpn
    fasterrcnn_mobilenet_v3_large_320_fpn retinanet_resnet50_fpn maskrcnn_resnet50_fpn
    fcos_resnet50_fpn""".split()


class Recurrent(torch.nn.Module):
    """A language model of two recurrent layers: embedding, recurrence, projection."""

    def __init__(self, kind, bidirectional=False):
        super().__init__()
        self.embedding = torch.nn.Embedding(1000, 64)
        self.recurrence = kind(64, 128, num_layers=2, bidirectional=bidirectional)
        self.projection = torch.nn.Linear(256 if bidirectional else 128, 1000)

    def forward(self, tokens):
        return self.projection(self.recurrence(self.embedding(tokens))[0])


class Upscaler(torch.nn.Module):
    """Transposed convolution, pixel shuffle and bilinear interpolation in a row."""

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(3, 32, 3, padding=1), torch.nn.PReLU(),
            torch.nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1), torch.nn.GroupNorm(4, 16),
            torch.nn.SiLU(), torch.nn.Conv2d(16, 12, 3, padding=1), torch.nn.PixelShuffle(2))

    def forward(self, image):
        return torch.nn.functional.interpolate(self.layers(image), scale_factor=1.5,
                                               mode="bilinear", align_corners=False)


RECURRENT = {
    "lstm": lambda: Recurrent(torch.nn.LSTM),
    "gru": lambda: Recurrent(torch.nn.GRU),
    "bilstm": lambda: Recurrent(torch.nn.LSTM, bidirectional=True),
    "rnn": lambda: Recurrent(torch.nn.RNN),
}


def build(name, size=None):
    """The untrained network and an input of batch 1, of `size` x `size` points where it is given."""
    image = size or (299 if name == "inception_v3" else 224)
    if name in RECURRENT:
        return RECURRENT[name](), torch.zeros(35, 1, dtype=torch.int64)
    if name == "upscaler":
        return Upscaler(), torch.rand(1, 3, 48, 64)
    if name in SEGMENTATION:
        model = torchvision.models.get_model(name, weights=None, weights_backbone=None)
        return OnlyOut(model), torch.rand(1, 3, size or 256, size or 256)
    if name in DETECTION:
        size = size or (300 if name.startswith("ssd300") else 320)
        return (torchvision.models.get_model(name, weights=None, weights_backbone=None),
                torch.rand(1, 3, size, size))
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    if options:
        options["aux_logits"] = False
    return torchvision.models.get_model(name, weights=None, **options), torch.rand(1, 3, image, image)


class OnlyOut(torch.nn.Module):
    """Segmentation networks return a dictionary; ONNX wants a tensor."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, image):
        return self.model(image)["out"]


class MacCounter(TorchDispatchMode):
    """Adds up the multiply-accumulates of every convolution and matrix product dispatched."""

    def __init__(self):
        super().__init__()
        self.macs = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        name = func.__name__.split(".")[0]
        if name in ("mm", "addmm"):
            first = args[0] if name == "mm" else args[1]
            self.macs += result.numel() * first.shape[-1]
        elif name in ("bmm", "baddbmm"):
            first = args[0] if name == "bmm" else args[1]
            self.macs += result.numel() * first.shape[-1]
        elif name == "convolution":
            weight, transposed = args[1], args[6]
            outer = args[0] if transposed else result
            self.macs += outer.numel() * math.prod(weight.shape[1:])
        return result


def count_macs(model, sample):
    with MacCounter() as counter, torch.enable_grad():  # with gradients: no fused attention
        model(sample)
    return counter.macs


def strip(tensor):
    """Leaves name, type and shape."""
    kept = KEPT_INTEGERS if tensor.data_type in (6, 7, 9) else KEPT_ELEMENTS
    if math.prod(tensor.dims) <= kept:
        return
    for field in ("raw_data", "float_data", "double_data", "int32_data", "int64_data"):
        tensor.ClearField(field)


def strip_graph(graph):
    for tensor in graph.initializer:
        strip(tensor)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                strip(attribute.t)
            if attribute.HasField("g"):
                strip_graph(attribute.g)
    del graph.value_info[:]


def export(name, arguments):
    torch.manual_seed(0)
    model, sample = build(name, arguments.size)
    model.eval()
    if arguments.batch > 1:
        axis = 1 if name in RECURRENT else 0
        sample = torch.cat([sample] * arguments.batch, dim=axis)
    axes = None
    if arguments.symbolic:
        axes = {"input": {1 if name in RECURRENT else 0: "batch"}}
    suffix = f"_{arguments.size}" if arguments.size else ""
    path = arguments.output / f"{name}{suffix}.onnx"
    torch.onnx.export(model, sample, str(path), opset_version=arguments.opset,
                      input_names=["input"], dynamic_axes=axes)
    stored = onnx.load(str(path))
    strip_graph(stored.graph)
    for node in stored.graph.node:
        node.doc_string = ""
    onnx.save(stored, str(path))
    parameters = sum(weights.numel() for weights in model.parameters())
    return (path.stem, count_macs(model, sample), parameters) if arguments.macs else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", help="names of --list")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("."))
    parser.add_argument("--opset", type=int, default=17)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--size", type=int, help="rows and columns of the image")
    parser.add_argument("--symbolic", action="store_true", help="leave the batch open")
    parser.add_argument("--macs", action="store_true", help="count and write macs.csv")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    known = CLASSIFIERS + SEGMENTATION + DETECTION + list(RECURRENT) + ["upscaler"]
    if arguments.list:
        print("\n".join(known))
        return 0
    unknown = [name for name in arguments.networks if name not in known]
    if unknown or not arguments.networks:
        parser.error(f"unknown networks: {', '.join(unknown)}" if unknown else "no networks named")
    warnings.filterwarnings("ignore")
    arguments.output.mkdir(parents=True, exist_ok=True)
    counts, failed = [], 0
    for name in arguments.networks:
        try:
            counts.append(export(name, arguments))
            print(f"{name}: exported", file=sys.stderr)
        except Exception as error:  # noqa: BLE001 - one network must not stop the others
            print(f"{name}: {type(error).__name__}: {str(error)[:300]}", file=sys.stderr)
            failed += 1
    if arguments.macs:
        with open(arguments.output / "macs.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["network", "macs", "parameters"])
            writer.writerows(counts)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
