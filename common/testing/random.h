// SPDX-License-Identifier: GPL-2.0-or-later
// Random: numbers that follow from a seed, the same on every machine (SplitMix64).
#pragma once

#include <cstdint>

#include "common/base/result.h"

namespace crashdump {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // From 0 to `count` - 1; `count` is not 0.
  uint64_t Below(uint64_t count) {
    Require(count != 0);
    return Next() % count;
  }
  // One of these.
  template <typename Things>
  auto Of(const Things& things) {
    return things.at(static_cast<size_t>(Below(things.size())));
  }
  bool Chance(unsigned percent) { return Below(100) < percent; }

 private:
  uint64_t state_;
};

}  // namespace crashdump
