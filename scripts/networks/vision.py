"""Classifiers, detectors and segmentation that torchvision does not have as they were measured."""
import functools

from .layers import (act, add, branches, concat, conv, depthwise, entry, group, linear, norm, pool,
                     reshape, residual, squeeze_excite, transpose, upsample)

relu = functools.partial(conv, act="relu")
relu6 = functools.partial(conv, act="relu6")


def network(name, description, source, layers, shape, outputs=None):
    made = {"name": name, "description": description, "source": source,
            "input": {"shape": list(shape)}, "layers": layers}
    if outputs:
        made["outputs"] = outputs
    return made


def classifier(classes):
    return [pool("global_average"), entry("flatten", {}), linear(classes, name="classifier")]


def divisible(value, by=8):
    made = max(by, int(value + by / 2) // by * by)
    return made + by if made < 0.9 * value else made


# MobileNet v1, v2 and what detects with them -----------------------------------------------------

V1 = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] + [(512, 1)] * 5 + [(1024, 2),
                                                                                 (1024, 1)]


def v1_body(width=1.0, names=None):
    def ch(c):
        return max(8, int(c * width))

    layers = [relu6(ch(32), 3, 2, name="stem")]
    for i, (c, stride) in enumerate(V1, 1):
        layers += [depthwise(3, stride, act="relu6"),
                   relu6(ch(c), name=(names or {}).get(i))]
    return layers


def mobilenet_v1(name="mobilenet_v1", width=1.0, size=224, classes=1001):
    return network(name, f"MobileNet v1, width {width}, {size} x {size}",
                   "Howard et al., arXiv 1704.04861, table 1 and its published checkpoints "
                   "(tensorflow/models, 1001 classes); compared in published.csv",
                   v1_body(width) + classifier(classes), [3, size, size])


def box_heads(levels, anchors, classes, kernel=1, stride=1, cell=None):
    """Sides and classes of every anchor at every place of each level."""
    layers = []
    for i, (level, count) in enumerate(zip(levels, anchors)):
        one = cell or (lambda filters: [conv(filters, kernel, stride, kernel // 2, bias=True,
                                             norm=None)])
        for part, filters in (("boxes", 4), ("classes", classes)):
            layers.append(group(one(count * filters) + [reshape(filters, -1)], f"{part}{i}",
                                source=level))
    for part in ("boxes", "classes"):
        others = [f"{part}{i}" for i in range(1, len(levels))]
        layers.append(concat(*others, axis=2, name=f"all_{part}", source=f"{part}0"))
    layers.append(act("sigmoid", name="scores"))
    return layers


def ssd_mobilenet_v1():
    layers = v1_body(names={11: "level0", 13: "level1"})
    for i, (inner, outer) in enumerate([(256, 512), (128, 256), (128, 256), (64, 128)], 2):
        layers += [relu6(inner), relu6(outer, 3, 2, name=f"level{i}")]
    layers += box_heads([f"level{i}" for i in range(6)], [3] + [6] * 5, 91)
    return network("ssd_mobilenet_v1_300", "SSD with MobileNet v1, 300 x 300, 91 classes of COCO; "
                   "decoding and suppression of boxes left to the host",
                   "MLPerf Inference v0.5 reference (ssd_mobilenet_v1_coco of tensorflow/models); "
                   "compared in published.csv", layers, [3, 300, 300], ["all_boxes", "scores"])


V2 = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
      (6, 320, 1, 1)]


def v2_unit(before, factor, after, stride, dilation=1, names=None):
    layers = [relu6(factor * before, name=names)] if factor > 1 else []
    layers += [depthwise(3, stride, act="relu6", dilation=dilation), conv(after)]
    return residual(*layers) if stride == 1 and before == after else group(layers)


