// SPDX-License-Identifier: GPL-2.0-or-later
// PanicMessages over rings of both word sizes and byte orders: wrapped, half-written, damaged.
#include "common/vmcore/panic_messages.h"

#include <gtest/gtest.h>

#include <random>

#include "common/testing/printk_builder.h"
#include "common/testing/vmcore_builder.h"

namespace crashdump {
namespace {

using testing::PrintkBuilder;
using testing::VmcoreBuilder;
using Record = PrintkBuilder::Record;
using State = PrintkBuilder::State;

constexpr TargetFormat kLittle64 = {ByteOrder::kLittle, WordSize::k64};
constexpr uint64_t kPhysical = 0x200000;
constexpr uint64_t kVirtual = 0xc0200000;  // of both word sizes

struct Read {
  std::string error, text;
  PanicMessagesSummary summary;
};

Read ReadFrom(const VmcoreBuilder& builder, const PanicMessagesOptions& options = {}) {
  const Vmcore vmcore = Vmcore::Open(builder.BuildSource()).TakeValue();
  const KernelMemory memory = KernelMemory::Open(vmcore).TakeValue();
  const Result<PanicMessages> messages = PanicMessages::Open(memory);
  Read read;
  if (!messages.ok()) {
    read.error = messages.error().text();
    return read;
  }
  const Result<PanicMessagesSummary> summary = messages.value().Write(options, [&](std::string_view line) -> Result<> {
    read.text.append(line);
    return {};
  });
  EXPECT_TRUE(summary.ok());
  read.summary = summary.value();
  EXPECT_EQ(read.summary.bytes, read.text.size());
  EXPECT_EQ(messages.value().Text(options).value(), read.text);
  return read;
}

Read ReadRing(const PrintkBuilder& ring, const PanicMessagesOptions& options = {}) {
  VmcoreBuilder builder;
  ring.AddTo(builder, kPhysical);
  return ReadFrom(builder, options);
}

class PanicMessagesFormats : public ::testing::TestWithParam<TargetFormat> {
 protected:
  PrintkBuilder ring_{GetParam(), kVirtual};
  VmcoreBuilder builder_ =
      VmcoreBuilder().Format(GetParam(), GetParam().word == WordSize::k32 ? kElfMachine386 : kElfMachinePpc64);

