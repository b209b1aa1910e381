// The window of a layer that reads images.
#pragma once

#include "kernels/window2d.h"
#include "network/layer_config.h"

namespace prelunet {

// Reads "window", "strides" and "same". Throws if the input is not an image or is smaller than a window.
Window2D read_window(LayerReader& config, const Shape& input);

}  // namespace prelunet
