// Binds a process's share of each batch. Python exchanges the sums with other processes.
#include "network/batch_share.h"

#include "bindings/engine.h"
#include "bindings/register.h"

#include <pybind11/stl.h>
#include <algorithm>

namespace prelunet {
namespace {

// A share of either dtype. One class for both, because bindings are larger than what they call.
class Share {
 public:
  virtual ~Share() = default;
  virtual double run(const py::array& order, std::size_t begin, std::size_t count) = 0;
  virtual std::pair<double, double> add_up(double loss, double correct) const = 0;
  virtual py::list sizes() const = 0;
  virtual void gradients(std::size_t part, py::array& chains) = 0;
  virtual void store(std::size_t part, py::array& gradients) = 0;
  virtual void update(double learning_rate) = 0;
};

// A share with the network and the arrays that it reads.
template <class T>
class HeldShare final : public Share {
 public:
  HeldShare(const py::object& owner, const Rows& x, const HeldTargets& y, std::size_t batch_rows, std::size_t rows)
      : owner_(owner), engine_(py::cast<Engine<T>&>(owner)), x_(x), y_(y) {
    check_same_rows("fit", x_, y_);
    if (x_.source.compressed != nullptr) Argument{"fit", "X"}.value_error("be dense", "a sparse matrix");
    const Usage::Writing writing(engine_.usage(), "fit");
    share_ = engine_.batch_share(x_.source, y_.targets, batch_rows, rows);
  }

  double run(const py::array& order, std::size_t begin, std::size_t count) final {
    const Argument argument{"fit", "order"};
    check_rank(argument, order, 1, "(rows,)");
    const std::vector<std::int64_t> rows = checked_integers(argument, order, x_.source.rows, "row numbers");
    if (begin % kChunkRows != 0 || count == 0 || count > share_->most_rows() || begin > rows.size() ||
        count > rows.size() - begin) {
      throw std::invalid_argument("fit: a share must hold rows of its batch, from a multiple of 8 on");
    }
    const auto step = static_cast<std::uint64_t>(engine_.steps());
    interruptible<Usage::Writing>(engine_.usage(), "fit", [&](const Interrupt& interrupt) {
      return share_->run(rows, begin, count, step, interrupt);
    });
    return share_->factor();
  }

  std::pair<double, double> add_up(double loss, double correct) const final {
    share_->add_up(loss, correct);
    return {loss, correct};
  }

  py::list sizes() const final {
    py::list sizes;
    for (std::size_t i = 0; i < share_->parts().size(); ++i) {
      sizes.append(py::make_tuple(share_->parts()[i].size, share_->chain_size(i)));
    }
    return sizes;
  }

  void gradients(std::size_t part, py::array& chains) final {
    T* const to = checked(chains, share_->chain_size(part));
    use([&] { share_->gradients(part, to); });
  }

  void store(std::size_t part, py::array& gradients) final {
    const SharePart<T>& to = share_->parts().at(part);
    const T* const from = checked(gradients, to.size);
    use([&] { std::copy_n(from, to.size, to.gradient); });
  }

  void update(double learning_rate) final {
    use([&] { engine_.apply_gradients(learning_rate); });
  }

 private:
  // The elements of a writeable array of this dtype.
  static T* checked(py::array& array, std::size_t size) {
    output_array({"fit", "sums"}, array, {size}, py::dtype::of<T>(), "the model");
    return mutable_data_of<T>(array);
  }

  template <class F>
  void use(F&& f) {
    DroppedGil gil;
    const Usage::Writing writing(engine_.usage(), "fit");
    gil.drop();
    f();
  }

  py::object owner_;
  Engine<T>& engine_;
  Rows x_;
  HeldTargets y_;
  std::unique_ptr<BatchShare<T>> share_;
};

std::unique_ptr<Share> make_share(const py::object& network, const Rows& rows, const HeldTargets& targets,
                                  std::size_t batch_rows, std::size_t most_rows) {
  if (py::isinstance<Engine<float>>(network)) {
    return std::make_unique<HeldShare<float>>(network, rows, targets, batch_rows, most_rows);
  }
  return std::make_unique<HeldShare<double>>(network, rows, targets, batch_rows, most_rows);
}

}  // namespace

void register_batch_share(const py::module_& m) {
  py::class_<Share>(m, "BatchShare", "The rows of each batch that one of several processes owns.")
      .def(py::init(&make_share), py::arg("network"), py::arg("rows"), py::arg("targets"), py::arg("batch_rows"),
           py::arg("most_rows"))
      .def("run", &Share::run, py::arg("order"), py::arg("begin"), py::arg("count"),
           "Run the passes of rows order[begin : begin + count] of a batch; return the factor of its losses.")
      .def("add_up", &Share::add_up, py::arg("loss"), py::arg("correct"), "Continue the sums over the rows.")
      .def("sizes", &Share::sizes, "The elements of the gradients of each part, and those of its chains.")
      .def("gradients", &Share::gradients, py::arg("part"), py::arg("chains"),
           "Continue the chains of a part, in place.")
      .def("store", &Share::store, py::arg("part"), py::arg("gradients"), "Set the complete gradients of a part.")
      .def("update", &Share::update, py::arg("learning_rate"), "Make one update with the gradients.");
}

}  // namespace prelunet
