"""Damaged ONNX files."""

from __future__ import annotations

import numpy as np

import prelunet as pn

from . import mutate
from .models import models
from .mutate import pick


class Onnx:
    """ONNX graphs: fields of the messages, or the bytes."""

    suffix, share = "onnx", 4

    def prepare(self, folder):
        """Export the models, and parse graphs as PyTorch writes them."""
        import onnx

        self.onnx, self.samples = onnx, []
        built = [model for model in models() if model.input_shape is not None]
        for number, model in enumerate(built):
            model.to_onnx(folder / f"{number}.onnx", probabilities=number == 0)
            self.samples.append(onnx.load(folder / f"{number}.onnx"))
        for nodes, shape, constants in GRAPHS:
            self.samples.append(_graph(onnx, nodes, shape, constants))

        nodes = [node for sample in self.samples for node in sample.graph.node]
        self.operators = sorted({node.op_type for node in nodes} | set(OTHERS))

    def make(self, rng):
        model = self.onnx.ModelProto()
        model.CopyFrom(pick(rng, self.samples))
        kind = int(rng.integers(12))
        if kind:
            for _ in range(int(rng.integers(1, 4))):
                self._change(rng, model)
        content = model.SerializeToString()
        return content if kind > 1 else mutate.some(rng, content)

    def _change(self, rng, model):
        message = model if rng.random() < 0.1 else model.graph
        while True:  # descend to a random message
            inner = [value for _, values in message.ListFields() for value in _messages(values)]
            if not inner or rng.random() < 0.2:
                break
            message = pick(rng, inner)
        fields = list(message.DESCRIPTOR.fields)
        present = [field for field, _ in message.ListFields()]
        field = pick(rng, present if present and rng.random() < 0.8 else fields)
        try:
            self._change_field(rng, model, message, field)
        except (TypeError, ValueError, OverflowError):  # the value is not of the field's type
            message.ClearField(field.name)

    def _change_field(self, rng, model, message, field):
        value = getattr(message, field.name)
        if rng.random() < 0.15:
            message.ClearField(field.name)
        elif hasattr(value, "append") or hasattr(value, "add"):
            self._change_list(rng, model, field, value)
        elif field.type == field.TYPE_MESSAGE:
            value.SetInParent()
        else:
            setattr(message, field.name, self._scalar(rng, model, field, value))

    def _change_list(self, rng, model, field, value):
        kind, size = int(rng.integers(4)), len(value)
        place = int(rng.integers(size)) if size else 0
        if kind == 0 and size:
            del value[place]
        elif field.type == field.TYPE_MESSAGE:
            if kind == 1:
                value.add()
            elif size:
                value.add().CopyFrom(value[place])
        elif kind == 1 or not size:
            value.append(self._scalar(rng, model, field, None))
        else:
            value[place] = self._scalar(rng, model, field, value[place])

    def _scalar(self, rng, model, field, value):
        if field.type == field.TYPE_STRING:
            names = [name for node in model.graph.node for name in (*node.input, *node.output)]
            return str(pick(rng, [*names, *self.operators, "", "x", "y", "axis", "alpha", "ü"]))
        if field.type == field.TYPE_BYTES:
            return mutate.some(rng, value or b"", 1)
        if field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
            return pick(rng, [0.0, 1.0, -1.0, 1e30, float("nan"), float("inf")])
        if field.type == field.TYPE_ENUM:
            return int(rng.integers(0, 22))
        return int(pick(rng, [-1, -2, *mutate.INTEGERS]))

    def read(self, path):
        repr(pn.from_onnx(path))


# Operators that the samples do not have: a few constants, and some that no layer does.
OTHERS = [
    "MatMul",
    "Elu",
    "LeakyRelu",
    "Sub",
    "Cast",
    "Identity",
    "Constant",
    "Squeeze",
    "Unsqueeze",
]
OTHERS += ["Neg", "Sqrt", "Erf", "Softplus", "Shape", "Concat", "If", "Loop", "Split"]

_NORMAL = np.random.default_rng(5).standard_normal
GRAPHS = [
    (
        """a = Transpose <perm: ints = [1, 0]> (w)
        b = Mul(a, s)
        c = MatMul(x, b)
        d = Add(c, v)
        e = Sigmoid(d)
        f = Mul(d, e)
        g = Gemm(f, u)
        h = Add(d, g)
        y = Softmax(h)""",
        (6,),
        {"w": _NORMAL((4, 6)), "s": np.array(0.5), "v": _NORMAL(4), "u": _NORMAL((4, 4))},
    ),
    (
        """a = Conv <pads: ints = [1, 1, 1, 1]> (x, w, b)
        c = Relu(a)
        d = MaxPool <kernel_shape: ints = [2, 2], strides: ints = [2, 2]> (c)
        e = PRelu(d, p)
        f = Reshape(e, t)
        y = Gemm <transB: int = 1> (f, u, v)""",
        (1, 6, 6),
        {
            "w": _NORMAL((2, 1, 3, 3)),
            "b": _NORMAL(2),
            "p": _NORMAL((2, 1, 1)),
            "t": np.array([-1, 18]),
            "u": _NORMAL((3, 18)),
            "v": _NORMAL(3),
        },
    ),
]


def _graph(onnx, nodes, shape, constants):
    arrays = [
        onnx.numpy_helper.from_array(v if v.dtype.kind == "i" else v.astype(np.float32), name)
        for name, v in constants.items()
    ]
    info = onnx.helper.make_tensor_value_info
    made = onnx.helper.make_graph(
        [onnx.parser.parse_node(node) for node in nodes.splitlines()],
        "graph",
        [info("x", 1, ["rows", *shape])],
        [info("y", 1, ["n", "units"])],
        arrays,
    )
    opsets = [onnx.helper.make_opsetid("", 17)]
    return onnx.helper.make_model(made, opset_imports=opsets, ir_version=9)


def _messages(value):
    values = value if hasattr(value, "__len__") and not isinstance(value, (str, bytes)) else [value]
    return [item for item in values if hasattr(item, "ListFields")]
