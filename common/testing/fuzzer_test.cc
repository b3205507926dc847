// SPDX-License-Identifier: GPL-2.0-or-later
// Every fuzzer over its seeds and over changed ones, the same in each run. When one aborts, a debugger or `make asan`
// shows where. CRASHDUMP_CHANGED_INPUTS=N tries so many changed ones.
#include "common/testing/fuzzer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "common/base/parse.h"

namespace crashdump::testing {
namespace {

constexpr uint64_t kChangedInputs = 5000;

uint64_t ChangedInputs() {
  const char* const text = getenv("CRASHDUMP_CHANGED_INPUTS");
  return text != nullptr ? ParseNumber(text).TakeValue() : kChangedInputs;
}

class Fuzzers : public ::testing::TestWithParam<const Fuzzer*> {};

// Makes inputs out of good ones: some changes to one of them.
class Changer {
 public:
  explicit Changer(const std::vector<FuzzerInput>& seeds) : seeds_(seeds) {}

  FuzzerInput Next() {
    FuzzerInput input = Seed();
    for (size_t changes = 1 + Below(4); changes > 0; --changes) Change(input);
    return input;
  }

 private:
  size_t Below(size_t limit) { return random_() % limit; }
  const FuzzerInput& Seed() { return seeds_[Below(seeds_.size())]; }

  void Change(FuzzerInput& input) {
    constexpr uint8_t kEdges[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    const size_t at = Below(input.size() + 1);
    const size_t count = std::min(input.size() - at, size_t{1} << Below(4));
    const auto begin = input.begin() + static_cast<ptrdiff_t>(at);
    switch (Below(5)) {
      case 0:
        input.resize(at);
        break;
      case 1:
        if (count != 0) input[at] ^= static_cast<uint8_t>(1U << Below(8));
        break;
      case 2:
        std::fill_n(begin, count, kEdges[Below(std::size(kEdges))]);
        break;
      case 3: {
        // The rest of another.
        const FuzzerInput& other = Seed();
        const size_t from = Below(2) == 0 ? std::min(at, other.size()) : Below(other.size() + 1);
        input.resize(at);
        input.insert(input.end(), other.begin() + static_cast<ptrdiff_t>(from), other.end());
        break;
      }
      default:
        input.erase(begin, begin + static_cast<ptrdiff_t>(count));
        break;
    }
  }

  const std::vector<FuzzerInput>& seeds_;
  std::minstd_rand random_;
};

TEST_P(Fuzzers, Survives) {
  const std::vector<FuzzerInput> seeds = GetParam()->Seeds();
  ASSERT_FALSE(seeds.empty());
  GetParam()->Run({});
  for (const FuzzerInput& seed : seeds) GetParam()->Run(seed);
  Changer changer(seeds);
  const uint64_t count = ChangedInputs();
  for (uint64_t i = 0; i < count; ++i) GetParam()->Run(changer.Next());
}

INSTANTIATE_TEST_SUITE_P(All, Fuzzers, ::testing::ValuesIn(Fuzzer::All()),
                         [](const auto& info) { return std::string(info.param->name()); });

}  // namespace
}  // namespace crashdump::testing
