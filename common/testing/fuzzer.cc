// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/testing/fuzzer.h"

namespace crashdump::testing {
namespace {

std::vector<const Fuzzer*>& Registry() {
  static std::vector<const Fuzzer*> all;
  return all;
}

}  // namespace

Fuzzer::Fuzzer(const char* name, void (*run)(Bytes input), std::vector<FuzzerInput> (*seeds)())
    : name_(name), run_(run), seeds_(seeds) {
  Registry().push_back(this);
}

const std::vector<const Fuzzer*>& Fuzzer::All() { return Registry(); }

FuzzerInput FuzzerInputOf(uint8_t choice, Bytes rest) {
  FuzzerInput input = {choice};
  input.insert(input.end(), rest.begin(), rest.end());
  return input;
}

void Overwrite(MutableBytes good, Bytes changes) {
  for (; changes.size() >= 3; changes = changes.subspan(3)) {
    good[(changes[0] + size_t{256} * changes[1]) % good.size()] = changes[2];
  }
}

}  // namespace crashdump::testing