  Read ReadAll() {
    if (GetParam().order == ByteOrder::kBig && GetParam().word == WordSize::k32) {
      builder_.Format(GetParam(), kElfMachinePpc);
    }
    ring_.AddTo(builder_, kPhysical);
    return ReadFrom(builder_);
  }
};

TEST_P(PanicMessagesFormats, Text) {
  ring_.Add(Record{.text = "Linux version", .nanoseconds = 0})
      .Add(Record{.text = "one", .nanoseconds = 1'234'567'890})
      .Add(Record{.text = "two", .nanoseconds = 123'456'000'000'999});
  EXPECT_EQ(ReadAll().text, "[    0.000000] Linux version\n[    1.234567] one\n[123456.000000] two\n");
}

TEST_P(PanicMessagesFormats, WrappedManyTimes) {
  std::vector<std::string> lines;
  std::minstd_rand random(3);
  for (int i = 0; i < 3000; ++i) {
    std::string text = std::to_string(i) + std::string(random() % 90, 'x');
    ring_.Add(text);
    lines.push_back("[    0.000000] " + text + "\n");
    if (i % 97 != 0) continue;
    const Read read = ReadAll();
    ASSERT_EQ(read.summary.damaged, 0U);
    ASSERT_EQ(read.summary.half_written, 0U);
    ASSERT_GT(read.summary.records, i < 5 ? 0U : 4U);
    std::string expected;
    for (size_t line = lines.size() - read.summary.records; line < lines.size(); ++line) expected += lines[line];
    ASSERT_EQ(read.text, expected) << i;
    builder_ = VmcoreBuilder().Format(GetParam(), GetParam().word == WordSize::k32 ? kElfMachine386 : kElfMachinePpc64);
  }
}

INSTANTIATE_TEST_SUITE_P(All, PanicMessagesFormats,
                         ::testing::Values(kLittle64, TargetFormat{ByteOrder::kBig, WordSize::k64},
                                           TargetFormat{ByteOrder::kLittle, WordSize::k32},
                                           TargetFormat{ByteOrder::kBig, WordSize::k32}));

TEST(PanicMessages, LinesOfOneRecordAreIndented) {
  PrintkBuilder ring(kLittle64, kVirtual);
  ring.Add("first\n[    0.000000] not another record").Add("x\n");
  EXPECT_EQ(
      ReadRing(ring).text,
      "[    0.000000] first\n               [    0.000000] not another record\n[    0.000000] x\n               \n");
}

TEST(PanicMessages, CallerId) {
  PrintkBuilder ring(kLittle64, kVirtual);
  ring.Add(Record{.text = "a\nb", .caller_id = 123}).Add(Record{.text = "c", .caller_id = 0x80000001});
  EXPECT_EQ(ReadRing(ring, {.caller_id = CallerId::kShow}).text,
            "[    0.000000][  T123] a\n                       b\n[    0.000000][    C1] c\n");
}

TEST(PanicMessages, AnyByteIsHandedOn) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte == '\n' ? ' ' : byte);
  PrintkBuilder ring(kLittle64, kVirtual);
  ring.Add(all);
  EXPECT_EQ(ReadRing(ring).text, "[    0.000000] " + all + "\n");
}

TEST(PanicMessages, UnfinishedAndEmptyRecordsAreSkipped) {
  PrintkBuilder ring(kLittle64, kVirtual);
  ring.Add(Record{.text = "half", .state = State::kReserved})
      .Add(Record{.text = "committed", .state = State::kCommitted})
      .Add("")
      .Add(Record{.text = "reusable", .state = State::kReusable})
      .Add("end");
  const Read read = ReadRing(ring);
  EXPECT_EQ(read.text, "[    0.000000] committed\n[    0.000000] end\n");
  EXPECT_EQ(read.summary.half_written, 1U);
  EXPECT_EQ(read.summary.damaged, 0U);
}

TEST(PanicMessages, AHeadThatMovedBeforeItsDescriptor) {
  PrintkBuilder ring(kLittle64, kVirtual, 3);
  for (int i = 0; i < 20; ++i) ring.Add(std::to_string(i));
  const Read before = ReadRing(ring);
  EXPECT_EQ(before.summary.records, 8U);
  // The oldest gives way, the head moves, and the machine dies.
  ring.StoreWord(ring.TailOffset(), ring.oldest_id() + 1);
  ring.StoreWord(ring.HeadOffset(), ring.newest_id() + 1);
  const Read read = ReadRing(ring);
  EXPECT_EQ(read.summary.records, 7U);
  EXPECT_EQ(read.summary.half_written, 1U);
  EXPECT_EQ(read.summary.damaged, 0U);
}

TEST(PanicMessages, AnEmptyRing) { EXPECT_EQ(ReadRing(PrintkBuilder(kLittle64, kVirtual)).text, ""); }

TEST(PanicMessages, TheNewestBytesAreKept) {
  PrintkBuilder ring(kLittle64, kVirtual);
  for (const char* text : {"a", "b", "c", "d"}) ring.Add(text);  // lines of 17 bytes
  EXPECT_EQ(ReadRing(ring, {.newest_bytes = 68}).summary.left_out, 0U);
  const Read read = ReadRing(ring, {.newest_bytes = 67});
  EXPECT_EQ(read.text, "[    0.000000] b\n[    0.000000] c\n[    0.000000] d\n");
  EXPECT_EQ(read.summary.left_out, 2U);  // with the ring's first place, which never held a record
  EXPECT_EQ(ReadRing(ring, {.newest_bytes = 17}).text, "[    0.000000] d\n");
  EXPECT_EQ(ReadRing(ring, {.newest_bytes = 16}).text, "");
  EXPECT_EQ(ReadRing(ring, {.newest_bytes = 0}).text, "");
}

TEST(PanicMessages, AnErrorOfTheSinkIsHandedOn) {
  PrintkBuilder ring(kLittle64, kVirtual);
  ring.Add("a").Add("b");
  VmcoreBuilder builder;
  ring.AddTo(builder, kPhysical);
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

TEST(PanicMessages, DamageCostsOneRecord) {
  const auto damaged = [](auto damage) {
    PrintkBuilder ring(kLittle64, kVirtual);
    ring.Add("first").Add("second").Add("third");
    damage(ring, ring.newest_id() - 1);
    const Read read = ReadRing(ring);
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

TEST(PanicMessages, ALengthBeyondTheBlockIsCut) {
  PrintkBuilder ring(kLittle64, kVirtual);
  ring.Add("12345678").Add("next");
  ring.Store(ring.InfoOffset(ring.newest_id() - 1) + 16, 2, 60000);
  EXPECT_EQ(ReadRing(ring).text, "[    0.000000] 12345678\n[    0.000000] next\n");
}

TEST(PanicMessages, ABlockThatEndsWithTheRing) {
  // Newer kernels fill the ring to its last byte; a position of the next round then ends the block.
  PrintkBuilder ring(kLittle64, kVirtual, 5, 6);
  ring.Add(std::string(24, 'a')).Add(std::string(8, 'b'));
  const uint64_t id = ring.newest_id();
  EXPECT_EQ(ReadRing(ring).text, "[    0.000000] " + std::string(24, 'a') + "\n[    0.000000] bbbbbbbb\n");
  // 32 bytes are used of 64: let b's block be the other 32.
  ring.StoreWord(ring.DescriptorOffset(id) + 16, 0);
  ring.Store(ring.InfoOffset(id) + 16, 2, 24);
  EXPECT_EQ(ReadRing(ring).text,
            "[    0.000000] " + std::string(24, 'a') + "\n[    0.000000] bbbbbbbb" + std::string(16, '\0') + "\n");
}

TEST(PanicMessages, EndsThatMakeNoSense) {
  PrintkBuilder ring(kLittle64, kVirtual, 3);
  for (int i = 0; i < 20; ++i) ring.Add(std::to_string(i));
  const std::string expected = ReadRing(ring).text;
  ring.StoreWord(ring.TailOffset(), ring.newest_id() + 5);  // as good as 2^62 records
  const Read read = ReadRing(ring);
  EXPECT_EQ(read.text, expected);
  EXPECT_EQ(read.summary.damaged, 0U);
}

TEST(PanicMessages, MissingMemoryCostsWhatIsThere) {
  PrintkBuilder ring(kLittle64, kVirtual);
  ring.Add("first").Add("second");
  VmcoreBuilder builder;
  ring.AddKeysTo(builder);
  // All but the end of the text: the second record's bytes.
  std::vector<uint8_t> memory = ring.memory();
  memory.resize(ring.text_offset() + 16 + 8);
  builder.AddLoad({.physical = kPhysical, .data = memory, .virtual_address = kVirtual});
  const Read read = ReadFrom(builder);
  EXPECT_EQ(read.text, "[    0.000000] first\n");
  EXPECT_EQ(read.summary.damaged, 1U);
}

TEST(PanicMessages, AHugeRingOfNothingEndsSoon) {
  PrintkBuilder ring(kLittle64, kVirtual);
  ring.Add("x");
  ring.Store(16, 4, 26);  // count_bits
  ring.StoreWord(ring.TailOffset(), ring.newest_id() + 1);
  const Read read = ReadRing(ring, {.newest_bytes = 1 << 20});
  EXPECT_EQ(read.error, "");
  EXPECT_LE(read.summary.damaged, 1U << 16);
}

TEST(PanicMessages, OtherLogsAreNamed) {
  VmcoreBuilder builder;
  EXPECT_EQ(ReadFrom(builder).error, "VMCOREINFO says nothing of a log: neither SYMBOL(prb) nor SYMBOL(log_buf)");
  builder.Info("SYMBOL(log_buf)", "ffffffff81000000");
  EXPECT_EQ(ReadFrom(builder).error, "the log has the form of Linux before 5.10, which this version cannot read");
  builder.Info("SYMBOL(prb)", "ffffffff81000000");
  EXPECT_EQ(ReadFrom(builder).error, "VMCOREINFO lacks OFFSET(printk_ringbuffer.desc_ring)");
  builder.Info("SYMBOL(prb)", "here");
  EXPECT_EQ(ReadFrom(builder).error, "VMCOREINFO: SYMBOL(prb) has no valid value");
}

TEST(PanicMessages, StructuresThatMakeNoSense) {
  PrintkBuilder ring(kLittle64, kVirtual);
  VmcoreBuilder keys;
  ring.AddTo(keys, kPhysical);
  EXPECT_EQ(ReadFrom(VmcoreBuilder(keys).Info("SIZE(prb_desc)", "5000")).error,
            "VMCOREINFO: SIZE(prb_desc) is 5000, above 4096");
  ring.Store(16, 4, 27);
  VmcoreBuilder many;
  ring.AddTo(many, kPhysical);
  EXPECT_EQ(ReadFrom(many).error, "log: a ring of 2^27 descriptors and 2^10 bytes of text");
  VmcoreBuilder nothing;
  ring.AddKeysTo(nothing);
  EXPECT_EQ(ReadFrom(nothing).error.substr(0, 30), "log: prb: address 0xc0200000: ");
}

TEST(PanicMessages, RandomDamage) {
  std::minstd_rand random(11);
  for (int round = 0; round < 300; ++round) {
    PrintkBuilder ring(kLittle64, kVirtual, 4, 9);
    for (int i = 0; i < 40; ++i) ring.Add(std::string(random() % 60, static_cast<char>('a' + i % 26)));
    for (int i = 0; i < 8; ++i) ring.memory()[random() % ring.memory().size()] = static_cast<uint8_t>(random());
    const Read read = ReadRing(ring);
    EXPECT_LE(read.text.size(), 64U * 1024U);
  }
}

}  // namespace
}  // namespace crashdump
