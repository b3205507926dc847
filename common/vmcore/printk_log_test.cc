// SPDX-License-Identifier: GPL-2.0-or-later
// The record buffer of both word sizes and byte orders: wrapped, half-written, damaged.
#include <gtest/gtest.h>

#include <random>

#include "common/testing/printk_log_builder.h"
#include "common/testing/read_log.h"

namespace crashdump {
namespace {

using testing::kLittle64;
using testing::kLogVirtual;
using testing::LogText;
using testing::PrintkLogBuilder;
using testing::ReadLog;
using testing::VmcoreBuilder;
using Builder = PrintkLogBuilder;
using Keys = PrintkLogBuilder::Keys;
using Record = PrintkLogBuilder::Record;

class PrintkLogFormats : public ::testing::TestWithParam<std::tuple<TargetFormat, Keys>> {
 protected:
  Builder log_{std::get<0>(GetParam()), kLogVirtual, 1024, std::get<1>(GetParam())};
};

TEST_P(PrintkLogFormats, Text) {
  log_.Add(Record{.text = "Linux version", .nanoseconds = 0})
      .Add(Record{.text = "one", .nanoseconds = 1'234'567'890})
      .Add(Record{.text = "two", .nanoseconds = 123'456'000'000'999});
  EXPECT_EQ(ReadLog(log_).text, "[    0.000000] Linux version\n[    1.234567] one\n[123456.000000] two\n");
}

TEST_P(PrintkLogFormats, WrappedManyTimes) {
  std::vector<std::string> lines;
  std::minstd_rand random(3);
  for (int i = 0; i < 3000; ++i) {
    std::string text = std::to_string(i) + std::string(random() % 90, 'x');
    const std::string dictionary(i % 3 == 0 ? random() % 40 : 0, 'D');
    log_.Add(Record{.text = text, .dictionary = dictionary});
    lines.push_back("[    0.000000] " + text + "\n");
    if (i % 17 != 0) continue;
    const LogText read = ReadLog(log_);
    ASSERT_EQ(read.summary.damaged, 0U) << i;
    ASSERT_EQ(read.summary.half_written, 0U);
    ASSERT_EQ(read.summary.records, log_.count());
    std::string expected;
    for (size_t line = lines.size() - read.summary.records; line < lines.size(); ++line) expected += lines[line];
    ASSERT_EQ(read.text, expected) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(All, PrintkLogFormats,
                         ::testing::Combine(::testing::ValuesIn(testing::kLogFormats),
                                            ::testing::Values(Keys::kPrintkLog, Keys::kPrintkLogAndCaller, Keys::kLog,
                                                              Keys::kNone)));

TEST(PrintkLog, ADictionaryIsLeftOut) {
  Builder log(kLittle64, kLogVirtual);
  log.Add(Record{.text = "usb 1-1: new device", .dictionary = std::string("SUBSYSTEM=usb\0DEVICE=c189:1", 27)});
  log.Add("next");
  EXPECT_EQ(ReadLog(log).text, "[    0.000000] usb 1-1: new device\n[    0.000000] next\n");
}

TEST(PrintkLog, AnEmptyLineIsALine) {
  Builder log(kLittle64, kLogVirtual);
  log.Add("one").Add("").Add("two");
  EXPECT_EQ(ReadLog(log).text, "[    0.000000] one\n[    0.000000] \n[    0.000000] two\n");
}

TEST(PrintkLog, AnEmptyLog) {
  const LogText read = ReadLog(Builder(kLittle64, kLogVirtual));
  EXPECT_EQ(read.error, "");
  EXPECT_EQ(read.text, "");
  EXPECT_EQ(read.summary.damaged, 0U);
}

TEST(PrintkLog, WhatWasClearedIsRead) {
  Builder log(kLittle64, kLogVirtual);
  log.Add("one").Add("two");
  log.Store(Builder::kClearIndex, 4, log.Load(Builder::kNextIndex, 4));
  EXPECT_EQ(ReadLog(log).text, "[    0.000000] one\n[    0.000000] two\n");
}

TEST(PrintkLog, ARecordThatIsBeingWrittenIsNoneYet) {
  // The kernel fills the record before it moves log_next_idx.
  Builder log(kLittle64, kLogVirtual);
  log.Add("whole");
  const uint64_t next = log.Load(Builder::kNextIndex, 4);
  log.Add("half");
  log.Store(Builder::kNextIndex, 4, next);
  const LogText read = ReadLog(log);
  EXPECT_EQ(read.text, "[    0.000000] whole\n");
  EXPECT_EQ(read.summary.damaged, 0U);
}

TEST(PrintkLog, AMarkAtTheEndBeforeTheFirstRecordAtTheBeginning) {
  // The machine dies when the mark is written, and log_next_idx set to 0, but the record not yet there.
  Builder log(kLittle64, kLogVirtual, 256);
  log.Add(std::string(60, 'a')).Add(std::string(60, 'b'));
  const uint64_t mark = log.Load(Builder::kNextIndex, 4);
  const std::string expected = ReadLog(log).text;
  for (uint64_t i = 0; i < log.header_bytes(); ++i) log.memory()[Builder::kBuffer + mark + i] = 0;
  log.Store(Builder::kFirstIndex, 4, log.HeaderOffset(1) - Builder::kBuffer);  // room has been made
  log.Store(Builder::kNextIndex, 4, 0);
  const LogText read = ReadLog(log);
  EXPECT_EQ(read.text, "[    0.000000] " + std::string(60, 'b') + "\n");
  EXPECT_EQ(read.summary.damaged, 0U);
}

TEST(PrintkLog, ATextBeyondItsRecordCostsTheRecord) {
  Builder log(kLittle64, kLogVirtual);
  log.Add("first").Add("second").Add("third");
  log.Store(log.HeaderOffset(1) + Builder::kTextLength, 2, 9);  // the record has room for 8
  LogText read = ReadLog(log);
  EXPECT_EQ(read.text, "[    0.000000] first\n[    0.000000] third\n");
  EXPECT_EQ(read.summary.damaged, 1U);
  EXPECT_EQ(ReadLog(log, {.newest_bytes = read.text.size()}).text, read.text);
  log.Store(log.HeaderOffset(1) + Builder::kTextLength, 2, 0xffff);
  read = ReadLog(log);
  EXPECT_EQ(read.text, "[    0.000000] first\n[    0.000000] third\n");
  EXPECT_EQ(read.summary.damaged, 1U);
}

TEST(PrintkLog, ADictionaryLengthDoesNotMatter) {
  Builder log(kLittle64, kLogVirtual);
  log.Add("first").Add("second");
  log.Store(log.HeaderOffset(0) + Builder::kDictionaryLength, 2, 0xffff);
  EXPECT_EQ(ReadLog(log).text, "[    0.000000] first\n[    0.000000] second\n");
}

TEST(PrintkLog, ALengthThatMakesNoSenseEndsTheLog) {
  // 0 is a mark only where the buffer's end is ahead; 4 is no header; 200 passes the newest; 40 hits the middle of the
  // third record, where no header is.
  for (const uint64_t length : {0U, 4U, 200U, 0xffffU, 40U}) {
    Builder log(kLittle64, kLogVirtual);
    log.Add("first").Add("second").Add(std::string(40, 'x')).Add("fourth");
    log.Store(log.HeaderOffset(1) + Builder::kLength, 2, length);
    const LogText read = ReadLog(log);
    const std::string second = length == 40 ? "[    0.000000] second\n" : "";
    EXPECT_EQ(read.text, "[    0.000000] first\n" + second) << length;
    EXPECT_EQ(read.summary.damaged, 1U) << length;
  }
}

TEST(PrintkLog, ALengthBeyondTheBuffersEndLeavesWhatComesAfterIt) {
  Builder log(kLittle64, kLogVirtual, 256);
  for (int i = 0; i < 9; ++i) log.Add(std::string(20, static_cast<char>('a' + i)));
  ASSERT_LT(log.Load(Builder::kNextIndex, 4), log.Load(Builder::kFirstIndex, 4));
  const uint64_t offset = log.HeaderOffset(0) - Builder::kBuffer;
  // Up to the last place where a header fits is allowed, and there the mark is missing.
  for (const uint64_t length : {256 - 16 - offset, 256 - 16 - offset + 1, 256 - offset, uint64_t{0xffff}}) {
    Builder damaged = log;
    damaged.Store(log.HeaderOffset(0) + Builder::kLength, 2, length);
    const LogText read = ReadLog(damaged);
    // Behind the end the log goes on at the beginning, with the newest records.
    EXPECT_EQ(read.summary.records, length == 256 - 16 - offset ? 4U : 3U) << length;
    EXPECT_TRUE(read.text.ends_with("] " + std::string(20, 'i') + "\n")) << length;
    EXPECT_EQ(read.summary.damaged, 1U) << length;
  }
}

TEST(PrintkLog, IndexesThatMakeNoSense) {
  Builder log(kLittle64, kLogVirtual);
  log.Add("first");
  const auto error = [&](uint64_t variable, uint64_t value) {
    Builder damaged = log;
    damaged.Store(variable, 4, value);
    return ReadLog(damaged).error;
  };
  EXPECT_EQ(error(Builder::kFirstIndex, 1009), "log: records from 1009 to 24 of a buffer of 1024 bytes");
  EXPECT_EQ(error(Builder::kNextIndex, 0xffffffff), "log: records from 0 to 4294967295 of a buffer of 1024 bytes");
  EXPECT_EQ(error(Builder::kBufferLength, 0), "log: records from 0 to 24 of a buffer of 0 bytes");
  EXPECT_EQ(error(Builder::kBufferLength, 0xffffffff), "log: records from 0 to 24 of a buffer of 4294967295 bytes");
  // Where a record's header cannot be, or is none.
  EXPECT_EQ(error(Builder::kFirstIndex, 1008), "");
}

TEST(PrintkLog, MissingMemoryEndsTheLogOrCostsATextOnly) {
  Builder log(kLittle64, kLogVirtual);
  log.Add("first").Add("second").Add("third");
  const auto read_with = [&](uint64_t bytes) {
    VmcoreBuilder builder;
    log.AddKeysTo(builder);
    builder.AddLoad({.physical = 0x200000,
                     .data = {log.memory().begin(), log.memory().begin() + static_cast<ptrdiff_t>(bytes)},
                     .virtual_address = kLogVirtual});
    return ReadLog(builder);
  };
  LogText read = read_with(log.HeaderOffset(2) + 20);
  EXPECT_EQ(read.text, "[    0.000000] first\n[    0.000000] second\n");
  EXPECT_EQ(read.summary.damaged, 1U);
  read = read_with(log.HeaderOffset(1) + 8);
  EXPECT_EQ(read.text, "[    0.000000] first\n");
  EXPECT_EQ(read.summary.damaged, 1U);
  EXPECT_EQ(read_with(8).error.substr(0, 36), "log: log_buf_len: address 0xc0200008");
}

TEST(PrintkLog, KeysThatMakeNoSense) {
  Builder log(kLittle64, kLogVirtual, 1024, Keys::kPrintkLogAndCaller);
  const auto error_of = [](const Builder& builder, std::string_view key, std::string_view value) {
    VmcoreBuilder vmcore;
    builder.AddTo(vmcore, 0x200000);
    return ReadLog(vmcore.Info(key, value)).error;
  };
  const auto error = [&](std::string_view key, std::string_view value) { return error_of(log, key, value); };
  EXPECT_EQ(error_of(Builder(kLittle64, kLogVirtual, 1024, Keys::kLog), "OFFSET(log.len)", "257"),
            "VMCOREINFO: OFFSET(log.len) is 257, above 256");
  EXPECT_EQ(error("SIZE(printk_log)", "257"), "VMCOREINFO: SIZE(printk_log) is 257, above 256");
  EXPECT_EQ(error("SIZE(printk_log)", "0"), "VMCOREINFO: a log record's header of 0 bytes with fields up to 20");
  EXPECT_EQ(error("OFFSET(printk_log.caller_id)", "17"),
            "VMCOREINFO: a log record's header of 20 bytes with fields up to 21");
  EXPECT_EQ(error("OFFSET(printk_log.len)", "x"), "VMCOREINFO: OFFSET(printk_log.len) has no valid value");
  EXPECT_EQ(error("SYMBOL(log_next_idx)", "x"), "VMCOREINFO: SYMBOL(log_next_idx) has no valid value");
  VmcoreBuilder lacking;
  lacking.Info("SYMBOL(log_first_idx)", "c0200000").Info("SIZE(printk_log)", "16");
  EXPECT_EQ(ReadLog(lacking).error, "VMCOREINFO lacks OFFSET(printk_log.ts_nsec)");
}

TEST(PrintkLog, RandomDamage) {
  std::minstd_rand random(11);
  for (int round = 0; round < 1000; ++round) {
    Builder log(testing::kLogFormats[round % 4], kLogVirtual, 512);
    for (int i = 0; i < 40; ++i) log.Add(std::string(random() % 60, static_cast<char>('a' + i % 26)));
    for (int i = 0; i < 8; ++i) log.memory()[random() % log.memory().size()] = static_cast<uint8_t>(random());
    // A record has a header of 16 bytes at least, and its text lies within it.
    EXPECT_LE(ReadLog(log).text.size(), 512U * 16U);
  }
}

}  // namespace
}  // namespace crashdump
