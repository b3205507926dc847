// SPDX-License-Identifier: GPL-2.0-or-later
// Fuzzer: a function that must survive any bytes, and good inputs for it. Each foo_fuzzer.cc defines one:
//
//   void Run(Bytes input) { ... Require(what must be true of everything that was accepted); }
//   std::vector<FuzzerInput> Seeds() { return {...made by the builders...}; }
//   const testing::Fuzzer fuzzer("foo", Run, Seeds);
//
// Two programs run it: foo_fuzzer, with libFuzzer, starting from the seeds (libfuzzer.cc); and the unit tests, over the
// seeds and some thousand changed ones (fuzzer_test.cc).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"

namespace crashdump::testing {

using FuzzerInput = std::vector<uint8_t>;

class Fuzzer {
 public:
  // Registers the fuzzer under a name that is unique in the program. Only for objects that are never destroyed.
  Fuzzer(const char* name, void (*run)(Bytes input), std::vector<FuzzerInput> (*seeds)());
  Fuzzer(const Fuzzer&) = delete;
  Fuzzer& operator=(const Fuzzer&) = delete;

  // All that are linked into this program.
  static const std::vector<const Fuzzer*>& All();

  const char* name() const { return name_; }
  void Run(Bytes input) const { run_(input); }
  std::vector<FuzzerInput> Seeds() const { return seeds_(); }

 private:
  const char* name_;
  void (*run_)(Bytes input);
  std::vector<FuzzerInput> (*seeds_)();
};

// An input of a byte that chooses, and what it chooses for.
FuzzerInput FuzzerInputOf(uint8_t choice, Bytes rest);
inline FuzzerInput FuzzerInputOf(std::string_view text) { return {text.begin(), text.end()}; }

// For fuzzers whose input is a change to something good: groups of three bytes {low byte of the offset, high byte,
// value} overwrite single bytes of `good`, which is not empty. Offsets wrap.
void Overwrite(MutableBytes good, Bytes changes);

}  // namespace crashdump::testing
