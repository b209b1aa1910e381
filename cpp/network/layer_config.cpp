#include "network/layer_config.h"

#include <stdexcept>

namespace prelunet {

std::size_t LayerReader::size(const std::string& key) {
  const std::int64_t number = value<std::int64_t>(key);
  if (number < 0) fail("key '" + key + "' must be at least 0, got " + std::to_string(number));
  return static_cast<std::size_t>(number);
}

Shape LayerReader::sizes(const std::string& key, std::size_t count) {
  const Shape& found = value<Shape>(key);
  if (found.size() != count) fail("key '" + key + "' must hold " + std::to_string(count) + " sizes");
  return found;
}

void LayerReader::finish() const {
  for (const auto& [key, value] : config_.values) {
    if (read_.count(key) == 0) fail("unknown key '" + key + "'");
  }
}

void LayerReader::fail(const std::string& message) const { throw std::invalid_argument(title_ + ": " + message); }

std::string shape_text(const Shape& shape) {
  std::string text = "(";
  for (const std::size_t size : shape) text += std::to_string(size) + ",";
  if (shape.size() > 1) text.pop_back();
  return text + ")";
}

}  // namespace prelunet
