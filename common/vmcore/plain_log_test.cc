// SPDX-License-Identifier: GPL-2.0-or-later
// The plain buffer of both word sizes and byte orders: wrapped, damaged.
#include <gtest/gtest.h>

#include <random>

#include "common/testing/plain_log_builder.h"
#include "common/testing/read_log.h"

namespace crashdump {
namespace {

using testing::kLittle64;
using testing::kLogVirtual;
using testing::LogText;
using testing::PlainLogBuilder;
using testing::ReadLog;
using testing::VmcoreBuilder;
using Builder = PlainLogBuilder;

constexpr uint64_t kPage = 4096;

class PlainLogFormats : public ::testing::TestWithParam<TargetFormat> {};

TEST_P(PlainLogFormats, TextAsItStands) {
  Builder log(GetParam(), kLogVirtual);
  log.Add("<5>[    0.000000] Linux version\n<6>no time\n\n<0>Kernel panic");
  const LogText read = ReadLog(log);
  EXPECT_EQ(read.text, "<5>[    0.000000] Linux version\n<6>no time\n\n<0>Kernel panic");
  EXPECT_EQ(read.summary.records, 4U);
}

TEST_P(PlainLogFormats, WrappedManyTimes) {
  // Not at a page's beginning, and longer than a page.
  Builder log(GetParam(), kLogVirtual + 100, 2 * kPage);
  std::string all;
  std::minstd_rand random(3);
  for (int i = 0; i < 3000; ++i) {
    const std::string line = "<6>" + std::to_string(i) + std::string(random() % 90, 'x') + "\n";
    log.Add(line);
    all += line;
    if (i % 17 != 0) continue;
    const LogText read = ReadLog(log);
    ASSERT_EQ(read.text, all.substr(all.size() - std::min<size_t>(all.size(), 2 * kPage))) << i;
    ASSERT_EQ(read.summary.damaged, 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(All, PlainLogFormats, ::testing::ValuesIn(testing::kLogFormats));

TEST(PlainLog, AnEmptyLog) {
  const LogText read = ReadLog(Builder(kLittle64, kLogVirtual));
  EXPECT_EQ(read.error, "");
  EXPECT_EQ(read.text, "");
}

TEST(PlainLog, AFullBufferThatHasJustWrapped) {
  Builder log(kLittle64, kLogVirtual, 16);
  log.Add("0123456789abcde\n");
  EXPECT_EQ(ReadLog(log).text, "0123456789abcde\n");
  log.Add("x");
  EXPECT_EQ(ReadLog(log).text, "123456789abcde\nx");
}

TEST(PlainLog, WhatWasClearedIsRead) {
  Builder log(kLittle64, kLogVirtual);
  log.Add("one\ntwo\n");
  log.Store(Builder::kLoggedChars, 4, 0);
  EXPECT_EQ(ReadLog(log).text, "one\ntwo\n");
}

TEST(PlainLog, ALongLineComesInPieces) {
  Builder log(kLittle64, kLogVirtual, 256 * kKiB);
  const std::string text = std::string(200 * kKiB, 'x') + "\nend\n";
  log.Add(text);
  const LogText read = ReadLog(log);
  EXPECT_EQ(read.text, text);
  EXPECT_EQ(read.summary.records, 5U);
}

TEST(PlainLog, TheNewestLinesAreKept) {
  Builder log(kLittle64, kLogVirtual, 32);
  log.Add("lost\n<6>a\n<6>b\n<6>c\n<6>d\n<6>e\n<6>f\n");
  EXPECT_EQ(ReadLog(log).text, "t\n<6>a\n<6>b\n<6>c\n<6>d\n<6>e\n<6>f\n");
  LogText read = ReadLog(log, {.newest_bytes = 12});
  EXPECT_EQ(read.text, "<6>e\n<6>f\n");
  EXPECT_EQ(read.summary.left_out, 5U);
  read = ReadLog(log, {.newest_bytes = 4});
  EXPECT_EQ(read.text, "");
  EXPECT_EQ(read.summary.left_out, 7U);
}

TEST(PlainLog, MissingMemoryCostsAPageOfTheText) {
  Builder log(kLittle64, kLogVirtual, 4 * kPage);
  const std::string text = std::string(3 * kPage - 1, 'x') + "\nend\n";
  log.Add(text);
  VmcoreBuilder builder;
  log.AddKeysTo(builder);
  const auto add = [&](uint64_t begin, uint64_t end) {
    builder.AddLoad({.physical = 0x200000 + begin,
                     .data = {log.memory().begin() + static_cast<ptrdiff_t>(begin),
                              log.memory().begin() + static_cast<ptrdiff_t>(end)},
                     .virtual_address = kLogVirtual + begin});
  };
  add(0, kPage);
  add(2 * kPage, log.memory().size());
  const LogText read = ReadLog(builder);
  EXPECT_EQ(read.text, text.substr(0, kPage - Builder::kBuffer) + text.substr(2 * kPage - Builder::kBuffer));
  EXPECT_EQ(read.summary.damaged, 1U);
}

TEST(PlainLog, VariablesThatMakeNoSense) {
  Builder log(kLittle64, kLogVirtual);
  log.Add("text\n");
  log.Store(Builder::kBufferLength, 4, 0);
  EXPECT_EQ(ReadLog(log).error, "log: a buffer of 0 bytes");
  log.Store(Builder::kBufferLength, 4, 0xffffffff);
  EXPECT_EQ(ReadLog(log).error, "log: a buffer of 4294967295 bytes");
  log.Store(Builder::kBufferLength, 4, 1024);
  log.StoreWord(Builder::kBufferPointer, 8);
  const LogText read = ReadLog(log);
  EXPECT_EQ(read.text, "");
  EXPECT_EQ(read.summary.damaged, 1U);
  VmcoreBuilder keys;
  log.AddKeysTo(keys);
  EXPECT_EQ(ReadLog(keys.Info("SYMBOL(log_buf)", "x")).error, "VMCOREINFO: SYMBOL(log_buf) has no valid value");
}

TEST(PlainLog, OfAHugeBufferOfNothingTheNewestIsRead) {
  constexpr uint64_t kBufferBytes = 1U << 30;
  Builder log(kLittle64, kLogVirtual);
  log.Store(Builder::kBufferLength, 4, kBufferBytes);
  log.Store(Builder::kEnd, 4, kBufferBytes);
  VmcoreBuilder builder;
  log.AddTo(builder, 0x200000);
  const std::string_view end = "the end of it all: panic\nreally\n";  // from its page's beginning
  ASSERT_EQ(end.size(), Builder::kBuffer);
  builder.AddLoad(
      {.physical = 0x300000, .data = {end.begin(), end.end()}, .virtual_address = kLogVirtual + kBufferBytes});
  LogText read = ReadLog(builder, {.newest_bytes = 1 << 20});
  EXPECT_EQ(read.error, "");
  EXPECT_EQ(read.text, end);
  EXPECT_EQ(read.summary.damaged, 2 * kMaxDamagedOnEnd);
  // A page that is there: from there on, as many again are looked at.
  const std::vector<uint8_t> page(kPage, '\n');
  builder.AddLoad({.physical = 0x400000, .data = page, .virtual_address = kLogVirtual + 1000 * kPage});
  read = ReadLog(builder, {.newest_bytes = 1 << 20});
  EXPECT_EQ(read.text, std::string(kPage, '\n').append(end));
  EXPECT_EQ(read.summary.damaged, 1000 + 2 * kMaxDamagedOnEnd);
}

TEST(PlainLog, RandomDamage) {
  std::minstd_rand random(11);
  for (int round = 0; round < 1000; ++round) {
    Builder log(testing::kLogFormats[round % 4], kLogVirtual, 512);
    for (int i = 0; i < 40; ++i) log.Add(std::string(random() % 60, static_cast<char>('a' + i % 26)) + "\n");
    for (int i = 0; i < 4; ++i) log.memory()[random() % Builder::kBuffer] = static_cast<uint8_t>(random());
    EXPECT_LE(ReadLog(log).text.size(), log.memory().size());
  }
}

}  // namespace
}  // namespace crashdump
