"""
Look at the mistakes
====================

An accuracy is one number. The images that a network gets wrong say more.
"""

# %%
# A small convolutional network for the digits of 8 x 8 pixels. A convolution looks at 3 x 3 pixels
# at a time, with the same weights everywhere in the image.

import matplotlib.pyplot as plt
import numpy as np

import prelunet as pn

digits = pn.data.split(pn.data.load("digits"), test_size=0.3, seed=0).as_images()

model = pn.Sequential(
    [
        pn.Rescaling(1 / 16),
        pn.Conv2D(16, 3, padding="same"),
        pn.PReLU("channel"),
        pn.MaxPool2D(2),
        pn.Conv2D(32, 3, padding="same"),
        pn.PReLU("channel"),
        pn.Flatten(),
        pn.Dense(10),
    ],
    seed=0,
)
model.compile(pn.Adam(2e-3), loss="softmax_cross_entropy", metrics=["accuracy"])
model.fit(digits.x_train, digits.y_train, epochs=12)
print(f"test accuracy {model.evaluate(digits.x_test, digits.y_test)['accuracy']:.3f}")

# %%
# The images that it takes for another digit:

probabilities = model.predict_proba(digits.x_test)
predictions = probabilities.argmax(axis=1)
wrong = np.flatnonzero(predictions != digits.y_test)[:10]

figure, panels = plt.subplots(2, 5, figsize=(8.5, 4), layout="constrained")
for panel in panels.ravel():
    panel.set_axis_off()
pn.plots.MisclassifiedDisplay.from_predictions(
    digits.x_test[wrong], digits.y_test[wrong], predictions[wrong], ax=panels.ravel()
)

# %%
# Is the network unsure where it is wrong? The probability of its answer is usually lower there. A
# program can use this: below a limit it asks a person.

sure = probabilities.max(axis=1)
right = predictions == digits.y_test

figure, panel = plt.subplots(figsize=(7, 3.4), layout="constrained")
bins = np.linspace(0.2, 1, 33)
for rows, label, color in ((right, "right", "#0072B2"), (~right, "wrong", "#D55E00")):
    panel.hist(sure[rows], bins, label=f"{label}: {rows.sum()}", color=color, alpha=0.8)
panel.set_yscale("log")
panel.set(xlabel="probability of the answer", ylabel="images (log scale)")
panel.legend(frameon=False)

# %%
# What do the filters look for? Each of the 16 images shows the weights of one filter of the first
# layer.

figure, panel = plt.subplots(figsize=(7, 2.6), layout="constrained")
pn.plots.WeightsDisplay.from_weights(
    model.parameters()["1.weight"], title="Filters of the first layer", ax=panel
)
