// SPDX-License-Identifier: GPL-2.0-or-later
// What PanicMessages does with every form of log. Each form's reader has tests of its own.
#include "common/vmcore/panic_messages.h"

#include <gtest/gtest.h>

#include "common/testing/printk_builder.h"
#include "common/testing/printk_log_builder.h"
#include "common/testing/read_log.h"

namespace crashdump {
namespace {

using testing::kLittle64;
using testing::kLogVirtual;
using testing::LogText;
using testing::PrintkBuilder;
using testing::PrintkLogBuilder;
using testing::ReadLog;
using testing::VmcoreBuilder;

// Both forms that have records.
template <typename Builder>
class PanicMessagesOfRecords : public ::testing::Test {
 protected:
  using Record = typename Builder::Record;

  Builder log_{kLittle64, kLogVirtual};
};

using RecordBuilders = ::testing::Types<PrintkBuilder, PrintkLogBuilder>;
TYPED_TEST_SUITE(PanicMessagesOfRecords, RecordBuilders);

TYPED_TEST(PanicMessagesOfRecords, LinesOfOneRecordAreIndented) {
  this->log_.Add("first\n[    0.000000] not another record").Add("x\n");
  EXPECT_EQ(
      ReadLog(this->log_).text,
      "[    0.000000] first\n               [    0.000000] not another record\n[    0.000000] x\n               \n");
}

TYPED_TEST(PanicMessagesOfRecords, AnyByteIsHandedOn) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte == '\n' ? ' ' : byte);
  this->log_.Add(all);
  EXPECT_EQ(ReadLog(this->log_).text, "[    0.000000] " + all + "\n");
}

TYPED_TEST(PanicMessagesOfRecords, TheNewestBytesAreKept) {
  for (const char* text : {"a", "b", "c", "d"}) this->log_.Add(text);  // lines of 17 bytes
  EXPECT_EQ(ReadLog(this->log_, {.newest_bytes = 68}).summary.left_out, 0U);
  LogText read = ReadLog(this->log_, {.newest_bytes = 67});
  EXPECT_EQ(read.text, "[    0.000000] b\n[    0.000000] c\n[    0.000000] d\n");
  EXPECT_EQ(read.summary.left_out, 1U);
  EXPECT_EQ(read.summary.records, 3U);
  EXPECT_EQ(ReadLog(this->log_, {.newest_bytes = 17}).text, "[    0.000000] d\n");
  read = ReadLog(this->log_, {.newest_bytes = 16});
  EXPECT_EQ(read.text, "");
  EXPECT_EQ(read.summary.left_out, 4U);
  EXPECT_EQ(ReadLog(this->log_, {.newest_bytes = 0}).text, "");
}

TYPED_TEST(PanicMessagesOfRecords, AnErrorOfTheSinkIsHandedOn) {
  this->log_.Add("a").Add("b");
  VmcoreBuilder builder;
  this->log_.AddTo(builder, 0x200000);
  const Vmcore vmcore = Vmcore::Open(builder.BuildSource()).TakeValue();
  const KernelMemory memory = KernelMemory::Open(vmcore).TakeValue();
  unsigned calls = 0;
  const Result<PanicMessagesSummary> result =
      PanicMessages::Open(memory).value().Write({}, [&](std::string_view) -> Result<> {
        ++calls;
        return Error::Format(ErrorCode::kNoSpace, "full");
      });
  ASSERT_FALSE(result.ok());
  EXPECT_STREQ(result.error().text(), "full");
  EXPECT_EQ(calls, 1U);
}

TEST(PanicMessages, CallerIdOfTheRingBuffer) {
  PrintkBuilder log(kLittle64, kLogVirtual);
  log.Add(PrintkBuilder::Record{.text = "a\nb", .caller_id = 123});
  log.Add(PrintkBuilder::Record{.text = "c", .caller_id = 0x80000001});
  EXPECT_EQ(ReadLog(log, {.caller_id = CallerId::kShow}).text,
            "[    0.000000] [    T123] a\n                          b\n[    0.000000] [      C1] c\n");
}

TEST(PanicMessages, CallerIdOfTheRecordBuffer) {
  PrintkLogBuilder log(kLittle64, kLogVirtual, 1024, PrintkLogBuilder::Keys::kPrintkLogAndCaller);
  log.Add(PrintkLogBuilder::Record{.text = "a\nb", .caller_id = 123});
  log.Add(PrintkLogBuilder::Record{.text = "c", .caller_id = 0x80000001});
  EXPECT_EQ(ReadLog(log, {.caller_id = CallerId::kShow}).text,
            "[    0.000000] [    T123] a\n                          b\n[    0.000000] [      C1] c\n");
  EXPECT_EQ(ReadLog(log).text, "[    0.000000] a\n               b\n[    0.000000] c\n");
}

TEST(PanicMessages, NoCallerIdWhereTheKernelDidNotKeepIt) {
  PrintkLogBuilder log(kLittle64, kLogVirtual);
  log.Add("a");
  EXPECT_EQ(ReadLog(log, {.caller_id = CallerId::kShow}).text, "[    0.000000] a\n");
}

TEST(PanicMessages, TheFormIsChosenByItsKeys) {
  VmcoreBuilder builder;
  const auto error_with = [&](std::string_view key) { return ReadLog(builder.Info(key, "ffffffff81000000")).error; };
  EXPECT_EQ(ReadLog(builder).error,
            "VMCOREINFO says nothing of a log: neither SYMBOL(prb) nor SYMBOL(log_first_idx) nor SYMBOL(log_end)");
  EXPECT_EQ(error_with("SYMBOL(log_end)"), "VMCOREINFO lacks SYMBOL(log_buf)");
  EXPECT_EQ(error_with("SYMBOL(log_buf)"), "VMCOREINFO lacks SYMBOL(log_buf_len)");
  EXPECT_EQ(error_with("SYMBOL(log_first_idx)"), "VMCOREINFO lacks SYMBOL(log_buf_len)");
  EXPECT_EQ(error_with("SYMBOL(log_buf_len)"), "VMCOREINFO lacks SYMBOL(log_next_idx)");
  EXPECT_EQ(error_with("SYMBOL(prb)"), "VMCOREINFO lacks OFFSET(printk_ringbuffer.desc_ring)");
  EXPECT_EQ(ReadLog(builder.Info("SYMBOL(prb)", "here")).error, "VMCOREINFO: SYMBOL(prb) has no valid value");
}

}  // namespace
}  // namespace crashdump
