#include "ops/loss.h"

#include <stdexcept>

namespace prelunet {

LossId find_loss(const std::string& name) {
  for (const LossInfo& info : kLosses) {
    if (name == info.name) return info.id;
  }
  throw std::invalid_argument("unknown loss '" + name + "'");
}

template <class T>
void loss_rows(Team& team, LossId id, LossRows<T> g) {
  const Range rows = team.share(g.rows, kChunkRows);
  g.rows = rows.size();
  g.output += rows.begin * g.output_stride;
  if (g.label != nullptr) g.label += rows.begin;
  if (g.target != nullptr) g.target += rows.begin * g.target_stride;
  if (g.grad != nullptr) g.grad += rows.begin * g.grad_stride;
  g.row_scale += rows.begin;
  g.row_loss += rows.begin;
  if (g.correct != nullptr) g.correct += rows.begin;
  kernel_table<T>().loss_rows[static_cast<int>(id)](g);
}

template void loss_rows(Team&, LossId, LossRows<float>);
template void loss_rows(Team&, LossId, LossRows<double>);

double batch_factor(Reduction reduction, double weight_sum) {
  if (reduction == Reduction::sum) return 1.0;
  return weight_sum > 0.0 ? 1.0 / weight_sum : 0.0;
}

double add_weighted(double sum, std::size_t rows, const double* weight, const double* row_loss) {
  for (std::size_t i = 0; i < rows; ++i) {
    if (weight == nullptr) {
      sum += row_loss[i];
    } else if (weight[i] != 0.0) {  // a row of weight 0 adds nothing, even if its loss is NaN
      sum += weight[i] * row_loss[i];
    }
  }
  return sum;
}

}  // namespace prelunet
