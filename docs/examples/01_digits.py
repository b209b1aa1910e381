"""
Recognize handwritten digits
============================

A first network: load images, describe layers, train, and look at the result.
"""

# %%
# The data set ``digits`` is included in prelunet: 1,797 images of 8 x 8 pixels, each with the digit
# that a person wrote. We hold out a fifth of the rows to test the network on digits that it has not
# seen in training.

import matplotlib.pyplot as plt
import numpy as np

import prelunet as pn

digits = pn.data.split(pn.data.load("digits"), test_size=0.2, seed=0)
print(digits)

figure, panels = plt.subplots(1, 10, figsize=(8, 1.2))
for digit, panel in enumerate(panels):
    row = np.flatnonzero(digits.y_train == digit)[0]
    panel.imshow(digits.x_train[row].reshape(8, 8), cmap="gray_r")
    panel.set_title(digit)
    panel.set_axis_off()

# %%
# A `Sequential` model is a list of layers. `Rescaling` maps the pixels 0 to 16 to the range 0 to 1.
# Each `Dense` layer computes weighted sums of its inputs, and each `PReLU` bends them: it passes
# positive values unchanged and multiplies the others by a slope alpha, which is learned. The last
# layer has one output for each digit.

model = pn.Sequential(
    [
        pn.Rescaling(1 / 16),
        pn.Dense(64),
        pn.PReLU("channel"),
        pn.Dense(64),
        pn.PReLU("channel"),
        pn.Dense(10),
    ],
    seed=0,
)
model.compile(
    optimizer=pn.Adam(learning_rate=2e-3), loss="softmax_cross_entropy", metrics=["accuracy"]
)

# %%
# `fit` goes through all rows 20 times, in batches of 32. After each pass it evaluates the network
# on the test rows. The whole training takes a fraction of a second.

history = model.fit(
    digits.x_train,
    digits.y_train,
    epochs=20,
    batch_size=32,
    validation_data=(digits.x_test, digits.y_test),
)
print(model.summary())
print(f"test accuracy: {history['val_accuracy'][-1]:.3f}")

figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
pn.plots.HistoryDisplay.from_history(history, units={"loss": "nats"}, ax=panels)

# %%
# Which digits does the network confuse? Rows of the confusion matrix are the digits that were
# written, and columns are the digits that the network read.

predictions = model.predict(digits.x_test).argmax(axis=1)
figure, panel = plt.subplots(figsize=(5, 4.4), layout="constrained")
pn.plots.plot_confusion_matrix(digits.y_test, predictions, ax=panel)

# %%
# `predict_proba` returns a probability for each digit. Save the model to use it elsewhere: the file
# holds the layers and the weights.

print(np.round(model.predict_proba(digits.x_test[:1]), 3))
