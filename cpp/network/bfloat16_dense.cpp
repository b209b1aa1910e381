#include "network/bfloat16_dense.h"

#include <algorithm>

#include "network/tuning.h"

namespace prelunet {
namespace {

// y = f(z), z = c + bias.
struct Output {
  void (*forward)(const ActivationForward<float>&);
  ActivationForward<float> activation;

  static void run(void* context, const Block& block, const float* c, std::size_t c_stride) {
    const Output& e = *static_cast<const Output*>(context);
    const ActivationForward<float> part = e.activation.at(block);
    if (c != part.x) {
      float* z = part.x;
      for (std::size_t i = 0; i < block.rows; ++i, z += part.x_stride, c += c_stride) std::copy_n(c, block.columns, z);
    }
    e.forward(part);
  }
};

// The derivative of the activation of the layer below, applied to grad_x.
struct Gradient {
  const Prologue<float>* prologue;
  void (*backward)(const ActivationBackward<float>&);

  static void run(void* context, const Block& block, const float* c, std::size_t c_stride) {
    const Gradient& e = *static_cast<const Gradient*>(context);
    ActivationBackward<float> part = e.prologue->g.at(block);
    part.grad_y = c;
    part.grad_y_stride = c_stride;
    e.backward(part);
  }
};

struct WeightUpdate {
  void (*update)(const Update<float>&);
  Update<float> parameter;

