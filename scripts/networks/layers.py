"""Layers of workload files, and a count of their multiply-accumulates and parameters.

The count walks the same lists as the simulator's reader, but shares nothing with it: a file whose
graph has other sums than these fails the simulator's tests.
"""
import math
import textwrap

# Entries of a list ---------------------------------------------------------------------------------


def entry(kind, value, name=None, source=None, repeat=None):
    made = {}
    if name:
        made["name"] = name
    if source:
        made["from"] = source
    if repeat and repeat > 1:
        made["repeat"] = repeat
    made[kind] = value
    return made


def conv(filters, kernel=1, stride=1, padding=None, dilation=1, groups=1, bias=False, norm="batch",
         act=None, name=None, source=None, width=None, padding_width=None, kind="conv"):
    """A convolution that keeps the size (divided by the stride), its norm and its activation."""
    if padding is None:
        padding = dilation * (kernel - 1) // 2
    made = {"filters": filters, "kernel": kernel}
    if width is not None and width != kernel:
        made["kernel_width"] = width
        if padding_width is None:
            padding_width = dilation * (width - 1) // 2
    optional = {"stride": (stride, 1), "padding": (padding, 0), "dilation": (dilation, 1),
                "groups": (groups, 1)}
    made.update({key: value for key, (value, default) in optional.items() if value != default})
    if padding_width is not None and padding_width != padding:
        made["padding_width"] = padding_width
    if bias:
        made["bias"] = True
    if norm:
        made["norm"] = norm
    if act:
        made["activation"] = act
    return entry(kind, made, name, source)


def depthwise(kernel=3, stride=1, act=None, norm="batch", bias=False, dilation=1, padding=None,
              name=None, source=None):
    made = conv(1, kernel, stride, padding, dilation, 1, bias, norm, act, name, source,
                kind="depthwise")
    del made["depthwise"]["filters"]
    return made


def linear(features, bias=True, name=None, source=None):
    return entry("linear", {"features": features} | ({} if bias else {"bias": False}), name, source)


def act(kind, name=None, source=None):
    return entry("activation", kind, name, source)


def norm(kind, name=None, source=None):
    return entry("norm", kind, name, source)


def pool(kind, kernel=1, stride=None, padding=0, ceil=False, name=None, source=None):
    made = {"kind": kind}
    if not kind.startswith("global"):
        made["kernel"] = kernel
        if stride is not None and stride != kernel:
            made["stride"] = stride
        if padding:
            made["padding"] = padding
        if ceil:
            made["ceil"] = True
    return entry("pool", made, name, source)


def add(*others, name=None, source=None):
    return entry("add", {"with": list(others)}, name, source)


def multiply(*others, name=None, source=None):
    return entry("multiply", {"with": list(others)}, name, source)


def concat(*others, axis=1, name=None, source=None):
    made = {"with": list(others)}
    if axis != 1:
        made["axis"] = axis
    return entry("concat", made, name, source)


def upsample(scale=2, mode="nearest", name=None, source=None):
    return entry("upsample", {"scale": scale, "mode": mode}, name, source)


def slice_(start, end, axis=1, name=None, source=None):
    return entry("slice", ({"axis": axis} if axis != 1 else {}) | {"start": start, "end": end},
                 name, source)


def reshape(*shape, like=None, name=None, source=None):
    return entry("reshape", {"shape": list(shape)} | ({"like": like} if like else {}), name, source)


def transpose(*perm, name=None, source=None):
    return entry("transpose", {"perm": list(perm)}, name, source)


def group(layers, name=None, source=None, repeat=None):
    return entry("layers", layers, name, source, repeat)


def branches(join, *lists, name=None, source=None, repeat=None):
    made = entry("branches", [list(one) for one in lists], name, source, repeat)
    made["join"] = join
    return made


def residual(*layers, name=None, repeat=None):
    return branches("add", layers, [], name=name, repeat=repeat)


def squeeze_excite(channels, gate="sigmoid", inner="relu"):
    """Each channel scaled by a function of all channels' means."""
    return branches("multiply", [],
                    [pool("global_average"),
                     conv(channels[0], bias=True, norm=None, act=inner),
                     conv(channels[1], bias=True, norm=None, act=gate)])


# The count -----------------------------------------------------------------------------------------


