// A Dense layer whose products are computed in bfloat16: y = f(x W^T + b), W (units, features).
//
// The operands of the three products (x, W and dz) are rounded to bfloat16 when they are packed. Products are summed in
// float32, and everything else is float32: W itself, outputs, gradients, bias and activation. So a fused activation
// gives the same bits as one of its own stage. kernels/bfloat16_table.h describes packings and orders of sums.
#pragma once

#include "network/weighted.h"
#include "ops/bfloat16.h"
#include "runtime/arena.h"

namespace prelunet {

class Bfloat16Dense final : public Weighted<float> {
 public:
  Bfloat16Dense(const Shape& input, std::size_t units, bool use_bias, bool trainable);

  // Whether a layer is wide enough. A function of the shape alone, as the bits depend on it.
  static bool fits(std::size_t features, std::size_t units);

  void refresh(Team& team) override;
  // Until leave_panels(), an update does not pack the weight for dz W.
  bool reserve_panels() override { return true; }
  void keep_in_panels(Team& team) override;
  void leave_panels(Team& team) override;
  // A group of k must not be divided between two threads: the rows are k in the gradient of W.
  std::size_t row_unit() const override { return kBfloat16Group; }
  std::size_t work_size(std::size_t rows) const override { return places(rows).size; }
  std::size_t predict_work_size(std::size_t rows) const override {
    return panels_size(rows, features_) / kHalvesPerFloat;
  }
  double multiply_adds() const override { return static_cast<double>(features_) * static_cast<double>(units_); }
  bool fuses_prologue() const override { return true; }

  void forward(Team& team, const Flow<float>& flow) const override;
  void backward(Team& team, const Flow<float>& flow) const override;
  void gradients(Team& team, const Flow<float>& flow) const override;
  void predict(Team& team, const Flow<float>& flow) const override;

 private:
  static constexpr std::size_t kHalvesPerFloat = sizeof(float) / sizeof(std::uint16_t);

  // Offsets in flow.work.
  struct Places {
    std::size_t activation, bias;
    std::size_t x, grad_y;                    // packed as A, pairs along their rows
    std::size_t x_transposed, dz_transposed;  // packed for the gradient of W, pairs along the batch
    std::size_t size;
  };
  Places places(std::size_t rows) const;
  static std::size_t panels_size(std::size_t lines, std::size_t k) {
    return checked_multiply(bfloat16_padded_lines(lines), bfloat16_padded_depth(k));
  }
  static std::uint16_t* panels_at(const Flow<float>& flow, std::size_t place) {
    return reinterpret_cast<std::uint16_t*>(flow.work + place);
  }

  float* activation_work(const Flow<float>& flow) const override { return flow.work; }
  float* bias_work(const Flow<float>& flow) const override { return flow.work + places(flow.rows).bias; }

  void multiply(const Flow<float>& flow, Range rows, const std::uint16_t* x) const;
  // Pack rows and columns of W, which begin at multiples of kBfloat16Group, for x W^T and for dz W.
  void pack_forward(Range rows, Range columns) const;
  void pack_backward(Range rows, Range columns) const;
  Bfloat16Rows<float> part_of_weight(Range rows, Range columns) const {
    return {rows.size(), columns.size(), weight().value + rows.begin * features_ + columns.begin, features_};
  }

  std::size_t features_;
  std::size_t units_;
  const Bfloat16Kernels& kernels_;
  Arena<std::uint16_t> forward_panels_;   // of x W^T: units as lanes
  Arena<std::uint16_t> backward_panels_;  // of dz W: features as lanes
  bool backward_unused_ = false;          // backward_panels_ are not current, and not read
};

}  // namespace prelunet
