"""
Stop before overfitting
=======================

A large network learns a small training set by heart. Early stopping keeps the weights of the epoch
that did best on held-out rows.
"""

# %%
# We train on 200 digits only, and hold out the rest. After some epochs the training loss still
# falls, while the validation loss rises: the network learns what is special about these 200 images.

import matplotlib.pyplot as plt

import prelunet as pn

digits = pn.data.split(pn.data.load("digits"), test_size=1597, seed=0)
held_out = (digits.x_test, digits.y_test)


def network():
    """Return a network that is much too large for 200 images."""
    model = pn.Sequential(
        [pn.Rescaling(1 / 16), pn.Dense(512), pn.PReLU(), pn.Dense(512), pn.PReLU(), pn.Dense(10)],
        seed=0,
    )
    model.compile(pn.Adam(2e-3), loss="softmax_cross_entropy", metrics=["accuracy"])
    return model


model = network()
history = model.fit(digits.x_train, digits.y_train, epochs=60, validation_data=held_out)
last = model.evaluate(*held_out)

figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
pn.plots.HistoryDisplay.from_history(history, units={"loss": "nats"}, ax=panels)

# %%
# ``EarlyStopping`` watches the validation loss. When it has not improved for ``patience`` epochs,
# training stops. With ``restore_best_weights`` the model gets the weights of the best epoch back.

model = network()
stop = pn.EarlyStopping("val_loss", patience=5, restore_best_weights=True)
model.fit(
    digits.x_train,
    digits.y_train,
    epochs=60,
    validation_data=held_out,
    callbacks=[stop],
)
best = model.evaluate(*held_out)

print(f"stopped after epoch {stop.stopped_epoch}, best epoch {stop.best_epoch}")
print(f"validation loss: {best['loss']:.3f} instead of {last['loss']:.3f} after 60 epochs")

# %%
# Rows that chose the epoch are no fair test any more. For a final number, hold out a third part of
# the data, which neither training nor early stopping has seen.
