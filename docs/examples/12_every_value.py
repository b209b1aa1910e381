"""
Every value of a network
========================

For teachers and students: the pre-activations, outputs and deltas of a network, computed by hand
and by prelunet.
"""

# %%
# A network with two inputs, three hidden units with PReLU, and two outputs. The numbers are small,
# so that you can follow them with a pencil.

import matplotlib.pyplot as plt
import numpy as np

import prelunet as pn

x = np.array([[1.0, -2.0], [0.5, 1.5]])  # two samples
y = np.array([0, 1])  # their classes

model = pn.Sequential(
    [pn.Dense(3, name="hidden"), pn.PReLU("shared", name="prelu"), pn.Dense(2, name="out")],
    input_shape=(2,),
    dtype="float64",
)
model.set_parameters(
    {
        "hidden.weight": [[1, 0], [0, 1], [1, 1]],
        "hidden.bias": [0, 0, 0.5],
        "prelu.alpha": [0.1],
        "out.weight": [[1, 0, -1], [0, 1, 1]],
        "out.bias": [0, 0],
    }
)
model.compile(pn.SGD(0.1), loss="softmax_cross_entropy")

# %%
# Forward
# -------
#
# Every row of ``z`` is a sample, every column a unit: ``z = x W^T + b``. PReLU multiplies the
# negative ones by alpha.

values = model.trace(x, y)
W, b = model.parameters()["hidden.weight"], model.parameters()["hidden.bias"]
z = x @ W.T + b
a = np.where(z > 0, z, 0.1 * z)
print("z by hand\n", z)
print("z by prelunet\n", values["hidden.z"])
print("a by prelunet\n", values["prelu.a"])
assert np.array_equal(values["prelu.a"], a)

# %%
# Backward
# --------
#
# The delta of a layer is the gradient of the loss with respect to its z. At the output it is the
# probability minus the target, divided by the number of samples.

logits = values["out.z"]
p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
delta_out = (p - np.eye(2)[y]) / len(y)
print("delta of the output by hand\n", delta_out.round(4))
print("delta of the output by prelunet\n", values["out.delta"].round(4))

# %%
# It goes back through the weights, and through the slope of PReLU: 1 where z is positive, alpha
# elsewhere.

grad_a = delta_out @ model.parameters()["out.weight"]
delta_hidden = np.where(z > 0, 1, 0.1) * grad_a
assert np.allclose(values["hidden.delta"], delta_hidden)

# %%
# Gradients
# ---------
#
# The gradient of a weight is a product of deltas and inputs. The gradient of alpha is the sum of
# ``grad_a * z`` where z is not positive.

loss, gradients = model.loss_and_gradients(x, y)
assert np.allclose(gradients["hidden.weight"], delta_hidden.T @ x)
assert np.allclose(gradients["hidden.bias"], delta_hidden.sum(axis=0))
assert np.allclose(gradients["prelu.alpha"], (grad_a * z)[z <= 0].sum())
for name, gradient in gradients.items():
    print(name, gradient.round(4).tolist())

# %%
# Do you trust neither? Move each parameter a little, and see how the loss changes. That is what
# ``check_gradients`` does.

print(pn.check_gradients(model, x, y))

# %%
# Ten steps
# ---------
#
# Each step moves every parameter against its gradient.

losses = [model.train_on_batch(x, y)["loss"] for _ in range(10)]

figure, panel = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
panel.plot(range(1, 11), losses, "o-", color="#0072B2")
panel.set(title="The loss falls", xlabel="step", ylabel="loss")