def v2_body(output_stride=32, level=None, width=1.0):
    """Up to the last bottleneck; `low` names the features at a quarter of the size."""
    layers, before, reached = [relu6(divisible(32 * width), 3, 2, name="stem")], \
        divisible(32 * width), 2
    for factor, c, count, stride in V2:
        c = divisible(c * width)
        for i in range(count):
            step = stride if i == 0 else 1
            dilation = 1
            if step == 2 and reached >= output_stride:
                step = 1
            if reached >= output_stride and c in (160, 320):
                dilation = 2
            reached *= step
            unit = dict(v2_unit(before, factor, c, step, dilation))
            before = c
            layers.append(unit)
        if c == 24:
            layers[-1] = {"name": "low"} | layers[-1]
    return layers


def ssd_mobilenet_v2(name="ssd_mobilenet_v2_300", size=300, classes=91):
    layers = v2_body()
    # The expansion of the first bottleneck of 160 channels gives the first level.
    at = next(i for i, layer in enumerate(layers) if "layers" in layer
              and any("conv" in one and one["conv"]["filters"] == 160 for one in layer["layers"]))
    unit = layers[at]["layers"]
    layers[at:at + 1] = [{"name": "level0"} | unit[0]] + unit[1:]
    layers.append(relu6(1280, name="level1"))
    for i, (inner, outer) in enumerate([(256, 512), (128, 256), (128, 256), (64, 128)], 2):
        layers += [relu6(inner), relu6(outer, 3, 2, name=f"level{i}")]
    layers += box_heads([f"level{i}" for i in range(6)], [3] + [6] * 5, classes)
    return network(name, f"SSD with MobileNet v2, {size} x {size}, {classes} classes with the "
                   "background; decoding and suppression of boxes left to the host",
                   "ssd_mobilenet_v2_coco of tensorflow/models", layers, [3, size, size],
                   ["all_boxes", "scores"])


def aspp(channels, rates, size, out=256):
    """Convolutions of several rates beside the mean of all places."""
    lists = [[relu(out)]]
    lists += [[relu(out, 3, dilation=rate)] for rate in rates]
    lists.append([pool("global_average"), relu(out),
                  entry("resize", {"rows": size, "columns": size, "mode": "bilinear"})])
    return [branches("concat", *lists), relu(out)]


def deeplab_v3(size):
    grid = (size - 1) // 16 + 1
    layers = v2_body(16) + aspp(320, [], grid) + [
        conv(21, bias=True, norm=None),
        entry("resize", {"rows": size, "columns": size, "mode": "bilinear"})]
    suffix = "" if size == 513 else f"_{size}"
    return network(f"deeplab_v3_mobilenet_v2{suffix}",
                   f"DeepLab v3 with MobileNet v2, output stride 16, {size} x {size}, 21 classes",
                   "Sandler et al., CVPR 2018, table 7 (MobileNet v2 without atrous pyramid; 2.11 M "
                   "parameters, 2.75 G multiply-adds at 513); compared in published.csv",
                   layers, [3, size, size])


def deeplab_v3_plus(size=513):
    grid, quarter = (size - 1) // 16 + 1, (size - 1) // 4 + 1
    to = {"rows": quarter, "columns": quarter, "mode": "bilinear"}
    layers = v2_body(16) + aspp(320, [6, 12, 18], grid) + [
        entry("resize", to, name="far"), relu(48, source="low"), concat("far"),
        relu(256, 3), relu(256, 3), conv(21, bias=True, norm=None),
        entry("resize", {"rows": size, "columns": size, "mode": "bilinear"})]
    return network("deeplabv3_plus_mobilenet",
                   f"DeepLab v3+ with MobileNet v2, output stride 16, {size} x {size}, 21 classes",
                   "Chen et al., ECCV 2018, with MobileNet v2; parameters as quic/ai-hub-models "
                   "gives them (5.80 M); compared in published.csv", layers, [3, size, size])


