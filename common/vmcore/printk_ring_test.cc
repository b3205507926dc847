// SPDX-License-Identifier: GPL-2.0-or-later
// The ring buffer of both word sizes and byte orders: wrapped, half-written, damaged.
#include <gtest/gtest.h>

#include <random>

#include "common/testing/printk_builder.h"
#include "common/testing/read_log.h"

namespace crashdump {
namespace {

using testing::kLittle64;
using testing::kLogVirtual;
using testing::LogText;
using testing::PrintkBuilder;
using testing::ReadLog;
using testing::VmcoreBuilder;
using Record = PrintkBuilder::Record;
using State = PrintkBuilder::State;

class PrintkRingFormats : public ::testing::TestWithParam<TargetFormat> {};

TEST_P(PrintkRingFormats, Text) {
  PrintkBuilder ring(GetParam(), kLogVirtual);
  ring.Add(Record{.text = "Linux version", .nanoseconds = 0})
      .Add(Record{.text = "one", .nanoseconds = 1'234'567'890})
      .Add(Record{.text = "two", .nanoseconds = 123'456'000'000'999});
  EXPECT_EQ(ReadLog(ring).text, "[    0.000000] Linux version\n[    1.234567] one\n[123456.000000] two\n");
}

TEST_P(PrintkRingFormats, WrappedManyTimes) {
  PrintkBuilder ring(GetParam(), kLogVirtual);
  std::vector<std::string> lines;
  std::minstd_rand random(3);
  for (int i = 0; i < 3000; ++i) {
    std::string text = std::to_string(i) + std::string(random() % 90, 'x');
    ring.Add(text);
    lines.push_back("[    0.000000] " + text + "\n");
    if (i % 97 != 0) continue;
    const LogText read = ReadLog(ring);
    ASSERT_EQ(read.summary.damaged, 0U);
    ASSERT_EQ(read.summary.half_written, 0U);
    ASSERT_GT(read.summary.records, i < 5 ? 0U : 4U);
    std::string expected;
    for (size_t line = lines.size() - read.summary.records; line < lines.size(); ++line) expected += lines[line];
    ASSERT_EQ(read.text, expected) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(All, PrintkRingFormats, ::testing::ValuesIn(testing::kLogFormats));

TEST(PrintkRing, UnfinishedAndEmptyRecordsAreSkipped) {
  PrintkBuilder ring(kLittle64, kLogVirtual);
  ring.Add(Record{.text = "half", .state = State::kReserved})
      .Add(Record{.text = "committed", .state = State::kCommitted})
      .Add("")
      .Add(Record{.text = "reusable", .state = State::kReusable})
      .Add("end");
  const LogText read = ReadLog(ring);
  EXPECT_EQ(read.text, "[    0.000000] committed\n[    0.000000] end\n");
  EXPECT_EQ(read.summary.half_written, 1U);
  EXPECT_EQ(read.summary.damaged, 0U);
}

TEST(PrintkRing, AHeadThatMovedBeforeItsDescriptor) {
  PrintkBuilder ring(kLittle64, kLogVirtual, 3);
  for (int i = 0; i < 20; ++i) ring.Add(std::to_string(i));
  const LogText before = ReadLog(ring);
  EXPECT_EQ(before.summary.records, 8U);
  // The oldest gives way, the head moves, and the machine dies.
  ring.StoreWord(ring.TailOffset(), ring.oldest_id() + 1);
  ring.StoreWord(ring.HeadOffset(), ring.newest_id() + 1);
  const LogText read = ReadLog(ring);
  EXPECT_EQ(read.summary.records, 7U);
  EXPECT_EQ(read.summary.half_written, 1U);
  EXPECT_EQ(read.summary.damaged, 0U);
}

TEST(PrintkRing, DamageCostsOneRecord) {
  const auto damaged = [](auto damage) {
    PrintkBuilder ring(kLittle64, kLogVirtual);
    ring.Add("first").Add("second").Add("third");
    damage(ring, ring.newest_id() - 1);
    const LogText read = ReadLog(ring);
    EXPECT_EQ(read.text, "[    0.000000] first\n[    0.000000] third\n");
    EXPECT_EQ(read.summary.damaged, 1U);
  };
  damaged([](PrintkBuilder& ring, uint64_t id) { ring.StoreWord(ring.DescriptorOffset(id), 12345); });
  damaged([](PrintkBuilder& ring, uint64_t id) { ring.StoreWord(ring.DescriptorOffset(id) + 8, 0); });         // begin
  damaged([](PrintkBuilder& ring, uint64_t id) { ring.StoreWord(ring.DescriptorOffset(id) + 16, 1 << 30); });  // next
  // An end before the beginning, in the same round of the ring: within the first record.
  damaged([](PrintkBuilder& ring, uint64_t id) {
    const Bytes begin = Bytes(ring.memory()).subspan(ring.DescriptorOffset(id - 1) + 8, 8);
    ring.StoreWord(ring.DescriptorOffset(id) + 16, LoadInteger(begin, ByteOrder::kLittle) + 8);
  });
  damaged([](PrintkBuilder& ring, uint64_t) { ring.memory()[ring.text_offset() + 16] ^= 1; });  // the block's id
}

TEST(PrintkRing, ALengthBeyondTheBlockIsCut) {
  PrintkBuilder ring(kLittle64, kLogVirtual);
  ring.Add("12345678").Add("next");
  ring.Store(ring.InfoOffset(ring.newest_id() - 1) + 16, 2, 60000);
  EXPECT_EQ(ReadLog(ring).text, "[    0.000000] 12345678\n[    0.000000] next\n");
}

TEST(PrintkRing, ABlockThatEndsWithTheRing) {
  // Newer kernels fill the ring to its last byte; a position of the next round then ends the block.
  PrintkBuilder ring(kLittle64, kLogVirtual, 5, 6);
  ring.Add(std::string(24, 'a')).Add(std::string(8, 'b'));
  const uint64_t id = ring.newest_id();
  EXPECT_EQ(ReadLog(ring).text, "[    0.000000] " + std::string(24, 'a') + "\n[    0.000000] bbbbbbbb\n");
  // 32 bytes are used of 64: let b's block be the other 32.
  ring.StoreWord(ring.DescriptorOffset(id) + 16, 0);
  ring.Store(ring.InfoOffset(id) + 16, 2, 24);
  EXPECT_EQ(ReadLog(ring).text,
            "[    0.000000] " + std::string(24, 'a') + "\n[    0.000000] bbbbbbbb" + std::string(16, '\0') + "\n");
}

TEST(PrintkRing, EndsThatMakeNoSense) {
  PrintkBuilder ring(kLittle64, kLogVirtual, 3);
  for (int i = 0; i < 20; ++i) ring.Add(std::to_string(i));
  const std::string expected = ReadLog(ring).text;
  ring.StoreWord(ring.TailOffset(), ring.newest_id() + 5);  // as good as 2^62 records
  const LogText read = ReadLog(ring);
  EXPECT_EQ(read.text, expected);
  EXPECT_EQ(read.summary.damaged, 0U);
}

TEST(PrintkRing, MissingMemoryCostsWhatIsThere) {
  PrintkBuilder ring(kLittle64, kLogVirtual);
  ring.Add("first").Add("second");
  VmcoreBuilder builder;
  ring.AddKeysTo(builder);
  // All but the end of the text: the second record's bytes.
  std::vector<uint8_t> memory = ring.memory();
  memory.resize(ring.text_offset() + 16 + 8);
  builder.AddLoad({.physical = 0x200000, .data = memory, .virtual_address = kLogVirtual});
  const LogText read = ReadLog(builder);
  EXPECT_EQ(read.text, "[    0.000000] first\n");
  EXPECT_EQ(read.summary.damaged, 1U);
}

TEST(PrintkRing, OfAHugeRingOfNothingTheNewestAreRead) {
  constexpr uint64_t kPlaces = 1U << 26;
  PrintkBuilder ring(kLittle64, kLogVirtual);
  ring.Add("x");
  const uint64_t newest = ring.newest_id();
  const uint64_t oldest = newest - (kPlaces - 1);
  ring.Store(16, 4, 26);  // count_bits
  ring.StoreWord(ring.TailOffset(), oldest);
  VmcoreBuilder builder;
  ring.AddTo(builder, 0x200000);
  const auto add_at = [&](uint64_t physical, uint64_t first_place, uint64_t id, Bytes entry) {
    builder.AddLoad({.physical = physical,
                     .data = {entry.begin(), entry.end()},
                     .virtual_address = kLogVirtual + first_place + id % kPlaces * entry.size()});
  };
  // The newest record, where a ring of that size has it.
  const uint64_t descriptors = ring.DescriptorOffset(0);
  const uint64_t infos = ring.InfoOffset(0);
  add_at(0x300000, descriptors, newest, Bytes(ring.memory()).subspan(ring.DescriptorOffset(newest), 24));
  add_at(0x400000, infos, newest, Bytes(ring.memory()).subspan(ring.InfoOffset(newest), 88));
  LogText read = ReadLog(builder, {.newest_bytes = 1 << 20});
  EXPECT_EQ(read.text, "[    0.000000] x\n");
  EXPECT_EQ(read.summary.damaged, 2 * kMaxDamagedOnEnd - 1);
  // One that is not damaged: from there on, as many again are looked at.
  std::vector<uint8_t> reusable(24);
  StoreInteger(MutableBytes(reusable).first(8), (oldest + 1000) | uint64_t{3} << 62, ByteOrder::kLittle);
  add_at(0x500000, descriptors, oldest + 1000, reusable);
  read = ReadLog(builder, {.newest_bytes = 1 << 20});
  EXPECT_EQ(read.text, "[    0.000000] x\n");
  EXPECT_EQ(read.summary.damaged, 1000 + 2 * kMaxDamagedOnEnd - 1);
}

TEST(PrintkRing, StructuresThatMakeNoSense) {
  PrintkBuilder ring(kLittle64, kLogVirtual);
  VmcoreBuilder keys;
  ring.AddKeysTo(keys);
  EXPECT_EQ(ReadLog(VmcoreBuilder(keys).Info("SIZE(prb_desc)", "5000")).error,
            "VMCOREINFO: SIZE(prb_desc) is 5000, above 4096");
  ring.Store(16, 4, 27);
  EXPECT_EQ(ReadLog(ring).error, "log: a ring of 2^27 descriptors and 2^10 bytes of text");
  VmcoreBuilder nothing;
  ring.AddKeysTo(nothing);
  EXPECT_EQ(ReadLog(nothing).error.substr(0, 30), "log: prb: address 0xc0200000: ");
}

TEST(PrintkRing, RandomDamage) {
  std::minstd_rand random(11);
  for (int round = 0; round < 300; ++round) {
    PrintkBuilder ring(kLittle64, kLogVirtual, 4, 9);
    for (int i = 0; i < 40; ++i) ring.Add(std::string(random() % 60, static_cast<char>('a' + i % 26)));
    for (int i = 0; i < 8; ++i) ring.memory()[random() % ring.memory().size()] = static_cast<uint8_t>(random());
    const LogText read = ReadLog(ring);
    EXPECT_LE(read.text.size(), 64U * 1024U);
  }
}

}  // namespace
}  // namespace crashdump
