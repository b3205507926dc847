// SPDX-License-Identifier: GPL-2.0-or-later
// Result<T>: a value or the Error that prevented it, and TRY, which passes an error on.
#pragma once

#include <cstdlib>
#include <optional>
#include <utility>
#include <variant>

#include "common/base/error.h"

namespace crashdump {

// Aborts unless `condition` holds: for what only a bug in this program can break.
inline void Require(bool condition) {
  if (!condition) abort();
}

// Made implicitly from a T or an Error. Asking for the side that is not there aborts.
template <typename T = void>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(const Error& error) : state_(std::in_place_index<1>, error) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  T& value() {
    Require(ok());
    return *std::get_if<0>(&state_);
  }
  const T& value() const {
    Require(ok());
    return *std::get_if<0>(&state_);
  }
  const Error& error() const {
    Require(!ok());
    return *std::get_if<1>(&state_);
  }
  T TakeValue() { return std::move(value()); }

 private:
  std::variant<T, Error> state_;
};

// Success without a value is made by `return {};`.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(const Error& error) : error_(error) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !error_.has_value(); }
  const Error& error() const {
    Require(!ok());
    return *error_;
  }
  void TakeValue() const { Require(ok()); }

 private:
  std::optional<Error> error_;
};

}  // namespace crashdump

// TRY(expression[, format, ...]): the value of a Result, or return its error from this function, prefixed with the
// formatted context. Only as a whole statement or a whole initializer: the fixed name of its variable makes
// -Wshadow reject a nested TRY.
#define TRY(expression, ...)                                        \
  __extension__({                                                   \
    auto try_result = (expression);                                 \
    if (!try_result.ok()) {                                         \
      return try_result.error() __VA_OPT__(.Prefixed(__VA_ARGS__)); \
    }                                                               \
    try_result.TakeValue();                                         \
  })