def unet_mobilenet_v2():
    layers, before = [relu6(32, 3, 2, name="stem")], 32
    for factor, c, count, stride in V2[:-1]:
        for i in range(count):
            step = stride if i == 0 else 1
            inner = None
            if step == 2 and i == 0:
                inner = {24: "skip1", 32: "skip2", 64: "skip3", 160: "skip4"}[c]
            if inner:
                layers += [relu6(factor * before, name=inner), depthwise(3, step, act="relu6"),
                           conv(c)]
            else:
                layers.append(v2_unit(before, factor, c, step))
            before = c
    layers += [relu6(960, name="expanded"), depthwise(3, act="relu6"), conv(320)]
    for c, skip in ((512, "skip4"), (256, "skip3"), (128, "skip2"), (64, "skip1")):
        layers += [conv(c, 3, 2, 1, act="relu", kind="conv_transpose"), concat(skip)]
        layers[-2]["conv_transpose"]["output_padding"] = 1
    layers.append(conv(3, 3, 2, 1, bias=True, norm=None, kind="conv_transpose"))
    layers[-1]["conv_transpose"]["output_padding"] = 1
    return network("unet_mobilenet_v2_128",
                   "U-Net with MobileNet v2 as its first half, 128 x 128, 3 classes",
                   "the segmentation tutorial of tensorflow.org, on which coral.ai's figure rests",
                   layers, [3, 128, 128])


def ssd_resnet34():
    def block(c, stride=1, repeat=None):
        layers = [relu(c, 3, stride), conv(c, 3)]
        beside = [conv(c, 1, stride)] if stride > 1 else []
        return group([branches("add", layers, beside), act("relu")], repeat=repeat)

    layers = [relu(64, 7, 2, 3, name="stem"), pool("max", 3, 2, 1), block(64, repeat=3),
              block(128, 2), block(128, repeat=3),
              group([branches("add", [relu(256, 3), conv(256, 3)], [conv(256)]), act("relu")]),
              {"name": "level0"} | block(256, repeat=5)]
    steps = [(256, 512, 2, 1), (256, 512, 2, 1), (128, 256, 2, 1), (128, 256, 2, 0),
             (128, 256, 1, 0)]
    plain = functools.partial(conv, norm=None, bias=True, act="relu")
    for i, (inner, outer, stride, padding) in enumerate(steps, 1):
        layers += [plain(inner), plain(outer, 3, stride, padding, name=f"level{i}")]
    layers += box_heads([f"level{i}" for i in range(6)], [4, 6, 6, 6, 4, 4], 81, 3, 3)
    return network("ssd_resnet34_1200", "SSD with ResNet-34, 1200 x 1200, 81 classes of COCO, 15130 "
                   "boxes; decoding and suppression of boxes left to the host",
                   "MLPerf Inference v0.5 reference (Reddi et al., ISCA 2020, table 1: 433 GOPS, "
                   "36.3 M parameters); compared in published.csv", layers, [3, 1200, 1200],
                   ["all_boxes", "scores"])


# ResNet-50, as its first and its second version --------------------------------------------------

STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))


def resnet50_v1(size):
    layers = [relu(64, 7, 2, 3, name="stem"), pool("max", 3, 2, 1)]
    for c, count, stride in STAGES:
        first = [relu(c, 1, stride), relu(c, 3), conv(4 * c)]
        layers.append(group([branches("add", first, [conv(4 * c, 1, stride)]), act("relu")]))
        layers.append(group([residual(relu(c), relu(c, 3), conv(4 * c)), act("relu")],
                            repeat=count - 1))
    return network(f"resnet50_v1_{size}", f"ResNet-50 v1, {size} x {size}: the first 1 x 1 "
                   "convolution of a stage has its stride", "He et al., CVPR 2016, table 1; "
                   "compared in published.csv", layers + classifier(1000), [3, size, size])


def fcn_resnet50(size):
    """ResNet-50 (v1.5) whose last two stages dilate their filters instead of a stride."""
    layers, before = [relu(64, 7, 2, 3, name="stem"), pool("max", 3, 2, 1)], 1
    for (c, count, stride), dilated in zip(STAGES, (1, 1, 2, 4)):
        step = stride if dilated == 1 else 1
        first = [relu(c), relu(c, 3, step, dilation=before), conv(4 * c)]
        layers.append(group([branches("add", first, [conv(4 * c, 1, step)]), act("relu")]))
        layers.append(group([residual(relu(c), relu(c, 3, dilation=dilated), conv(4 * c)),
                             act("relu")], repeat=count - 1))
        before = dilated
    layers += [relu(512, 3), conv(21, bias=True, norm=None),
               entry("resize", {"rows": size, "columns": size, "mode": "bilinear"})]
    return network(f"fcn_resnet50_{size}", f"FCN with ResNet-50, output stride 8, {size} x {size}, "
                   "21 classes", "Long et al., CVPR 2015, as torchvision.models.segmentation."
                   "fcn_resnet50 has it; compared in published.csv", layers, [3, size, size])


