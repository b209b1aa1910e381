// Reads and writes the state that training changes: parameters, slots and the count of steps. Copies and writes go
// through the network's Usage. Only parameters and gradients have views.
#pragma once

#include <map>

#include "bindings/arrays.h"
#include "network/engine.h"

namespace prelunet {

// A read-only view of the elements at `data`. `owner` keeps them alive.
template <class T>
py::array view(const T* data, const Shape& shape, const py::object& owner) {
  py::array array(py::dtype::of<T>(), std::vector<py::ssize_t>(shape.begin(), shape.end()), data, owner);
  py::detail::array_proxy(array.ptr())->flags &= ~py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
  return array;
}

// One view for each parameter of an arena with the layout of the parameters. The arena must live as long as the
// network. (Slots do not, because compile() makes new ones.)
template <class T>
py::list arena_views(const py::object& self, const T* arena) {
  py::list views;
  for (const PlacedParameter& placed : py::cast<const Engine<T>&>(self).parameters()) {
    views.append(view(arena + placed.offset, placed.info.shape, self));
  }
  return views;
}

// The same, as copies.
template <class T>
py::list arena_copies(const Engine<T>& network, const char* operation, const T* arena) {
  py::list copies;
  for (const PlacedParameter& placed : network.parameters()) {
    py::array copy = new_array(operation, placed.info.shape, py::dtype::of<T>());
    std::copy_n(arena + placed.offset, placed.size, mutable_data_of<T>(copy));
    copies.append(copy);
  }
  return copies;
}

template <class T>
py::list parameter_views(const py::object& self) {
  auto& network = py::cast<Engine<T>&>(self);
  network.usage().refuse_to_other_threads("parameters");
  return arena_views(self, network.values());
}

// A consistent copy of (parameters, slots, steps). Slots are empty unless requested, and before compile().
template <class T>
py::tuple state_copies(Engine<T>& network, const char* operation, bool slots) {
  const Usage::Reading reading(network.usage(), operation);
  py::list copies;
  if (slots && network.compiled()) {
    for (const Arena<T>& slot : network.slots()) copies.append(arena_copies(network, operation, slot.data()));
  }
  return py::make_tuple(arena_copies(network, operation, network.values()), copies, network.steps());
}

using ArraysByNumber = std::map<std::size_t, py::array>;  // key: number of the parameter

// Reads arrays into an arena with the layout of the parameters. All arrays are checked before the first is read.
template <class T>
class ArenaReader {
 public:
  ArenaReader(const Engine<T>& network, const char* operation, const ArraysByNumber& arrays, T* arena) {
    for (const auto& [number, array] : arrays) {
      const PlacedParameter& placed = network.parameters().at(number);
      const Argument argument{operation, placed.info.name.c_str()};
      Shape one = placed.info.shape;
      one.insert(one.begin(), 1);
      check_shape(argument, array, one);
      parts_.emplace_back(row_source(argument, array, placed.info.shape), arena + placed.offset);
    }
  }

  void read() const {
    for (const auto& [source, begin] : parts_) {
      T* to = begin;
      for (const std::ptrdiff_t offset : source.run_offsets) {
        kernel_table<T>().convert(source.type, source.run_length, source.data + offset, source.run_stride, to);
        to += source.run_length;
      }
    }
  }

 private:
  std::vector<std::pair<RowSource, T*>> parts_;
};

template <class T>
void write_parameters(Engine<T>& network, const ArraysByNumber& arrays) {
  const Usage::Writing writing(network.usage(), "set_parameters");
  ArenaReader<T>(network, "set_parameters", arrays, network.values()).read();
  if (T* const mean = network.mean()) {  // restarts from the new values
    ArenaReader<T>(network, "set_parameters", arrays, mean).read();
  }
  network.refresh();
}

// Writes parameters, slots and steps. Writes nothing if any array has the wrong shape or dtype.
template <class T>
void restore(Engine<T>& network, const char* operation, const ArraysByNumber& parameters,
             const std::vector<ArraysByNumber>& slots, std::int64_t steps) {
  const Usage::Writing writing(network.usage(), operation);
  const std::size_t count = network.compiled() ? network.slots().size() : 0;
  if (slots.size() != count) {
    Argument{operation, "slots"}.value_error("be " + std::to_string(count), std::to_string(slots.size()));
  }
  std::vector<ArenaReader<T>> readers{{network, operation, parameters, network.values()}};
  for (std::size_t i = 0; i < count; ++i) {
    readers.emplace_back(network, operation, slots[i], network.slots()[i].data());
  }
  for (const ArenaReader<T>& reader : readers) reader.read();
  network.set_steps(steps);
  network.refresh();
}

}  // namespace prelunet
