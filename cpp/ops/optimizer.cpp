#include "ops/optimizer.h"

#include <algorithm>
#include <stdexcept>

namespace prelunet {
namespace {

constexpr std::size_t kSquarePiece = 8192;  // elements summed as one chain of virtual lanes

// The items of a list such as "a, b if c" or "(a, b)".
std::vector<std::string> items_of(const std::string& list) {
  std::vector<std::string> items;
  const std::string separators = ",()";
  for (std::size_t begin = 0; begin < list.size();) {
    begin = list.find_first_not_of(separators + " ", begin);
    if (begin == std::string::npos) break;
    const std::size_t end = std::min(list.find_first_of(separators, begin), list.size());
    items.push_back(list.substr(begin, end - begin));
    begin = end;
  }
  return items;
}

UpdateInfo make_info(UpdateId id, const char* name, const char* state, const char* options) {
  UpdateInfo info{id, name, {}, items_of(options)};
  for (const std::string& item : items_of(state)) {
    const std::string condition = " if ";
    const std::size_t at = item.find(condition);
    info.slots.push_back({item.substr(0, at), at == std::string::npos ? "" : item.substr(at + condition.size())});
  }
  return info;
}

std::size_t place_of(const UpdateInfo& info, const std::string& option) {
  return static_cast<std::size_t>(std::find(info.options.begin(), info.options.end(), option) - info.options.begin());
}

std::string option_error(std::string owner, const char* fault, const std::string& name) {
  return owner.append(": ").append(fault).append(" option '").append(name).append("'");
}

}  // namespace

const std::vector<UpdateInfo>& update_infos() {
  static const std::vector<UpdateInfo> infos = {
#define PRELUNET_ROW(name, Class, state, options) make_info(UpdateId::name, #name, state, #options),
      PRELUNET_UPDATES(PRELUNET_ROW)
#undef PRELUNET_ROW
  };
  return infos;
}

const UpdateInfo& find_update(const std::string& name) {
  for (const UpdateInfo& info : update_infos()) {
    if (name == info.name) return info;
  }
  throw std::invalid_argument("unknown update '" + name + "'");
}

void set_options(const std::string& owner, const UpdateInfo& info, const std::map<std::string, double>& options,
                 UpdateRule& rule) {
  for (const auto& [name, value] : options) {
    const std::size_t place = place_of(info, name);
    if (place == info.options.size()) throw std::invalid_argument(option_error(owner, "unknown", name));
    rule.option[place] = value;
  }
  for (const std::string& name : info.options) {
    if (options.count(name) == 0) throw std::invalid_argument(option_error(owner, "missing", name));
  }
}

bool keeps_slot(const UpdateInfo& info, const UpdateRule& rule, std::size_t slot) {
  const std::string& option = info.slots[slot].option;
  return option.empty() || rule.option[place_of(info, option)] != 0.0;
}

void prepare_update(UpdateId id, UpdateRule& rule) {
  const auto prepare = kernel_table<float>().prepare_update[static_cast<int>(id)];
  prepare(rule);
}

template <class T>
void update(Team& team, UpdateId id, const Update<T>& g, std::size_t count) {
  const Range share = team.share(count, kElementUnit);
  kernel_table<T>().update[static_cast<int>(id)](g.at({0, share.begin, 1, share.size()}));
}

template <class T>
void update_rows(const Range& rows, UpdateId id, const Update<T>& g) {
  kernel_table<T>().update[static_cast<int>(id)](g.at({rows.begin, 0, rows.size(), g.columns}));
}

template <class T>
void update_own_rows(Team& team, UpdateId id, const Update<T>& g) {
  update_rows(share_rows(team, g.rows, g.columns), id, g);
}

template <class T>
void clip_by_value(Team& team, std::size_t count, T* x, double limit) {
  const Range share = team.share(count, kElementUnit);
  kernel_table<T>().clip_by_value(share.size(), x + share.begin, limit);
}

template <class T>
void scale(Team& team, std::size_t count, T* x, double factor) {
  const Range share = team.share(count, kElementUnit);
  kernel_table<T>().scale(share.size(), x + share.begin, factor);
}

template <class T>
void add_scaled(Team& team, std::size_t count, double factor, const T* x, T* y) {
  const Range share = team.share(count, kElementUnit);
  kernel_table<T>().scaled_sum(share.size(), factor, x + share.begin, y + share.begin, y + share.begin);
}

std::size_t square_pieces(std::size_t count) { return (count + kSquarePiece - 1) / kSquarePiece; }

template <class T>
void sum_of_squares(Team& team, std::size_t count, const T* x, double* partial) {
  const Range share = team.share(square_pieces(count), 1);
  for (std::size_t piece = share.begin; piece < share.end; ++piece) {
    const std::size_t begin = piece * kSquarePiece;
    const std::size_t end = count - begin < kSquarePiece ? count : begin + kSquarePiece;
    partial[piece] = kernel_table<T>().sum_of_squares(end - begin, x + begin);
  }
}

double sum_pieces(std::size_t pieces, const double* partial) {
  double sum = 0.0;
  for (std::size_t piece = 0; piece < pieces; ++piece) sum += partial[piece];
  return sum;
}

#define PRELUNET_INSTANTIATE(T)                                         \
  template void update(Team&, UpdateId, const Update<T>&, std::size_t); \
  template void update_rows(const Range&, UpdateId, const Update<T>&);  \
  template void update_own_rows(Team&, UpdateId, const Update<T>&);     \
  template void clip_by_value(Team&, std::size_t, T*, double);          \
  template void scale(Team&, std::size_t, T*, double);                  \
  template void add_scaled(Team&, std::size_t, double, const T*, T*);   \
  template void sum_of_squares(Team&, std::size_t, const T*, double*);
PRELUNET_INSTANTIATE(float)
PRELUNET_INSTANTIATE(double)
#undef PRELUNET_INSTANTIATE

}  // namespace prelunet