def resnet50_v2(size):
    def unit(c, stride):
        return [relu(c), relu(c, 3, stride), conv(4 * c, bias=True, norm=None)]

    layers = [conv(64, 7, 2, 3, bias=True, norm=None, name="stem"), pool("max", 3, 2, 1)]
    for c, count, stride in STAGES:
        for i in range(count):
            step = stride if i == 0 else 1
            before = [norm("batch"), act("relu")]
            if i == 0:
                layers += before + [branches("add", unit(c, step),
                                             [conv(4 * c, 1, step, bias=True, norm=None)])]
            else:
                layers.append(residual(*before, *unit(c, step)))
    return network(f"resnet50_v2_{size}", f"ResNet-50 v2, {size} x {size}: norms come first, a "
                   "stage's stride is in its 3 x 3 convolution",
                   "He et al., ECCV 2016; compared in published.csv",
                   layers + [norm("batch"), act("relu")] + classifier(1001), [3, size, size])


# Inception ---------------------------------------------------------------------------------------


def rect(filters, rows, columns, padded=True):
    """rows x columns, with as much padding as keeps the size."""
    return conv(filters, rows, 1, (rows - 1) // 2 if padded else 0, act="relu", width=columns,
                padding_width=(columns - 1) // 2 if padded else 0)


def inception_stem(v4=True):
    valid = functools.partial(relu, padding=0)
    layers = [valid(32, 3, 2, name="stem"), valid(32, 3), relu(64, 3)]
    if not v4:
        return layers + [pool("max", 3, 2), valid(80), valid(192, 3), pool("max", 3, 2)]
    return layers + [branches("concat", [pool("max", 3, 2)], [valid(96, 3, 2)]),
                     branches("concat", [relu(64), valid(96, 3)],
                              [relu(64), rect(64, 1, 7), rect(64, 7, 1), valid(96, 3)]),
                     branches("concat", [valid(192, 3, 2)], [pool("max", 3, 2)])]


def inception_v4():
    valid = functools.partial(relu, padding=0)
    a = branches("concat", [relu(96)], [relu(64), relu(96, 3)],
                 [relu(64), relu(96, 3), relu(96, 3)],
                 [pool("average", 3, 1, 1), relu(96)], repeat=4)
    shrink_a = branches("concat", [valid(384, 3, 2)], [relu(192), relu(224, 3), valid(256, 3, 2)],
                        [pool("max", 3, 2)])
    b = branches("concat", [relu(384)], [relu(192), rect(224, 1, 7), rect(256, 7, 1)],
                 [relu(192), rect(192, 7, 1), rect(224, 1, 7), rect(224, 7, 1), rect(256, 1, 7)],
                 [pool("average", 3, 1, 1), relu(128)], repeat=7)
    shrink_b = branches("concat", [relu(192), valid(192, 3, 2)],
                        [relu(256), rect(256, 1, 7), rect(320, 7, 1), valid(320, 3, 2)],
                        [pool("max", 3, 2)])
    split = functools.partial(branches, "concat")
    c = branches("concat", [relu(256)], [relu(384), split([rect(256, 1, 3)], [rect(256, 3, 1)])],
                 [relu(384), rect(448, 3, 1), rect(512, 1, 3),
                  split([rect(256, 1, 3)], [rect(256, 3, 1)])],
                 [pool("average", 3, 1, 1), relu(256)], repeat=3)
    layers = inception_stem() + [a, shrink_a, b, shrink_b, c] + classifier(1001)
    return network("inception_v4", "Inception v4, 299 x 299",
                   "Szegedy et al., arXiv 1602.07261, figures 3 to 9; compared in published.csv",
                   layers, [3, 299, 299])


def inception_resnet_v2():
    valid = functools.partial(relu, padding=0)
    plain = functools.partial(conv, norm=None, bias=True)

    def block(out, count, *lists):
        return group([residual(branches("concat", *lists), plain(out)), act("relu")], repeat=count)

    mixed = branches("concat", [relu(96)], [relu(48), relu(64, 5)],
                     [relu(64), relu(96, 3), relu(96, 3)], [pool("average", 3, 1, 1), relu(64)])
    a = block(320, 10, [relu(32)], [relu(32), relu(32, 3)],
              [relu(32), relu(48, 3), relu(64, 3)])
    shrink_a = branches("concat", [valid(384, 3, 2)], [relu(256), relu(256, 3), valid(384, 3, 2)],
                        [pool("max", 3, 2)])
    b = block(1088, 20, [relu(192)], [relu(128), rect(160, 1, 7), rect(192, 7, 1)])
    shrink_b = branches("concat", [relu(256), valid(384, 3, 2)], [relu(256), valid(288, 3, 2)],
                        [relu(256), relu(288, 3), valid(320, 3, 2)], [pool("max", 3, 2)])
    c = block(2080, 10, [relu(192)], [relu(192), rect(224, 1, 3), rect(256, 3, 1)])
    layers = inception_stem(False) + [mixed, a, shrink_a, b, shrink_b, c, relu(1536)] \
        + classifier(1001)
    return network("inception_resnet_v2", "Inception-ResNet v2, 299 x 299",
                   "Szegedy et al., arXiv 1602.07261, as in its published checkpoint "
                   "(tensorflow/models); compared in published.csv", layers, [3, 299, 299])


# Networks made for phones and edge chips ---------------------------------------------------------


def fused(before, factor, after, stride=1, kernel=3, skip=True, kind="relu"):
    """Expansion and filter in one convolution, then the projection."""
    layers = [conv(factor * before, kernel, stride, act=kind), conv(after)]
    return residual(*layers) if skip and stride == 1 and before == after else group(layers)


def bottleneck(before, factor, after, stride=1, kernel=3, skip=True, kind="relu"):
    layers = [conv(factor * before, act=kind)] if factor > 1 else []
    layers += [depthwise(kernel, stride, act=kind), conv(after)]
    return residual(*layers) if skip and stride == 1 and before == after else group(layers)


def inverted(rows, before, kind="relu"):
    """Rows of (block, factor, channels, kernel, stride, skip)."""
    layers = []
    for block, factor, after, kernel, stride, skip in rows:
        layers.append(block(before, factor, after, stride, kernel, skip, kind))
        before = after
    return layers


EDGETPU = [(bottleneck, 1, 16, 3, 1, False), (fused, 8, 32, 3, 2, False)] \
    + [(fused, 4, 32, 3, 1, True)] * 3 + [(fused, 8, 48, 3, 2, False)] \
    + [(fused, 4, 48, 3, 1, True)] * 3 + [(bottleneck, 8, 96, 3, 2, False)] \
    + [(bottleneck, 4, 96, 3, 1, True)] * 3 + [(bottleneck, 8, 96, 3, 1, False)] \
    + [(bottleneck, 4, 96, 3, 1, True)] * 3 + [(bottleneck, 8, 160, 5, 2, False)] \
    + [(bottleneck, 4, 160, 5, 1, True)] * 3 + [(bottleneck, 8, 192, 3, 1, False)]


def mobilenet_edgetpu():
    layers = [relu(32, 3, 2, name="stem")] + inverted(EDGETPU, 32) + [relu(1280)] \
        + classifier(1001)
    return network("mobilenet_edgetpu", "MobileNetEdgeTPU, width 1.0, 224 x 224",
                   "published checkpoints of tensorflow/models (mobilenet_v3, V3_EDGETPU) and its "
                   "table (990 M multiply-adds, 4.1 M parameters); compared in published.csv",
                   layers, [3, 224, 224])


def efficientnet_edgetpu(size_name):
    width, depth, size, dense = {"s": (1.0, 1.0, 224, 1280), "m": (1.0, 1.1, 240, 1280)}[size_name]
    rows = [(fused, 4, 24, 3, 1, 1), (fused, 8, 32, 3, 2, 2), (fused, 8, 48, 3, 2, 4),
            (bottleneck, 8, 96, 5, 2, 5), (bottleneck, 8, 144, 5, 1, 4),
            (bottleneck, 8, 192, 5, 2, 2)]
    table = []
    for block, factor, c, kernel, stride, count in rows:
        for i in range(-(-count * int(depth * 10) // 10)):
            table.append((block, factor, c, kernel, stride if i == 0 else 1, i > 0))
    layers = [relu(32, 3, 2, name="stem")] + inverted(table, 32) + [relu(dense)] + classifier(1001)
    return network(f"efficientnet_edgetpu_{size_name}",
                   f"EfficientNet-EdgeTPU-{size_name.upper()}, {size} x {size}",
                   "Gupta and Tan, blog of Google AI, August 2019, as in tensorflow/tpu "
                   "(efficientnet/edgetpu); compared in published.csv", layers, [3, size, size])


def mobiledet():
    def tucker(before, after, kernel=3, stride=1, first=.25, second=.75):
        return group([relu6(divisible(before * first)),
                      relu6(divisible(after * second), kernel, stride), conv(after)])

    layers = [relu6(32, 3, 2, name="stem"), tucker(32, 16)]
    rows = [(fused, 8, 16, 3, 2, False), (fused, 4, 16, 3, 1, True), (fused, 8, 16, 3, 1, True),
            (fused, 4, 16, 3, 1, True), (fused, 8, 40, 5, 2, False), (fused, 4, 40, 3, 1, True),
            (fused, 4, 40, 3, 1, True), (fused, 4, 40, 3, 1, True),
            (bottleneck, 8, 72, 3, 2, False), (bottleneck, 8, 72, 3, 1, True),
            (fused, 4, 72, 3, 1, True), (fused, 4, 72, 3, 1, True),
            (bottleneck, 8, 96, 5, 1, False), (bottleneck, 8, 96, 5, 1, True),
            (bottleneck, 8, 96, 3, 1, True), (bottleneck, 8, 96, 3, 1, True),
            (bottleneck, 8, 120, 3, 2, False), (bottleneck, 8, 120, 3, 1, True),
            (bottleneck, 4, 120, 5, 1, True), (bottleneck, 8, 120, 3, 1, True),
            (bottleneck, 8, 384, 5, 1, False)]
    body = inverted(rows, 16, "relu6")
    body[15] = {"name": "level0"} | body[15]
    body[-1] = {"name": "level1"} | body[-1]
    layers += body
    for i, (inner, outer) in enumerate([(256, 512), (128, 256), (128, 256), (64, 128)], 2):
        layers += [relu6(inner), depthwise(3, 2, act="relu6"), relu6(outer, name=f"level{i}")]

    def cell(filters):
        return [depthwise(3, act="relu6"), conv(filters, bias=True, norm=None)]

    layers += box_heads([f"level{i}" for i in range(6)], [3] + [6] * 5, 91, cell=cell)
    return network("ssd_mobiledet_edgetpu_320", "SSDLite with MobileDet (EdgeTPU), 320 x 320, 91 "
                   "classes of COCO; decoding and suppression of boxes left to the host",
                   "Xiong et al., CVPR 2021, and tensorflow/models (ssdlite_mobiledet_edgetpu); "
                   "compared in published.csv", layers, [3, 320, 320], ["all_boxes", "scores"])


def mobilenet_v4_conv_large(size=384):
    """Universal inverted bottlenecks: a depthwise convolution before the expansion and, where the
    second kernel is not 0, one after it."""
    def uib(before, first, second, after, stride):
        inner = divisible(4 * before)
        layers = []
        if first:
            layers.append(depthwise(first, 1 if second else stride))
        layers.append(relu(inner))
        if second:
            layers.append(depthwise(second, stride, act="relu"))
        layers.append(conv(after))
        return residual(*layers) if stride == 1 and before == after else group(layers)

    rows = [(48, 3, 5, 96, 2), (96, 3, 3, 96, 1),
            (96, 3, 5, 192, 2)] + [(192, 3, 3, 192, 1)] * 3 + [(192, 3, 5, 192, 1)] \
        + [(192, 5, 3, 192, 1)] * 5 + [(192, 3, 0, 192, 1)] \
        + [(192, 5, 5, 512, 2)] + [(512, 5, 5, 512, 1)] * 3 + [(512, 5, 0, 512, 1)] \
        + [(512, 5, 3, 512, 1)] + [(512, 5, 0, 512, 1)] * 2 + [(512, 5, 3, 512, 1)] \
        + [(512, 5, 5, 512, 1)] + [(512, 5, 0, 512, 1)] * 3
    layers = [relu(24, 3, 2, name="stem"), relu(96, 3, 2), conv(48)]
    layers += [uib(*row) for row in rows]
    layers += [relu(960), pool("global_average"), relu(1280), entry("flatten", {}),
               linear(1000, name="classifier")]
    return network("mobilenet_v4_conv_large", f"MobileNetV4-Conv-L, {size} x {size}",
                   "Qin et al., ECCV 2024, table 11 of its appendix (31 M parameters, 5.9 G "
                   "multiply-adds at 384); compared in published.csv", layers, [3, size, size])


MULTI_AVG = [(3, 2, 32, 3), (5, 1, 32, 2), (3, 1, 32, 2), (5, 2, 64, 5), (3, 1, 64, 3),
             (5, 1, 64, 2), (3, 1, 64, 3), (5, 2, 128, 6), (3, 1, 128, 4), (3, 1, 128, 4),
             (3, 1, 128, 4), (3, 1, 160, 6), (3, 1, 160, 4), (3, 2, 192, 6), (5, 1, 192, 4),
             (5, 1, 192, 4), (5, 1, 192, 4)]


def mosaic(size=512, classes=32):
    """The published outline: a backbone made for phones at an output stride of 16, means of parts
    of the image beside convolutions of several kernels, and sums and concatenations upwards. Widths
    that the paper does not give are estimates."""
    layers, before, reached = [relu(32, 3, 2, name="stem")], 32, 2
    for place, (kernel, stride, c, factor) in enumerate(MULTI_AVG):
        dilation = 1
        if reached * stride > 16:
            stride, dilation = 1, 2
        reached *= stride
        unit = [relu(factor * before), depthwise(kernel, stride, act="relu"), conv(c)]
        block = residual(*unit) if stride == 1 and before == c else group(unit)
        names = {2: "quarter", 6: "eighth"}
        layers.append(({"name": names[place]} if place in names else {}) | block)
        before = c
    grid = size // 16

    def level(bins):
        return [pool("average", grid // bins), relu(64),
                entry("resize", {"rows": grid, "columns": grid, "mode": "bilinear"})]

    several = [[relu(64), depthwise(kernel, act="relu"), relu(64)] for kernel in (3, 5)]
    layers += [branches("concat", [relu(64)], *several, *[level(bins) for bins in (1, 4, 8)]),
               relu(256), upsample(2, "bilinear", name="up8"),
               relu(64, source="eighth"), concat("up8"), relu(64, 3), upsample(2, "bilinear",
                                                                               name="up4"),
               relu(64, source="quarter"), add("up4"), relu(64, 3),
               conv(classes, bias=True, norm=None),
               entry("resize", {"rows": size, "columns": size, "mode": "bilinear"})]
    return network("mosaic", f"after MOSAIC with MobileNet-Multi-AVG, {size} x {size}, {classes} "
                   "classes; widths of its decoder are estimates",
                   "Wang and Howard, arXiv 2112.11623, and Chu et al., arXiv 2008.08178, in outline "
                   "only; the network of MLPerf Mobile is not published as a table", layers,
                   [3, size, size])


def mobileone_s0():
    layers = [relu(48, 3, 2, bias=True, norm=None, name="stem")]
    plain = functools.partial(relu, bias=True, norm=None)
    for c, count in ((48, 2), (128, 8), (256, 10), (1024, 1)):
        for i in range(count):
            layers += [depthwise(3, 2 if i == 0 else 1, bias=True, norm=None, act="relu"), plain(c)]
    return network("mobileone_s0", "MobileOne S0, 224 x 224, re-parametrised",
                   "Vasu et al., CVPR 2023, table 8 (2.1 M parameters, 275 M multiply-adds); "
                   "compared in published.csv", layers + classifier(1000), [3, 224, 224])


def edsr():
    plain = functools.partial(conv, norm=None, bias=True)
    layers = [plain(32, 3, name="stem"),
              residual({"repeat": 5} | residual(plain(32, 3, act="relu"), plain(32, 3)),
                       plain(32, 3)),
              plain(128, 3), entry("depth_to_space", {"block": 2}), plain(3, 3)]
    return network("edsr_f32b5", "EDSR of 5 blocks of 32 channels, 960 x 540 to 1920 x 1080",
                   "Lim et al., CVPR workshops 2017, with the sizes that MLPerf Mobile's name F32B5 "
                   "gives", layers, [3, 540, 960])


# Older classifiers and segmentation --------------------------------------------------------------


def alexnet_convolutions():
    plain = functools.partial(conv, norm=None, bias=True, act="relu")
    layers = [plain(96, 11, 4, 0, name="conv1"), pool("max", 3, 2),
              plain(256, 5, groups=2, name="conv2"), pool("max", 3, 2), plain(384, 3, name="conv3"),
              plain(384, 3, groups=2, name="conv4"), plain(256, 3, groups=2, name="conv5")]
    return network("alexnet_convolutions", "the five convolutions of AlexNet as first published, in "
                   "two groups, 227 x 227; without local response norms",
                   "Krizhevsky et al., NIPS 2012; 666 M multiply-accumulates as Chen et al., ISSCC "
                   "2016 (Eyeriss) count them", layers, [3, 227, 227])


def unet(rows, columns):
    def double(c, name=None, source=None):
        return group([relu(c, 3), relu(c, 3)], name, source)

    layers = [double(64, "down0")]
    for i, c in enumerate((128, 256, 512, 1024), 1):
        layers += [pool("max", 2), double(c, f"down{i}")]
    for i, c in zip((3, 2, 1, 0), (512, 256, 128, 64)):
        layers += [conv(c, 2, 2, 0, bias=True, norm=None, kind="conv_transpose"),
                   concat(f"down{i}"), double(c)]
    layers.append(conv(2, bias=True, norm=None))
    return network(f"unet_{rows}x{columns}", f"U-Net with padded convolutions and norms, {rows} x "
                   f"{columns}, 2 classes", "Ronneberger et al., MICCAI 2015; parameters as "
                   "quic/ai-hub-models gives them (31.0 M); compared in published.csv",
                   layers, [3, rows, columns])


def all_networks():
    return [mobilenet_v1(), mobilenet_v1("mobilenet_v1_050_128", .5, 128), ssd_mobilenet_v1(),
            ssd_mobilenet_v2(), ssd_mobilenet_v2("ssd_mobilenet_v2_face", 320, 2), mosaic(),
            deeplab_v3(513), deeplab_v3(256), deeplab_v3_plus(),
            unet_mobilenet_v2(), ssd_resnet34(), resnet50_v1(224), resnet50_v1(299),
            resnet50_v2(299), fcn_resnet50(520), inception_v4(), inception_resnet_v2(), mobilenet_edgetpu(),
            efficientnet_edgetpu("s"), efficientnet_edgetpu("m"), mobiledet(),
            mobilenet_v4_conv_large(), mobileone_s0(), edsr(), alexnet_convolutions(),
            unet(224, 224), unet(640, 1280)]
