#include "network/layer_window.h"

namespace prelunet {

Window2D read_window(LayerReader& config, const Shape& input) {
  const Shape size = config.sizes("window", 2), stride = config.sizes("strides", 2);
  const bool same = config.boolean("same");
  if (input.size() != 3) config.fail("input must have shape (height, width, channels), got " + shape_text(input));
  const Window2D window{window_axis(input[0], size[0], stride[0], same),
                        window_axis(input[1], size[1], stride[1], same)};
  if (!window.fits()) {
    config.fail("input must have at least " + std::to_string(size[0]) + " rows and " + std::to_string(size[1]) +
                " columns, got " + shape_text(input) + "; padding='same' takes smaller ones");
  }
  return window;
}

}  // namespace prelunet
