// Descriptions of layers, as passed from Python.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "network/parameter.h"

namespace prelunet {

struct LambdaFunctions;
struct LayerConfig;

using ConfigValue = std::variant<bool, std::int64_t, double, std::string, Shape, std::vector<double>,
                                 std::vector<LayerConfig>, std::shared_ptr<const LambdaFunctions>>;

struct LayerConfig {
  std::string type;  // a row of layer_registry.cpp
  std::string name;  // unique among its sibling layers
  bool trainable = true;
  std::map<std::string, ConfigValue> values;  // all other keys
};

// Reads the values of one layer. Each function throws std::invalid_argument, which names layer and key, if a key is
// missing or its value has another type.
class LayerReader {
 public:
  // `title` names the layer in messages.
  LayerReader(const LayerConfig& config, std::string title) : config_(config), title_(std::move(title)) {}

  const std::string& title() const { return title_; }
  const std::string& type() const { return config_.type; }
  bool trainable() const { return config_.trainable; }

  bool boolean(const std::string& key) { return value<bool>(key); }
  double real(const std::string& key) { return value<double>(key); }
  std::size_t size(const std::string& key);
  Shape sizes(const std::string& key, std::size_t count);
  const std::vector<double>& reals(const std::string& key) { return value<std::vector<double>>(key); }
  const Shape& numbers(const std::string& key) { return value<Shape>(key); }
  const std::string& text(const std::string& key) { return value<std::string>(key); }
  const std::vector<LayerConfig>& layers(const std::string& key) { return value<std::vector<LayerConfig>>(key); }
  const std::shared_ptr<const LambdaFunctions>& functions(const std::string& key) {
    return value<std::shared_ptr<const LambdaFunctions>>(key);
  }

  // Throws if a key has not been read: the layer has no such option.
  void finish() const;

  [[noreturn]] void fail(const std::string& message) const;

 private:
  template <class V>
  const V& value(const std::string& key) {
    read_.insert(key);
    const auto found = config_.values.find(key);
    if (found == config_.values.end()) fail("missing key '" + key + "'");
    const V* const v = std::get_if<V>(&found->second);
    if (v == nullptr) fail("key '" + key + "' has a value of the wrong type");
    return *v;
  }

  const LayerConfig& config_;
  std::string title_;
  std::set<std::string> read_;
};

// "(3, 4)"
std::string shape_text(const Shape& shape);

}  // namespace prelunet
