"""Files that PyTorch's own exporters write, both of them, where PyTorch is installed."""

from __future__ import annotations

import onnx
import pytest

import prelunet as pn
from interop_models import assert_ported

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn = torch.nn


class Viewed(nn.Module):
    """A network that is written as people write them, not as a list."""

    def __init__(self):
        super().__init__()
        self.filters, self.first = nn.Conv2d(3, 4, 3), nn.Linear(60, 9)
        self.inner, self.outer = nn.Linear(9, 9), nn.Linear(9, 2)

    def forward(self, x):
        flat = torch.relu(self.filters(2 * x - 1)).view(x.size(0), -1)
        features = self.first(flat)
        return self.outer(features + 0.5 * nn.functional.silu(self.inner(features)))


MODULES = {
    "mlp": (
        nn.Sequential(
            *(nn.Linear(6, 5), nn.PReLU(5), nn.Linear(5, 6), nn.PReLU(), nn.GELU(), nn.SiLU()),
            *(nn.ELU(0.5), nn.LeakyReLU(0.2), nn.Dropout(), nn.Tanh(), nn.Sigmoid()),
            nn.Linear(6, 3, bias=False),
        ),
        (6,),
    ),
    "cnn": (
        nn.Sequential(
            *(nn.Conv2d(3, 4, 3, padding=1), nn.PReLU(4), nn.MaxPool2d(2), nn.Conv2d(4, 5, 2)),
            *(nn.ReLU(), nn.Flatten(), nn.PReLU(30), nn.Linear(30, 7), nn.ELU()),
        ),
        (3, 8, 6),
    ),
    "view": (Viewed(), (3, 7, 5)),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # PyTorch's
@pytest.mark.parametrize("new", [False, True])
@pytest.mark.parametrize("name", MODULES)
def test_what_torch_exports_is_read(name, new, tmp_path):
    module, shape = MODULES[name]
    if new:
        pytest.importorskip("onnxscript", reason="PyTorch's newer exporter needs onnxscript")
    x = torch.randn(7, *shape, generator=torch.Generator().manual_seed(0))
    torch.onnx.export(
        module.eval(),
        (x,),
        tmp_path / "m.onnx",
        dynamo=new,
        **({"dynamic_shapes": ({0: "rows"},)} if new else {"dynamic_axes": {"x": {0: "rows"}}}),
        input_names=["x"],
    )
    onnx.checker.check_model(tmp_path / "m.onnx")
    rows = x.numpy() if len(shape) == 1 else x.numpy().transpose(0, 2, 3, 1)
    with torch.no_grad():
        assert_ported(pn.from_onnx(tmp_path / "m.onnx").predict(rows), module(x).numpy(), name)