class Count:
    """Shapes without the batch; multiply-accumulates and trained parameters of one inference."""

    def __init__(self):
        self.macs = 0
        self.parameters = 0

    def run(self, network):
        shapes = {"input": tuple(network["input"]["shape"])}
        for more in network.get("inputs", []):
            shapes[more["name"]] = tuple(more["shape"])
        self.list(network["layers"], shapes["input"], [shapes])
        return self.macs, self.parameters

    def list(self, layers, x, scopes):
        for layer in layers:
            if "from" in layer:
                x = self.find(layer["from"], scopes)
            for _ in range(layer.get("repeat", 1)):
                x = self.one(layer, x, scopes)
            if "name" in layer:
                scopes[-1][layer["name"]] = x
        return x

    def find(self, name, scopes):
        for scope in reversed(scopes):
            if name in scope:
                return scope[name]
        raise KeyError(name)

    def one(self, layer, x, scopes):
        if "layers" in layer:
            return self.list(layer["layers"], x, scopes + [{"input": x}])
        if "branches" in layer:
            parts = [self.list(part, x, scopes + [{"input": x}]) for part in layer["branches"]]
            return join(parts, 1 if layer["join"] == "concat" else None)
        (kind, value), = [(key, value) for key, value in layer.items()
                          if key not in ("name", "from", "repeat", "join")]
        return getattr(self, "of_" + kind)(x, value, scopes)

    def of_conv(self, x, v, _):
        height, width = v["kernel"], v.get("kernel_width", v["kernel"])
        sides = v.get("padding_width", v.get("padding", 0))
        stride, dilation = v.get("stride", 1), v.get("dilation", 1)

        def slide(size, kernel, padding):
            return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1

        made = (v["filters"], slide(x[1], height, v.get("padding", 0)), slide(x[2], width, sides))
        weights = v["filters"] * (x[0] // v.get("groups", 1)) * height * width
        self.macs += weights * made[1] * made[2]
        self.after_conv(weights, v)
        return made

    def after_conv(self, weights, v):
        self.parameters += weights + (v["filters"] if v.get("bias") else 0)
        if v.get("norm"):
            self.parameters += 2 * v["filters"]

    def of_depthwise(self, x, v, scopes):
        return self.of_conv(x, v | {"filters": x[0] * v.get("multiplier", 1), "groups": x[0]},
                            scopes)

    def of_conv_transpose(self, x, v, _):
        weights = x[0] * (v["filters"] // v.get("groups", 1)) * v["kernel"] ** 2
        self.macs += weights * x[1] * x[2]
        self.after_conv(weights, v)
        return (v["filters"],) + tuple(
            (size - 1) * v.get("stride", 1) - 2 * v.get("padding", 0) + v["kernel"]
            + v.get("output_padding", 0) for size in x[1:])

    def of_linear(self, x, v, _):
        self.project(math.prod(x[:-1]), x[-1], v["features"], v.get("bias", True))
        return x[:-1] + (v["features"],)

    def project(self, rows, size, features, bias):
        self.macs += rows * size * features
        self.parameters += size * features + (features if bias else 0)

    def of_matmul(self, x, v, scopes):
        other = self.find(v["with"], scopes)
        columns = other[-2] if v.get("transpose") else other[-1]
        self.macs += math.prod(x) * columns
        return x[:-1] + (columns,)

    def of_attention(self, x, v, scopes):
        context = self.find(v["context"], scopes) if "context" in v else x
        heads, kv_heads = v["heads"], v.get("kv_heads", v["heads"])
        size = v.get("head_dim", x[1] // heads)
        bias = v.get("bias", False)
        self.project(x[0], x[1], heads * size, bias)
        for _ in range(2):
            self.project(context[0], context[1], kv_heads * size, bias)
        self.macs += 2 * heads * size * x[0] * context[0]
        self.project(x[0], heads * size, x[1], v.get("output_bias", bias))
        return x

    def of_attend(self, x, v, scopes):
        keys, values = self.find(v["keys"], scopes), self.find(v["values"], scopes)
        size = values[1] // v.get("kv_heads", v["heads"])
        self.macs += x[0] * keys[0] * (x[1] + v["heads"] * size)
        if v.get("score_bias"):
            self.parameters += v["heads"] * x[0] * keys[0]
        return (x[0], v["heads"] * size)

    def of_recurrent(self, x, v, _):
        gates = {"lstm": 4, "gru": 3, "rnn": 1}[v["kind"]]
        directions = 2 if v.get("bidirectional") else 1
        weights = directions * gates * v["hidden"] * (x[1] + v["hidden"])
        self.macs += x[0] * weights
        self.parameters += weights + directions * 2 * gates * v["hidden"]
        return (x[0], directions * v["hidden"])

    def of_embedding(self, x, v, _):
        self.parameters += v["vocabulary"] * v["hidden"]
        return x + (v["hidden"],)

    def of_norm(self, x, v, _):
        size = x[0] if v in ("batch", "instance") else x[-1]
        self.parameters += size if v == "rms" else 2 * size
        return x

    def of_group_norm(self, x, v, _):
        self.parameters += 2 * x[0]
        return x

    def trained(self, x, v, _):
        self.parameters += math.prod(v["shape"])
        return x

    of_offset = of_scale = trained

    def of_prepend(self, x, v, _):
        self.parameters += v["tokens"] * x[1]
        return (x[0] + v["tokens"], x[1])

    def of_pool(self, x, v, _):
        if v["kind"].startswith("global"):
            return (x[0], 1, 1)
        stride = v.get("stride", v["kernel"])
        more = stride - 1 if v.get("ceil") else 0
        sizes = []
        for size in x[1:]:
            made = (size + 2 * v.get("padding", 0) - v["kernel"] + more) // stride + 1
            if v.get("ceil") and (made - 1) * stride >= size + v.get("padding", 0):
                made -= 1
            sizes.append(made)
        return (x[0], *sizes)

    def same(self, x, v, _):
        return x

    of_activation = of_softmax = same

    def of_add(self, x, v, scopes):
        return join([x] + [self.find(name, scopes) for name in v["with"]], None)

    of_multiply = of_add

    def of_concat(self, x, v, scopes):
        axis = v.get("axis", 1)
        return join([x] + [self.find(name, scopes) for name in v["with"]],
                    axis if axis > 0 else axis + len(x) + 1)

    def of_slice(self, x, v, _):
        axis = v.get("axis", 1)
        axis = axis - 1 if axis > 0 else axis + len(x)
        return x[:axis] + (min(v["end"], x[axis]) - v.get("start", 0),) + x[axis + 1:]

    def of_mean(self, x, v, _):
        axis = v.get("axis", -1)
        axis = axis - 1 if axis > 0 else axis + len(x)
        return x[:axis] + x[axis + 1:]

    def of_flatten(self, x, v, _):
        return (math.prod(x),)

    def of_reshape(self, x, v, scopes):
        shape = list(v["shape"])
        if "like" in v:
            shape += self.find(v["like"], scopes)[1:3]
        if -1 in shape:
            shape[shape.index(-1)] = math.prod(x) // -math.prod(shape)
        return tuple(shape)

    def of_transpose(self, x, v, _):
        return tuple(x[axis - 1] for axis in v["perm"][1:])

    def of_upsample(self, x, v, _):
        return (x[0],) + tuple(size * v["scale"] for size in x[1:])

    def of_resize(self, x, v, _):
        return (x[0], v["rows"], v["columns"])

    def of_depth_to_space(self, x, v, _):
        block = v["block"]
        return (x[0] // block ** 2, x[1] * block, x[2] * block)

    def of_space_to_depth(self, x, v, _):
        block = v["block"]
        return (x[0] * block ** 2, x[1] // block, x[2] // block)


def join(parts, axis):
    """Of concatenation along `axis`, the batch's being 0; otherwise element by element."""
    if axis is None:
        return tuple(max(sizes) for sizes in zip(*parts))
    made = list(parts[0])
    made[axis - 1] = sum(part[axis - 1] for part in parts)
    return tuple(made)


# The file ------------------------------------------------------------------------------------------


def flow(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(one) for one in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def write_list(lines, layers, indent):
    blank = " " * indent
    if not layers:
        lines.append(f"{blank}[]")
    for layer in layers:
        if "layers" not in layer and "branches" not in layer:
            lines.append(f"{blank}- {flow(layer)}")
            continue
        keys = [(key, layer[key]) for key in ("name", "from", "repeat", "join") if key in layer]
        kind = "layers" if "layers" in layer else "branches"
        for place, (key, value) in enumerate(keys):
            lines.append(f"{blank}{'- ' if place == 0 else '  '}{key}: {flow(value)}")
        lines.append(f"{blank}{'  ' if keys else '- '}{kind}:")
        if kind == "layers":
            write_list(lines, layer[kind], indent + 4)
            continue
        for branch in layer[kind]:
            if all("layers" not in one and "branches" not in one for one in branch) \
                    and len(flow(branch)) < 90:
                lines.append(f"{blank}    - {flow(branch)}")
            else:
                lines.append(f"{blank}    -")
                write_list(lines, branch, indent + 6)


def prose(key, text):
    """A line, or a folded block where it is long or would be read as something else."""
    line = f"{key}: {text}"
    if len(line) <= 100 and ": " not in text and " #" not in text:
        return [line]
    return [f"{key}: >-"] + ["  " + part for part in textwrap.wrap(text, 97)]


def heading(network, macs, parameters):
    return (["schema: perfwatt/workload/v1"] + prose("description", network["description"])
            + prose("source", network["source"])
            + [f"macs: {macs}", f"parameters: {parameters}"])


def text_of(network):
    lines = heading(network, *Count().run(network)) + [f"input: {flow(network['input'])}"]
    if network.get("inputs"):
        lines.append("inputs:")
        lines += [f"  - {flow(more)}" for more in network["inputs"]]
    if network.get("outputs"):
        lines.append(f"outputs: {flow(network['outputs'])}")
    lines.append("layers:")
    write_list(lines, network["layers"], 2)
    return "\n".join(lines) + "\n"
