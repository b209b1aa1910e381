// The buffers of one block of a training batch, allocated once for a call.
#pragma once

#include <optional>

#include "network/loss.h"
#include "network/plan.h"
#include "runtime/scratch.h"

namespace prelunet {

template <class T>
class Workspace {
 public:
  // `whole`: include the gradient of the input. `first_stage`: stages before it do not run.
  Workspace(const Plan<T>& plan, std::size_t inputs, std::size_t outputs, std::size_t answers_per_row, std::size_t rows,
            bool whole, std::size_t first_stage)
      : rows_(rows) {
    Layout layout;
    input_ = layout.add<T>(checked_multiply(rows, inputs));
    grad_input_ = layout.add<T>(whole ? checked_multiply(rows, inputs) : 0);
    for (const auto& stage : plan.stages) {
      const bool runs = stages_.size() >= first_stage;
      const std::size_t size = runs ? checked_multiply(rows, stage->outputs()) : 0;
      const std::size_t y = layout.add<T>(size);
      const std::size_t z = layout.add<T>(stage->keeps_z() ? size : 0);
      const std::size_t grad_y = layout.add<T>(size);
      stages_.push_back({y, z, grad_y, layout.add<T>(stage->work_size(rows))});
    }
    target_ = layout.add<T>(checked_multiply(rows, outputs));
    label_ = layout.add<std::int64_t>(rows);
    weight_ = layout.add<double>(rows);
    row_scale_ = layout.add<double>(rows);
    row_loss_ = layout.add<double>(rows);
    correct_ = layout.add<unsigned char>(checked_multiply(rows, answers_per_row));
    scratch_.emplace(layout);
  }

  std::size_t rows() const { return rows_; }
  T* input() const { return scratch_->at<T>(input_); }
  T* grad_input() const { return scratch_->at<T>(grad_input_); }
  T* y(std::size_t stage) const { return scratch_->at<T>(stages_[stage].y); }
  T* z(std::size_t stage) const { return scratch_->at<T>(stages_[stage].z); }
  T* grad_y(std::size_t stage) const { return scratch_->at<T>(stages_[stage].grad_y); }
  T* work(std::size_t stage) const { return scratch_->at<T>(stages_[stage].work); }
  TargetBuffers<T> targets() const {
    return {scratch_->at<std::int64_t>(label_), scratch_->at<T>(target_), scratch_->at<double>(weight_)};
  }
  double* row_scale() const { return scratch_->at<double>(row_scale_); }
  double* row_loss() const { return scratch_->at<double>(row_loss_); }
  unsigned char* correct() const { return scratch_->at<unsigned char>(correct_); }

 private:
  struct Offsets {
    std::size_t y, z, grad_y, work;
  };
  std::size_t rows_;
  std::vector<Offsets> stages_;
  std::size_t input_, grad_input_, target_, label_, weight_, row_scale_, row_loss_, correct_;
  std::optional<Scratch> scratch_;
};

}  // namespace prelunet
