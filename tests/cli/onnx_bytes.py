"""Just enough of ONNX's protobuf, written by hand, to make small and broken networks."""


def varint(number):
    out = bytearray()
    while True:
        if number < 128:
            out.append(number)
            return bytes(out)
        out.append(number & 127 | 128)
        number >>= 7


def integer(field, number):
    return varint(field << 3) + varint(number)


def blob(field, content):
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def node(operator, inputs, outputs, name=""):
    return (b"".join(blob(1, word) for word in inputs) + b"".join(blob(2, word) for word in outputs)
            + blob(3, name or operator) + blob(4, operator))


def value(name, shape, element_type=1):
    dims = b"".join(blob(1, integer(1, size)) for size in shape)
    tensor = integer(1, element_type) + blob(2, dims)
    return blob(1, name) + blob(2, blob(1, tensor))


def graph(nodes, inputs, outputs):
    return (b"".join(blob(1, part) for part in nodes) + blob(2, "test")
            + b"".join(blob(11, part) for part in inputs)
            + b"".join(blob(12, part) for part in outputs))


def model(graph_bytes, opset=13):
    return integer(1, 8) + blob(7, graph_bytes) + blob(8, integer(2, opset))
