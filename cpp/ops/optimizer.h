// Updates of parameters and clipping of gradients by a team, which shares elements. Equations: kernels/optimizer.h.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kernels/dispatch.h"
#include "runtime/team.h"

namespace prelunet {

// A slot: a tensor of state that an update keeps for each parameter.
struct SlotInfo {
  std::string name;
  std::string option;  // the slot is kept if this option is not 0; empty: always
};

// A row of update_registry.h.
struct UpdateInfo {
  UpdateId id;
  std::string name;
  std::vector<SlotInfo> slots;
  std::vector<std::string> options;  // in the order of UpdateRule::option
};

// By UpdateId.
const std::vector<UpdateInfo>& update_infos();

// Throws std::invalid_argument if no update has that name.
const UpdateInfo& find_update(const std::string& name);

// Writes the options of an update to its rule. Throws std::invalid_argument, which names `owner`, unless they are
// exactly those of `info`.
void set_options(const std::string& owner, const UpdateInfo& info, const std::map<std::string, double>& options,
                 UpdateRule& rule);

// Whether a rule with these options keeps slot `slot`.
bool keeps_slot(const UpdateInfo& info, const UpdateRule& rule, std::size_t slot);

// Computes UpdateRule::derived. Called after all other fields are set and before the update.
void prepare_update(UpdateId id, UpdateRule& rule);

// Updates `count` elements from each of g's pointers on. The team shares them in units of kElementUnit, as add_chunks()
// shares columns.
template <class T>
void update(Team& team, UpdateId id, const Update<T>& g, std::size_t count);

// This thread's rows of a parameter with `columns` elements in a row, in whole cache lines.
inline Range share_rows(const Team& team, std::size_t rows, std::size_t columns) {
  return team.share(rows, (kElementUnit + columns - 1) / columns);
}
// Updates rows of a parameter, on one thread.
template <class T>
void update_rows(const Range& rows, UpdateId id, const Update<T>& g);
// Updates the rows that share_rows() gives this thread.
template <class T>
void update_own_rows(Team& team, UpdateId id, const Update<T>& g);

// Clips x to [-limit, limit]; NaN stays NaN.
template <class T>
void clip_by_value(Team& team, std::size_t count, T* x, double limit);

// x *= factor
template <class T>
void scale(Team& team, std::size_t count, T* x, double factor);

// y += factor * x
template <class T>
void add_scaled(Team& team, std::size_t count, double factor, const T* x, T* y);

// The sum of x^2 in float64, by fixed pieces in order, independent of the number of threads. Each thread fills its
// share of partial (square_pieces(count) numbers). After a barrier sum_pieces(...) is the total.
std::size_t square_pieces(std::size_t count);
template <class T>
void sum_of_squares(Team& team, std::size_t count, const T* x, double* partial);
double sum_pieces(std::size_t pieces, const double* partial);

}  // namespace prelunet
