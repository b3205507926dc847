// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/estimate.h"

#include <gtest/gtest.h>

#include "common/testing/kernel_builder.h"
#include "common/vmcore/open_classifier.h"

namespace crashdump {
namespace {

using testing::KernelBuilder;

TEST(PlanText, SaysWhatIsKeptAndWhetherItFits) {
  KernelBuilder kernel;
  kernel.Free(0, 10);
  kernel.Anonymous(1024, 8);
  const Vmcore vmcore = kernel.Open();
  const PhysicalMemory memory(vmcore);
  const OpenedClassifier opened = OpenClassifier(vmcore, memory);
  PageFiller filler =
      PageFiller::Create(vmcore, memory, *opened.classifier, DumpLevel::FromNumber(23).TakeValue()).TakeValue();
  const std::atomic<bool> stop = false;
  EXPECT_TRUE(filler.TakeCensus(stop, [](uint64_t) {}).empty());
  const std::string begin = "keeps 1024 of 2048 pages, 4.0 MiB (kernel 768, user 256)";
  EXPECT_EQ(PlanText(filler, uint64_t{1} << 63), begin);
  EXPECT_EQ(PlanText(filler, 4 * kMiB), begin + ", in a region of 4.0 MiB: fits");
  EXPECT_EQ(PlanText(filler, kMiB), begin + ", in a region of 1.0 MiB: fits if compressed to 25 %");
}

TEST(Forecast, OnceAfterTheFirstSixteenth) {
  Forecast forecast(kGiB);
  EXPECT_EQ(forecast.Update({.done_bytes = 0, .total_bytes = 16 * kGiB, .written_bytes = 0}), "");
  EXPECT_EQ(forecast.Update({.done_bytes = kGiB - 1, .total_bytes = 16 * kGiB, .written_bytes = kMiB}), "");
  EXPECT_EQ(forecast.Update({.done_bytes = kGiB, .total_bytes = 16 * kGiB, .written_bytes = 32 * kMiB}),
            "about 512 MiB in 0 s: fits");
  EXPECT_EQ(forecast.Update({.done_bytes = 2 * kGiB, .total_bytes = 16 * kGiB, .written_bytes = 90 * kMiB}), "");
}

TEST(Forecast, SaysWhatWillBeMissing) {
  Forecast forecast(kGiB);
  EXPECT_EQ(forecast.Update({.done_bytes = 8 * kGiB, .total_bytes = 16 * kGiB, .written_bytes = 700 * kMiB}),
            "about 1.3 GiB in 0 s: does not fit into 1.0 GiB, the least valuable pages will be missing");
}

}  // namespace
}  // namespace crashdump
