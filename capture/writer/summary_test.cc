// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/summary.h"

#include <gtest/gtest.h>

#include "common/base/text_record.h"

namespace crashdump {
namespace {

TEST(CaptureLog, EscapesAndKeepsLinesApart) {
  CaptureLog log;
  log.Add("one\nlog=two\x07");
  log.Add("three");
  EXPECT_EQ(log.ToRecord(), "log=one log=two\\x07\nlog=three\n");
}

TEST(CaptureLog, IsBoundedAndCountsWhatHadNoRoom) {
  CaptureLog log;
  for (int i = 0; i < 1000; ++i) log.Add(std::string(99, 'x'));
  const TextRecord record = TextRecord::Parse(log.ToRecord()).TakeValue();
  const size_t kept = record.FindAll("log").size();
  EXPECT_EQ(kept, CaptureLog::kMaxBytes / 100);
  EXPECT_EQ(record.Number("log_lines_dropped").value(), 1000 - kept);
}

TEST(SummaryText, HasCountersPeakMemoryAndTheLog) {
  CaptureLog log;
  log.Add("a note");
  const std::string text = SummaryText({.data_pages = 5, .zero_pages = 7}, nullptr, 0, 1234, log);
  const TextRecord record = TextRecord::Parse(text).TakeValue();
  EXPECT_EQ(record.Number("data_pages").value(), 5U);
  EXPECT_EQ(record.Number("zero_pages").value(), 7U);
  EXPECT_EQ(record.Number("elapsed_ms").value(), 1234U);
  EXPECT_EQ(record.Text("log").value(), "a note");
  EXPECT_GT(record.Number("vm_hwm_kib").value(), 500U);
}

}  // namespace
}  // namespace crashdump