  static void run(void* context, const Block& block, const float* c, std::size_t c_stride) {
    const WeightUpdate& e = *static_cast<const WeightUpdate*>(context);
    Update<float> part = e.parameter.at(block);
    part.gradient = c;
    part.gradient_stride = c_stride;
    e.update(part);
  }
};

std::size_t panel_count(std::size_t lines) { return bfloat16_padded_lines(lines) / kBfloat16Panel; }

// The panels that hold `rows`, which begin at a multiple of kBfloat16Panel.
Range panels_of(Range rows) { return {rows.begin / kBfloat16Panel, panel_count(rows.end)}; }

}  // namespace

Bfloat16Dense::Bfloat16Dense(const Shape& input, std::size_t units, bool use_bias, bool trainable)
    : Weighted<float>(
          input, {units},
          {"weight", ParameterKind::weight, {units, element_count(input)}, element_count(input), units, trainable},
          use_bias),
      features_(element_count(input)),
      units_(units),
      kernels_(bfloat16_kernels()),
      forward_panels_(panels_size(units_, features_)),
      backward_panels_(panels_size(features_, units_)) {}

bool Bfloat16Dense::fits(std::size_t features, std::size_t units) {
  return features >= kBfloat16MinWidth && units >= kBfloat16MinWidth;
}

Bfloat16Dense::Places Bfloat16Dense::places(std::size_t rows) const {
  Layout layout;
  Places at{};
  at.activation = layout.add<float>(activation_work_size(rows));
  at.bias = layout.add<float>(bias_work_size(rows));
  at.x = layout.add<std::uint16_t>(panels_size(rows, features_));
  at.grad_y = layout.add<std::uint16_t>(panels_size(rows, units_));
  at.x_transposed = layout.add<std::uint16_t>(panels_size(features_, rows));
  at.dz_transposed = layout.add<std::uint16_t>(panels_size(units_, rows));
  at.size = layout.bytes();
  for (std::size_t* place : {&at.bias, &at.x, &at.grad_y, &at.x_transposed, &at.dz_transposed, &at.size}) {
    *place /= sizeof(float);
  }
  return at;
}

void Bfloat16Dense::pack_forward(Range rows, Range columns) const {
  if (rows.empty() || columns.empty()) return;
  const std::size_t size = bfloat16_panel_size(features_);
  std::uint16_t* const to =
      forward_panels_.data() + rows.begin / kBfloat16Panel * size + columns.begin * kBfloat16Panel;
  kernels_.table->float_rows.b_of_rows(part_of_weight(rows, columns), 0, panel_count(rows.size()), to, size);
}

void Bfloat16Dense::pack_backward(Range rows, Range columns) const {
  if (rows.empty() || columns.empty()) return;
  const std::size_t size = bfloat16_panel_size(units_);
  std::uint16_t* const to =
      backward_panels_.data() + columns.begin / kBfloat16Panel * size + rows.begin * kBfloat16Panel;
  kernels_.table->float_rows.b_of_columns(part_of_weight(rows, columns), 0, panel_count(columns.size()), to, size);
}

void Bfloat16Dense::refresh(Team& team) {
  const Range rows = team.even_share(units_, kBfloat16Group);
  pack_forward(rows, {0, features_});
  pack_backward(rows, {0, features_});
}

void Bfloat16Dense::keep_in_panels(Team& team) {
  if (team.rank() == 0) backward_unused_ = true;
}

void Bfloat16Dense::leave_panels(Team& team) {
  pack_backward(team.even_share(units_, kBfloat16Group), {0, features_});
  if (team.rank() == 0) backward_unused_ = false;
}

// z = x W^T, then y, for rows of this thread.
void Bfloat16Dense::multiply(const Flow<float>& flow, Range rows, const std::uint16_t* x) const {
  const OutputEpilogue<float> output = output_epilogue(flow);
  Output epilogue{output.forward, output.activation};
  const Bfloat16Gemm g{.m = flow.rows,
                       .n = units_,
                       .k = features_,
                       .a = x,
                       .b = forward_panels_.data(),
                       .panel_size = bfloat16_panel_size(features_),
                       .c = z(flow),
                       .c_stride = units_,
                       .accumulate = false,
                       .epilogue = output.forward != nullptr ? Output::run : nullptr,
                       .prefetch = nullptr,
                       .context = &epilogue};
  bfloat16_gemm_part(kernels_, g, rows, {0, units_});
}

void Bfloat16Dense::forward(Team& team, const Flow<float>& flow) const {
  const Range rows = team.share(flow.rows, kChunkRows), panels = panels_of(rows);
  if (rows.empty()) return;
  const Places at = places(flow.rows);
  const std::size_t size = bfloat16_panel_size(features_);
  std::uint16_t* const x = panels_at(flow, at.x);
  kernels_.table->float_rows.a_of_rows({flow.rows, features_, flow.x, features_}, panels.begin, panels.end, x, size);
  if (weight().trainable) {
    kernels_.table->panels.b_of_columns(
        {rows.size(), features_, x + panels.begin * size, size}, 0, panel_count(features_),
        panels_at(flow, at.x_transposed) + rows.begin * kBfloat16Panel, bfloat16_panel_size(flow.rows));
  }
  multiply(flow, rows, x);
}

void Bfloat16Dense::predict(Team& team, const Flow<float>& flow) const {
  const Range rows = team.share(flow.rows, kChunkRows), panels = panels_of(rows);
  if (rows.empty()) return;
  const std::size_t size = bfloat16_panel_size(features_);
  std::uint16_t* const x = panels_at(flow, 0);
  kernels_.table->float_rows.a_of_rows({flow.rows, features_, flow.x, features_}, panels.begin, panels.end, x, size);
  multiply(flow, rows, x);
}

void Bfloat16Dense::backward(Team& team, const Flow<float>& flow) const {
  run_prologue(team, flow);
  const Range rows = team.share(flow.rows, kChunkRows), panels = panels_of(rows);
  if (rows.empty()) return;
  const Places at = places(flow.rows);
  const std::size_t size = bfloat16_panel_size(units_);
  if (weight().trainable) {
    kernels_.table->float_rows.a_of_columns(
        {rows.size(), units_, flow.grad_y + rows.begin * units_, units_}, 0, panel_count(units_),
        panels_at(flow, at.dz_transposed) + rows.begin * kBfloat16Panel, bfloat16_panel_size(flow.rows));
  }
  if (flow.grad_x == nullptr) return;

  std::uint16_t* const dz = panels_at(flow, at.grad_y);
  kernels_.table->float_rows.a_of_rows({flow.rows, units_, flow.grad_y, units_}, panels.begin, panels.end, dz, size);
  Gradient gradient{flow.prologue, nullptr};
  if (flow.prologue != nullptr) {
    gradient.backward = kernel_table<float>().activation_backward[static_cast<int>(flow.prologue->id)];
  }
  const Bfloat16Gemm g{.m = flow.rows,  // grad_x = dz W
                       .n = features_,
                       .k = units_,
                       .a = dz,
                       .b = backward_panels_.data(),
                       .panel_size = size,
                       .c = flow.grad_x,
                       .c_stride = features_,
                       .accumulate = false,
                       .epilogue = flow.prologue != nullptr ? Gradient::run : nullptr,
                       .prefetch = nullptr,
                       .context = &gradient};
  bfloat16_gemm_part(kernels_, g, rows, {0, features_});
}

// grad_W = dz^T x. Each thread updates and packs the part of W whose gradient it computes.
void Bfloat16Dense::gradients(Team& team, const Flow<float>& flow) const {
  if (weight().trainable) {
    const Places at = places(flow.rows);
    WeightUpdate update{};
    if (flow.update != nullptr) {
      update.update = kernel_table<float>().update[static_cast<int>(flow.update->id)];
      update.parameter = flow.update->of(weight(), features_);
    }
    Bfloat16Gemm g{.m = units_,
                   .n = features_,
                   .k = flow.rows,
                   .a = panels_at(flow, at.dz_transposed),
                   .b = panels_at(flow, at.x_transposed),
                   .panel_size = bfloat16_panel_size(flow.rows),
                   .c = weight().gradient,
                   .c_stride = features_,
                   .accumulate = !flow.first,
                   .epilogue = flow.update != nullptr ? WeightUpdate::run : nullptr,
                   .prefetch = nullptr,
                   .context = &update};
    if (flow.update != nullptr && flow.first) g.c = nullptr;  // only the epilogue reads the gradient
    const Bfloat16Part part = bfloat16_share(team, units_, features_);
    std::size_t height = units_;
    if (flow.update != nullptr) {
      const std::size_t groups = kBfloat16UpdatedElements / features_ / kBfloat16Group;
      height = std::max<std::size_t>(groups, 1) * kBfloat16Group;
    }
    for (std::size_t row = part.rows.begin; row < part.rows.end; row += height) {
      const Range rows{row, std::min(row + height, part.rows.end)};
      bfloat16_gemm_part(kernels_, g, rows, part.columns);
      if (flow.update == nullptr) continue;
      pack_forward(rows, part.columns);
      if (!backward_unused_) pack_backward(rows, part.columns);
    }
  }
  other_gradients(team, flow);
}

}  // namespace prelunet
