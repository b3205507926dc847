// SPDX-License-Identifier: GPL-2.0-or-later
// What libFuzzer calls, in the program of one fuzzer. Started without a file or folder, the program fuzzes into the
// folder PROGRAM-corpus beside it, which holds the seeds and whatever else earlier runs found.
#include <fcntl.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "common/base/io.h"
#include "common/base/result.h"
#include "common/testing/fuzzer.h"

namespace crashdump::testing {
namespace {

const Fuzzer& TheFuzzer() {
  Require(Fuzzer::All().size() == 1);
  return *Fuzzer::All().front();
}

void WriteSeeds(const std::string& folder) {
  (void)mkdir(folder.c_str(), 0755);
  unsigned number = 0;
  for (const FuzzerInput& seed : TheFuzzer().Seeds()) {
    const std::string path = folder + "/seed-" + std::to_string(number++);
    const UniqueFd file = OpenFile(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC).TakeValue();
    WriteFull(file.get(), seed).TakeValue();
  }
}

}  // namespace
}  // namespace crashdump::testing

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  for (int i = 1; i < *argc; ++i) {
    if ((*argv)[i][0] != '-') return 0;
  }
  static std::string folder = std::string((*argv)[0]) + "-corpus";
  static std::vector<char*> arguments;
  crashdump::testing::WriteSeeds(folder);
  arguments.assign(*argv, *argv + *argc);
  arguments.push_back(folder.data());
  arguments.push_back(nullptr);
  *argc += 1;
  *argv = arguments.data();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  crashdump::testing::TheFuzzer().Run({data, size});
  return 0;
}
