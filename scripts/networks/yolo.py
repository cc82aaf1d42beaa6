"""Detectors of the YOLO families, as they are deployed: re-parametrised branches are one
convolution, and what follows the last convolutions is left to the host (boxes are decoded up to the
expected distances of their sides)."""
import functools

from .layers import (act, add, branches, concat, conv, depthwise, entry, group, pool, reshape,
                     residual, slice_, transpose, upsample)

CLASSES = 80


def make_divisible(value, by=8):
    return max(by, -int(-value // by) * by)


silu = functools.partial(conv, act="silu")


def bottleneck(inner, outer, shortcut, kernels=(3, 3)):
    layers = [silu(inner, kernels[0]), silu(outer, kernels[1])]
    return residual(*layers) if shortcut else group(layers)


def sppf(channels, inner, kernel=5, name=None, act_kind="silu"):
    plain = functools.partial(conv, act=act_kind)
    return group([plain(inner, name="a"),
                  pool("max", kernel, 1, kernel // 2, name="b"),
                  pool("max", kernel, 1, kernel // 2, name="c"),
                  pool("max", kernel, 1, kernel // 2, name="d"),
                  concat("a", "b", "c"), plain(channels)], name)


def c3(channels, times, shortcut, name=None, inner=None, unit=None):
    """Cross-stage: one half through bottlenecks, the other beside them."""
    inner = inner or channels // 2
    unit = unit or bottleneck(inner, inner, shortcut, (1, 3))
    unit = dict(unit)
    if times > 1:
        unit = {"repeat": times} | unit
    return group([branches("concat", [silu(inner), unit], [silu(inner)]), silu(channels)], name)


def c2f(channels, times, shortcut, name=None, share=0.5, unit=None):
    """All intermediate results are concatenated."""
    inner = int(channels * share)
    layers = [silu(2 * inner, name="both"), slice_(inner, 2 * inner, name="part0")]
    for i in range(times):
        one = dict(unit(inner) if unit else bottleneck(inner, inner, shortcut))
        layers.append({"name": f"part{i + 1}"} | one)
    parts = ["both"] + [f"part{i}" for i in range(1, times)]
    layers += [concat(*parts), silu(channels)]
    return group(layers, name)


# Heads ---------------------------------------------------------------------------------------------


def anchor_head(levels, outputs=None):
    """One convolution a level: 3 anchors of 4 sides, 1 objectness and the classes."""
    filters = outputs or 3 * (CLASSES + 5)
    layers = [group([conv(filters, bias=True, norm=None), act("sigmoid"), reshape(filters, -1)],
                    f"detect{i}", source=level) for i, level in enumerate(levels)]
    return layers + [concat(*[f"detect{i}" for i in range(len(levels) - 1)], axis=2)]


def anchor_boxes(levels, size):
    """What an anchor head finds: corners of boxes, the best class of each and how sure it is."""
    layers, n = [], len(levels)
    for i, level in enumerate(levels):
        places = (size // (8 << i)) ** 2
        found, side = f"found{i}", f"side{i}"
        layers += [
            group([conv(3 * (CLASSES + 5), bias=True, norm=None), act("sigmoid"),
                   reshape(3, CLASSES + 5, places), transpose(0, 1, 3, 2)], found, source=level),
            group([slice_(0, 2, 3), entry("scale", {"shape": [1]}),
                   entry("offset", {"shape": [places, 2]}), entry("scale", {"shape": [1]}),
                   reshape(3 * places, 2)], f"centre{i}"),
            slice_(2, 4, 3, side, found),
            group([entry("multiply", {"with": [side]}), entry("scale", {"shape": [3, 1, 2]}),
                   entry("scale", {"shape": [1]}), reshape(3 * places, 2)], f"half{i}"),
            group([slice_(4, 5, 3), reshape(3 * places, 1, 1)], f"sure{i}", source=found),
            group([slice_(5, 5 + CLASSES, 3), reshape(3 * places, CLASSES, 1)], f"classes{i}",
                  source=found)]
    parts = ("centre", "half", "sure", "classes")
    layers += [concat(*[f"{part}{i}" for i in range(1, n)], name=part, source=f"{part}0")
               for part in parts]
    return layers + [
        entry("scale", {"shape": [1]}, "minus", "half"),
        entry("add", {"with": ["centre"]}, "first"),
        entry("add", {"with": ["centre"]}, "last", "half"),
        concat("first", axis=2, name="corners"),
        pool("global_max", source="classes"),
        entry("multiply", {"with": ["sure"]}, "scores")]


def free_head(levels, channels, keypoints=0, depthwise_classes=False):
    """Distances of sides as 16 bins each, classes, and keypoints where there are any."""
    first = channels[0]
    classes = 1 if keypoints else CLASSES
    boxes = max(16, first // 4, 64)
    scores = max(first, min(classes, 100))
    points = max(first // 4, keypoints)
    layers = []
    for i, level in enumerate(levels):
        if depthwise_classes:
            of_classes = [depthwise(3, act="silu"), silu(scores), depthwise(3, act="silu"),
                          silu(scores)]
        else:
            of_classes = [silu(scores, 3), silu(scores, 3)]
        lists = [[silu(boxes, 3), silu(boxes, 3), conv(64, bias=True, norm=None)],
                 of_classes + [conv(classes, bias=True, norm=None)]]
        if keypoints:
            lists.append([silu(points, 3), silu(points, 3), conv(keypoints, bias=True, norm=None)])
        layers.append(group([branches("concat", *lists),
                             reshape(64 + classes + keypoints, -1)], f"detect{i}", source=level))
    layers.append(concat(*[f"detect{i}" for i in range(len(levels) - 1)], axis=2, name="all"))
    layers.append(group([slice_(0, 64), reshape(4, 16, -1), transpose(0, 2, 1, 3),
                         entry("softmax", {"axis": 1}), conv(1, norm=None, name="expected"),
                         reshape(4, -1)], "sides"))
    layers.append(group([slice_(64, 64 + classes), act("sigmoid")], "scores", source="all"))
    layers.append(concat("sides", name="found"))
    if keypoints:
        layers.append(slice_(64 + classes, 64 + classes + keypoints, source="all"))
        layers.append(concat("found"))
    return layers


def network(name, description, source, layers, size):
    return {"name": name, "description": description, "source": source,
            "input": {"shape": [3, size, size]}, "layers": layers}


# Families ------------------------------------------------------------------------------------------

V5 = {"n": (.33, .25), "s": (.33, .50), "m": (.67, .75), "l": (1, 1), "x": (1.33, 1.25)}


def times(depth, count):
    return max(round(count * depth), 1)


def v5_body(depth, width, deep):
    def ch(c):
        return make_divisible(c * width)

    def part(c, n, shortcut=True, name=None):
        return c3(ch(c), times(depth, n), shortcut, name)

    last = [(768, 3), (1024, 3)] if deep else [(1024, 3)]
    layers = [silu(ch(64), 6, 2, 2, name="stem"), silu(ch(128), 3, 2), part(128, 3),
              silu(ch(256), 3, 2), part(256, 6, name="p3"),
              silu(ch(512), 3, 2), part(512, 9, name="p4")]
    for level, (c, n) in enumerate(last, 5):
        layers += [silu(ch(c), 3, 2), part(c, n, name=f"p{level}" if c != 1024 else None)]
    layers += [sppf(ch(1024), ch(1024) // 2)]
    up = [(768, "p5"), (512, "p4"), (256, "p3")] if deep else [(512, "p4"), (256, "p3")]
    for c, level in up:
        layers += [silu(ch(c), name=f"lateral{c}"), upsample(), concat(level),
                   part(c, 3, False, name=f"out_{level}")]
    levels, sizes = ["out_p3"], [ch(256)]
    down = [(256, 512), (512, 768), (768, 1024)] if deep else [(256, 512), (512, 1024)]
    for level, (lateral, c) in enumerate(down, 4):
        layers += [silu(ch(lateral), 3, 2), concat(f"lateral{lateral}"),
                   part(c, 3, False, name=f"down_p{level}")]
        levels.append(f"down_p{level}")
        sizes.append(ch(c))
    return layers, levels, sizes


def v5(letter, deep=False, free=False):
    depth, width = V5[letter]
    layers, levels, sizes = v5_body(depth, width, deep)
    layers += free_head(levels, sizes) if free else anchor_head(levels)
    name = f"yolov5{letter}{'6' if deep else ''}{'u' if free else ''}"
    size = 1280 if deep else 640
    return network(name, f"YOLOv5{letter}{'6' if deep else ''}{'u' if free else ''}, {size} x "
                   f"{size}{', with the anchor-free head of YOLOv8' if free else ''}; suppression "
                   "of boxes left to the host",
                   "blocks and sizes of Ultralytics YOLOv5 (release 6.0 on, docs.ultralytics.com); "
                   "compared with the published sizes in published.csv", layers, size)


V8 = {"n": (.33, .25, 1024), "s": (.33, .50, 1024), "m": (.67, .75, 768), "l": (1, 1, 512),
      "x": (1, 1.25, 512)}


def pan(layers, part, plain_down, ch, join):
    """Up and down again; the last layer of `layers` is the deepest, p3 and p4 are named."""
    layers += [upsample(), concat("p4"), part(512, "mid4"),
               upsample(), concat("p3"), part(256, "out3"),
               plain_down(256), concat("mid4"), part(512, "out4"),
               plain_down(512), concat(join), part(1024, "out5")]
    return ["out3", "out4", "out5"], [ch(256), ch(512), ch(1024)]


def v8(letter, pose=False):
    depth, width, most = V8[letter]

    def ch(c):
        return make_divisible(min(c, most) * width)

    def part(c, name, n=3, shortcut=False):
        return c2f(ch(c), times(depth, n), shortcut, name)

    layers = [silu(ch(64), 3, 2, name="stem"), silu(ch(128), 3, 2), part(128, "p2", 3, True),
              silu(ch(256), 3, 2), part(256, "p3", 6, True),
              silu(ch(512), 3, 2), part(512, "p4", 6, True),
              silu(ch(1024), 3, 2), part(1024, "deep", 3, True),
              sppf(ch(1024), ch(1024) // 2, name="p5")]
    levels, sizes = pan(layers, part, lambda c: silu(ch(c), 3, 2), ch, "p5")
    layers += free_head(levels, sizes, keypoints=51 if pose else 0)
    return network(f"yolov8{letter}{'_pose' if pose else ''}",
                   f"YOLOv8{letter}{'-pose' if pose else ''}, 640 x 640; decoding of boxes beyond "
                   "the distances of their sides, and suppression, left to the host",
                   "blocks and sizes of Ultralytics YOLOv8 (docs.ultralytics.com/models/yolov8); "
                   "compared with the published sizes in published.csv", layers, 640)


# YOLOv9: generalised ELAN of re-parametrised cross-stage parts.


def rep_csp(channels, n):
    inner = channels // 2
    unit = residual(silu(inner, 3), silu(inner, 3))
    return c3(channels, n, True, inner=inner, unit=unit)


def elan4(out, middle, inner, n, name=None):
    return group([silu(middle, name="both"), slice_(middle // 2, middle),
                  group([rep_csp(inner, n), silu(inner, 3)], "first"),
                  group([rep_csp(inner, n), silu(inner, 3)], "second"),
                  concat("both", "first"), silu(out)], name)


def elan1(out, middle, inner):
    return group([silu(middle, name="both"), slice_(middle // 2, middle),
                  silu(inner, 3, name="first"), silu(inner, 3),
                  concat("both", "first"), silu(out)])


def a_conv(channels):
    return group([pool("average", 2, 1), silu(channels, 3, 2)])


def a_down(channels, incoming):
    half = incoming // 2
    return group([pool("average", 2, 1),
                  branches("concat", [slice_(0, half), silu(channels // 2, 3, 2)],
                           [slice_(half, incoming), pool("max", 3, 2, 1), silu(channels // 2)])])


def spp_elan(out, inner, name):
    return group([silu(inner, name="a"), pool("max", 5, 1, 2, name="b"),
                  pool("max", 5, 1, 2, name="c"), pool("max", 5, 1, 2, name="d"),
                  concat("a", "b", "c"), silu(out)], name)


V9 = {"t": ((16, 32), (64, 96, 128), (48, 64), 3), "s": ((32, 64), (128, 192, 256), (96, 128), 3),
      "m": ((32, 64), (240, 360, 480), (180, 240), 1)}


def v9(letter):
    if letter == "c":
        layers, sizes = v9c(), [256, 512, 512]
    else:
        stems, (a, b, c), (down4, down5), n = V9[letter]

        def part(size, name):
            return elan4(size, size, size // 2, n, name)

        second = elan1(stems[1], stems[1], stems[1] // 2) if letter != "m" \
            else elan4(128, 128, 64, 1)
        layers = [silu(stems[0], 3, 2, name="stem"), silu(stems[1], 3, 2), second,
                  a_conv(a), part(a, "p3"), a_conv(b), part(b, "p4"), a_conv(c), part(c, "deep"),
                  spp_elan(c, c // 2, "p5"),
                  upsample(), concat("p4"), part(b, "mid4"),
                  upsample(), concat("p3"), part(a, "out3"),
                  a_conv(down4), concat("mid4"), part(b, "out4"),
                  a_conv(down5), concat("p5"), part(c, "out5")]
        sizes = [a, b, c]
    layers += free_head(["out3", "out4", "out5"], sizes)
    return network(f"yolov9{letter}", f"YOLOv9{letter}, 640 x 640, without its training branches; "
                   "decoding of boxes beyond the distances of their sides, and suppression, left "
                   "to the host",
                   "Wang et al., arXiv 2402.13616, sizes as in Ultralytics' configurations "
                   "(docs.ultralytics.com/models/yolov9); compared with the published sizes in "
                   "published.csv", layers, 640)


def v9c():
    def part(size, middle, name=None):
        return elan4(size, middle, middle // 2, 1, name)

    return [silu(64, 3, 2, name="stem"), silu(128, 3, 2), part(256, 128),
            a_down(256, 256), part(512, 256, "p3"), a_down(512, 512), part(512, 512, "p4"),
            a_down(512, 512), part(512, 512, "deep"), spp_elan(512, 256, "p5"),
            upsample(), concat("p4"), part(512, 512, "mid4"),
            upsample(), concat("p3"), part(256, 256, "out3"),
            a_down(256, 256), concat("mid4"), part(512, 512, "out4"),
            a_down(512, 512), concat("p5"), part(512, 512, "out5")]


# YOLOv10 and YOLO11: attention at the deepest level, depthwise convolutions in the head.


def psa_unit(size):
    """Attention over the places of a grid, then a small network; both with what entered them added.
    Queries and keys have half the size of the values; a depthwise convolution marks places."""
    heads = size // 64
    half = size // heads // 2
    return [branches("add", [
        conv(size + 2 * heads * half, name="qkv"),
        reshape(heads, 2 * half + size // heads, -1),
        transpose(0, 1, 3, 2, name="rows"),
        slice_(2 * half, 2 * half + size // heads, axis=3, name="values"),
        slice_(half, 2 * half, axis=3, name="keys", source="rows"),
        slice_(0, half, axis=3, source="rows"),
        entry("matmul", {"with": "keys", "transpose": True}), entry("softmax", {"axis": -1}),
        entry("matmul", {"with": "values"}), transpose(0, 1, 3, 2),
        reshape(size, like="qkv", name="mixed"),
        group([transpose(0, 1, 3, 2), reshape(size, like="qkv"), depthwise(3)], "places",
              source="values"),
        add("mixed"), conv(size)], []),
        residual(silu(2 * size), conv(size))]


def psa(channels, n, name):
    inner = channels // 2
    return group([silu(2 * inner, name="both"), slice_(0, inner, name="first"),
                  slice_(inner, 2 * inner, source="both"),
                  group(psa_unit(inner), repeat=n), concat("first"), silu(channels)], name)


def sc_down(channels):
    return group([silu(channels), depthwise(3, 2)])


def cib(inner, large):
    return residual(depthwise(3, act="silu"), silu(2 * inner),
                    depthwise(7 if large else 3, act="silu"), silu(inner),
                    depthwise(3, act="silu"))


V10 = {"n": (.33, .25, 1024), "s": (.33, .50, 1024), "m": (.67, .75, 768)}


def v10(letter):
    depth, width, most = V10[letter]

    def ch(c):
        return make_divisible(min(c, most) * width)

    def part(c, name, n=3, shortcut=False, unit=None):
        return c2f(ch(c), times(depth, n), shortcut, name, unit=unit)

    def compact(c, name):
        return part(c, name, unit=lambda inner: cib(inner, letter != "m"))

    layers = [silu(ch(64), 3, 2, name="stem"), silu(ch(128), 3, 2), part(128, "p2", 3, True),
              silu(ch(256), 3, 2), part(256, "p3", 6, True),
              sc_down(ch(512)), part(512, "p4", 6, True), sc_down(ch(1024)),
              part(1024, "deep", 3, True) if letter == "n" else compact(1024, "deep"),
              sppf(ch(1024), ch(1024) // 2), psa(ch(1024), 1, "p5"),
              upsample(), concat("p4"), part(512, "mid4"),
              upsample(), concat("p3"), part(256, "out3"),
              silu(ch(256), 3, 2), concat("mid4"),
              compact(512, "out4") if letter == "m" else part(512, "out4"),
              sc_down(ch(512)), concat("p5"), compact(1024, "out5")]
    layers += free_head(["out3", "out4", "out5"], [ch(256), ch(512), ch(1024)],
                        depthwise_classes=True)
    return network(f"yolov10{letter}", f"YOLOv10{letter}, 640 x 640, with its one-to-one head only; decoding of "
                   "boxes beyond the distances of their sides left to the host",
                   "Wang et al., arXiv 2405.14458, sizes as in Ultralytics' configurations "
                   "(docs.ultralytics.com/models/yolov10); compared with the published sizes in "
                   "published.csv", layers, 640)


V11 = {"n": (.50, .25, 1024), "s": (.50, .50, 1024), "m": (.50, 1, 512)}


def v11(letter):
    depth, width, most = V11[letter]

    def ch(c):
        return make_divisible(min(c, most) * width)

    def part(c, name, nested=False, share=0.5):
        nested = nested or letter == "m"

        def unit(inner):
            if nested:
                return c3(inner, 2, True, unit=bottleneck(inner // 2, inner // 2, True))
            return bottleneck(inner // 2, inner, True)

        return c2f(ch(c), times(depth, 2), True, name, share, unit)

    layers = [silu(ch(64), 3, 2, name="stem"), silu(ch(128), 3, 2), part(256, "p2", share=.25),
              silu(ch(256), 3, 2), part(512, "p3", share=.25),
              silu(ch(512), 3, 2), part(512, "p4", True),
              silu(ch(1024), 3, 2), part(1024, "deep", True),
              sppf(ch(1024), ch(1024) // 2),
              psa(ch(1024), times(depth, 2), "p5"),
              upsample(), concat("p4"), part(512, "mid4"),
              upsample(), concat("p3"), part(256, "out3"),
              silu(ch(256), 3, 2), concat("mid4"), part(512, "out4"),
              silu(ch(512), 3, 2), concat("p5"), part(1024, "out5", True)]
    layers += free_head(["out3", "out4", "out5"], [ch(256), ch(512), ch(1024)],
                        depthwise_classes=True)
    return network(f"yolo11{letter}", f"YOLO11{letter}, 640 x 640; decoding of boxes beyond the distances of "
                   "their sides, and suppression, left to the host",
                   "blocks and sizes of Ultralytics YOLO11 (docs.ultralytics.com/models/yolo11); "
                   "compared with the published sizes in published.csv", layers, 640)


# YOLOv7: chains of convolutions of which some results are concatenated.


def chain(outer, inner, steps, out, taken, name=None, kind="silu", lateral=None):
    """Two 1x1 convolutions, then `steps` 3x3 ones; those at the places `taken` are joined, too."""
    one = functools.partial(conv, act=kind)
    layers = [one(lateral or outer, name="beside"), one(lateral or outer, name="s0",
                                                        source="input")]
    layers += [one(inner, 3, name=f"s{i + 1}") for i in range(steps)]
    last = f"s{steps}"
    others = [f"s{i}" for i in sorted(taken, reverse=True) if f"s{i}" != last] + ["beside"]
    return group(layers + [concat(*others), one(out)], name)


def max_down(channels, name=None):
    return branches("concat", [pool("max", 2), silu(channels)], [silu(channels), silu(channels, 3, 2)],
                    name=name)


def spp_csp(channels, name):
    return group([branches("concat", [
        silu(channels), silu(channels, 3), silu(channels, name="a"),
        branches("concat", [], *[[pool("max", k, 1, k // 2)] for k in (5, 9, 13)]),
        silu(channels), silu(channels, 3)], [silu(channels)]), silu(channels)], name)


def v7_tiny(boxes=False):
    leaky = functools.partial(conv, act="leaky_relu")

    def elan(inner, out, name=None):
        return chain(inner, inner, 2, out, [0, 1, 2], name, "leaky_relu")

    layers = [leaky(32, 3, 2, name="stem"), leaky(64, 3, 2), elan(32, 64),
              pool("max", 2), elan(64, 128, "p3"), pool("max", 2), elan(128, 256, "p4"),
              pool("max", 2), elan(256, 512),
              group([branches("concat", [leaky(256), branches(
                  "concat", [], *[[pool("max", k, 1, k // 2)] for k in (5, 9, 13)]), leaky(256)],
                  [leaky(256)]), leaky(256)], "p5"),
              leaky(128), upsample(name="up4"), leaky(128, source="p4"), concat("up4"),
              elan(64, 128, "mid4"),
              leaky(64), upsample(name="up3"), leaky(64, source="p3"), concat("up3"),
              elan(32, 64, "mid3"),
              leaky(128, 3, 2), concat("mid4"), elan(64, 128, "down4"),
              leaky(256, 3, 2), concat("p5"), elan(128, 256, "down5"),
              leaky(128, 3, source="mid3", name="out3"),
              leaky(256, 3, source="down4", name="out4"),
              leaky(512, 3, source="down5", name="out5")]
    if boxes:
        return network("yolov7_tiny_boxes", "YOLOv7-tiny, 640 x 640, re-parametrised, with the "
                       "decoding of its boxes and the best class of each; suppression left to the "
                       "host. Grids and anchors count as parameters",
                       "what quic/ai-hub-models@52c080d2 profiles "
                       "(qai_hub_models/models/yolov7/model.py)",
                       layers + anchor_boxes(["out3", "out4", "out5"], 640), 640) \
            | {"outputs": ["corners", "scores"]}
    layers += anchor_head(["out3", "out4", "out5"])
    return v7_network("yolov7_tiny", "YOLOv7-tiny", layers)


def v7_network(name, title, layers):
    return network(name, f"{title}, 640 x 640, re-parametrised; decoding and suppression of boxes "
                   "left to the host",
                   "Wang et al., arXiv 2207.02696, blocks as in its published configurations; "
                   "compared with the published sizes in published.csv", layers, 640)


def v7(large=False):
    c = 40 if large else 32
    steps, taken = (6, [0, 2, 4, 6]) if large else (4, [0, 2, 4])
    last = 1280 if large else 1024

    def elan(inner, out, name=None):
        return chain(inner, inner, steps, out, taken, name)

    def head(inner, out, name):
        if large:
            return chain(inner, inner, 6, out, taken, name)
        return chain(inner, inner // 2, 4, out, [0, 1, 2, 3, 4], name)

    a, b = (160, 320) if large else (128, 256)
    wide = [(256, 320), (128, 160), (256, 320), (512, 640)] if large else \
        [(256, 256), (128, 128), (256, 256), (512, 512)]
    layers = [silu(c, 3, 1, name="stem"), silu(2 * c, 3, 2), silu(2 * c, 3), silu(4 * c, 3, 2),
              elan(64, 2 * a), max_down(a), elan(128, 4 * a, "p3"), max_down(2 * a),
              elan(256, last, "p4"), max_down(4 * a), elan(256, last),
              spp_csp(2 * b, "p5"),
              silu(b), upsample(name="up4"), silu(b, source="p4"), concat("up4"),
              head(*wide[0], "mid4"),
              silu(a), upsample(name="up3"), silu(a, source="p3"), concat("up3"),
              head(*wide[1], "mid3"),
              max_down(a), concat("mid4"), head(*wide[2], "down4"),
              max_down(b), concat("p5"), head(*wide[3], "down5"),
              silu(2 * a, 3, source="mid3", name="out3"),
              silu(2 * b, 3, source="down4", name="out4"),
              silu(4 * b, 3, source="down5", name="out5")]
    layers += anchor_head(["out3", "out4", "out5"])
    return v7_network("yolov7x" if large else "yolov7", "YOLOv7x" if large else "YOLOv7", layers)


# YOLOv6, release 2: plain 3x3 convolutions after re-parametrisation.

V6 = {"n": (.33, .25), "t": (.25, .50), "m": (.60, .75)}


def v6(letter):
    depth, width = V6[letter]
    relu = functools.partial(conv, act="relu")
    csp = letter == "m"

    def rep(c, stride=1, name=None):
        return conv(c, 3, stride, bias=True, norm=None, act="relu", name=name)

    def ch(c):
        return make_divisible(c * width)

    def block(c, n, name=None):
        n = max(round(n * depth), 1)
        if not csp:
            return group([{"repeat": n} | rep(ch(c)) if n > 1 else rep(ch(c))], name)
        inner = int(ch(c) * 2 / 3)
        unit = residual(rep(inner), rep(inner), repeat=max(n // 2, 1))
        return group([branches("concat", [relu(inner), unit], [relu(inner)]), relu(ch(c))], name)

    def head(c, i, source):
        sides = 68 if csp else 4
        return group([conv(c, act="silu"),
                      branches("concat", [silu(c, 3), conv(CLASSES, bias=True, norm=None),
                                          act("sigmoid")],
                               [silu(c, 3), conv(sides, bias=True, norm=None)]),
                      reshape(CLASSES + sides, -1)], f"detect{i}", source=source)

    layers = [rep(ch(64), 2, "stem"), rep(ch(128), 2), block(128, 6), rep(ch(256), 2),
              block(256, 12, "p3"), rep(ch(512), 2), block(512, 18, "p4"), rep(ch(1024), 2),
              block(1024, 6), sppf(ch(1024), ch(1024) // 2, act_kind="relu"),
              relu(ch(256), name="top"), up2(ch(256)), concat("p4"), block(256, 12),
              relu(ch(128), name="middle"), up2(ch(128)), concat("p3"), block(128, 12, "out3"),
              relu(ch(128), 3, 2), concat("middle"), block(256, 12, "out4"),
              relu(ch(256), 3, 2), concat("top"), block(512, 12, "out5")]
    layers += [head(ch(c), i, f"out{i + 3}") for i, c in enumerate((128, 256, 512))]
    layers += [concat("detect0", "detect1", axis=2)]
    return network(f"yolov6{letter}_r2",
                   f"YOLOv6-{letter.upper()}, release 2, 640 x 640, re-parametrised; decoding "
                   "and suppression of boxes left to the host",
                   "Li et al., arXiv 2209.02976, blocks as in its published configurations "
                   "(release 0.2); compared with the published sizes in published.csv", layers, 640)


def up2(channels):
    return conv(channels, 2, 2, 0, bias=True, norm=None, kind="conv_transpose")


def all_networks():
    made = [v5(letter) for letter in "nsmlx"]
    made += [v5(letter, deep=True) for letter in "nsl"]
    made += [v5(letter, free=True) for letter in "nsl"]
    made += [v5(letter, deep=True, free=True) for letter in "nsl"]
    made += [v8(letter, pose) for pose in (False, True) for letter in "nsmlx"]
    made += [v9(letter) for letter in "tsmc"]
    made += [v10(letter) for letter in "nsm"] + [v11(letter) for letter in "nsm"]
    made += [v7_tiny(), v7_tiny(boxes=True), v7(), v7(large=True)]
    made += [v6(letter) for letter in "ntm"]
    return made
